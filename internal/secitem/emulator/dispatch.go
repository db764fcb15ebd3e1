package emulator

import (
	"maps"
	"slices"
	"strings"

	"github.com/kinring/kinring/internal/secitem"
)

// The public functions look at a query and send it to one keychain or to both
// (SecItem.cpp, SecItemCategorizeQuery).

// Keys of the interface that kinring itself never uses.
const (
	keySharingGroup    secitem.Key = "ggrp"
	keySystemAlways    secitem.Key = "u_SystemKeychainAlways"
	keyReference       secitem.Key = "v_Ref"
	keyPersistent      secitem.Key = "v_PersistentRef"
	keyReturnReference secitem.Key = "r_PersistentRef"
	keyTokenID         secitem.Key = "tkid"
	keyAccessControl   secitem.Key = "accc"
	keyTombstone       secitem.Key = "tomb"
	keyAccess          secitem.Key = "acls"
	keySearchList      secitem.Key = "m_SearchList"
	keyKeychain        secitem.Key = "u_Keychain"
)

// fileOnly are keys that only the login keychain understands.
var fileOnly = []secitem.Key{"m_ItemList", keySearchList, "m_SubjectStartsWith", "m_SubjectEndsWith", "m_SubjectWholeString",
	"m_DiacriticInsensitive", "m_WidthInsensitive", "u_ItemList", keyKeychain, keyAccess, "prf", "salt", "rounds"}

// categorize says which keychains a query goes to.
func categorize(q secitem.Dict) (dp, file bool, err error) {
	flag, said := q[secitem.KeyDataProtection]
	for _, forces := range []secitem.Key{keySharingGroup, keySystemAlways} {
		if v, ok := q[forces]; ok && v != false {
			if said && flag != true {
				return false, false, secitem.ErrParam
			}
			flag, said = true, true
		}
	}
	if said {
		return flag == true, flag != true, nil
	}
	dp, file = true, true
	if has(q, keyTokenID) || has(q, keyAccessControl) || q.String(secitem.KeyAccessGroup) == secitem.TokenGroup {
		file = false
	}
	if s, ok := number(q[secitem.KeySynchronizable]); ok && s != 0 {
		file = false
	}
	if slices.ContainsFunc(fileOnly, func(k secitem.Key) bool { return has(q, k) }) || !has(q, secitem.KeyClass) {
		dp = false
	}
	if !dp && !file {
		return false, false, secitem.ErrParam
	}
	return dp, file, nil
}

func has(d secitem.Dict, k secitem.Key) bool { _, ok := d[k]; return ok }

// Either half sees the query without what is the other one's.

func withoutDP(q secitem.Dict) secitem.Dict {
	return without(q, func(k secitem.Key) bool {
		return slices.Contains([]secitem.Key{secitem.KeyAccessible, keyAccessControl, secitem.KeyAccessGroup,
			secitem.KeySynchronizable, keyTombstone}, k)
	})
}

func copyFile(q secitem.Dict) secitem.Dict {
	return without(withoutDP(q), is(secitem.KeyValueData, keyAccess))
}

func changeFile(q secitem.Dict) secitem.Dict { return without(copyFile(q), prefixed("r_")) }

func copyDP(q secitem.Dict) secitem.Dict {
	return without(q, is(secitem.KeyValueData, keyAccess, secitem.KeyModified, keySearchList, keyKeychain))
}

func addDP(q secitem.Dict) secitem.Dict {
	return without(without(q, is(secitem.KeyModified, keySearchList, keyKeychain)), prefixed("m_"))
}

func changeDP(q secitem.Dict) secitem.Dict { return without(copyDP(q), prefixed("m_", "r_")) }

func without(q secitem.Dict, drop func(secitem.Key) bool) secitem.Dict {
	out := maps.Clone(q)
	maps.DeleteFunc(out, func(k secitem.Key, _ any) bool { return drop(k) })
	return out
}

func is(keys ...secitem.Key) func(secitem.Key) bool {
	return func(k secitem.Key) bool { return slices.Contains(keys, k) }
}

func prefixed(prefixes ...string) func(secitem.Key) bool {
	return func(k secitem.Key) bool {
		return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(string(k), p) })
	}
}

// Added is what SecItemAdd gives to a caller that takes a result, which kinring
// never does.
type Added struct {
	Item secitem.Item
	// Reference: it is a SecKeychainItemRef, which only the login keychain has.
	Reference bool
}

// Add is SecItemAdd without a result.
func (p *Process) Add(attributes secitem.Dict) error {
	_, err := p.AddResult(attributes)
	return err
}

// AddResult is SecItemAdd. It goes to the login keychain if that is possible at
// all, and never to both.
func (p *Process) AddResult(attributes secitem.Dict) (Added, error) {
	defer p.begin()()
	_, file, err := categorize(attributes)
	switch {
	case err != nil:
		return Added{}, err
	case file:
		return p.fileAdd(p.mac.keychains[0], withoutDP(attributes))
	}
	return p.dpAdd(addDP(attributes))
}

// CopyMatching is SecItemCopyMatching.
func (p *Process) CopyMatching(query secitem.Dict) ([]secitem.Item, error) {
	defer p.begin()()
	dp, file, err := categorize(query)
	if err != nil {
		return nil, err
	}
	var a, b matches
	errA, errB := skipped, skipped
	if dp {
		a, errA = p.dpCopy(copyDP(query))
	}
	if file {
		b, errB = p.fileCopy(copyFile(query))
	}
	m, err := merge(a, b, errA, errB)
	return m.items, err
}

// Update is SecItemUpdate. The changes go untranslated to both halves. One that
// names no keychain and changes whether items are synchronised moves them from
// one keychain to the other, which this emulator refuses.
func (p *Process) Update(query, changes secitem.Dict) error {
	if !has(query, secitem.KeyDataProtection) && has(changes, secitem.KeySynchronizable) {
		return secitem.ErrUnimplemented
	}
	return p.both(query,
		func(q secitem.Dict) error { return p.dpUpdate(q, changes) },
		func(q secitem.Dict) error { return p.fileUpdate(q, changes) })
}

// Delete is SecItemDelete.
func (p *Process) Delete(query secitem.Dict) error { return p.both(query, p.dpDelete, p.fileDelete) }

func (p *Process) both(query secitem.Dict, dpCall, fileCall func(secitem.Dict) error) error {
	defer p.begin()()
	dp, file, err := categorize(query)
	if err != nil {
		return err
	}
	errA, errB := skipped, skipped
	if dp {
		errA = dpCall(changeDP(query))
	}
	if file {
		errB = fileCall(changeFile(query))
	}
	_, err = merge(matches{}, matches{}, errA, errB)
	return err
}

// begin takes the machine's lock and returns how to give it back.
func (p *Process) begin() func() {
	p.mac.mu.Lock()
	p.calls++
	return p.mac.mu.Unlock
}

// matches is the result of a search: items, and whether they are an array or a
// null pointer, which decides how two results become one.
type matches struct {
	items       []secitem.Item
	array, null bool
}

// skipped stands for the half that was not asked.
var skipped error = secitem.Status(0)

// merge makes one answer of two (SecItemMergeResults): a failure of the
// data-protection keychain hides behind whatever the login keychain says.
func merge(dp, file matches, dpErr, fileErr error) (matches, error) {
	switch {
	case fileErr == skipped:
		return dp, dpErr
	case dpErr == skipped, dpErr != nil:
		return file, fileErr
	case fileErr != nil:
		return dp, nil
	case dp.array && file.array:
		return matches{items: append(dp.items, file.items...), array: true}, nil
	case dp.null:
		return file, nil
	}
	return dp, nil
}
