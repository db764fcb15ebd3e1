package emulator

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/kinring/kinring/internal/secitem"
)

// keychain is one file of the search list.
type keychain struct {
	path            string
	locked, missing bool
	items           []*fileItem
}

// fileItem is one item of a login keychain.
type fileItem struct {
	attrs secitem.Dict
	value []byte
	// partitions and trusted are who may read the value without being asked: a
	// program needs to be in both.
	partitions, trusted []string
}

func (i *fileItem) result() secitem.Dict { return maps.Clone(i.attrs) }

func (i *fileItem) matches(attrs secitem.Dict) bool {
	for k, want := range attrs {
		if !equal(i.attrs[k], want) {
			return false
		}
	}
	return true
}

func (i *fileItem) same(other *fileItem) bool {
	return i.attrs[secitem.KeyService] == other.attrs[secitem.KeyService] && i.attrs[secitem.KeyAccount] == other.attrs[secitem.KeyAccount]
}

// fileAttributes are what the login keychain keeps. Other keys are ignored.
var fileAttributes = []secitem.Key{secitem.KeyCreated, secitem.KeyModified, secitem.KeyDescription, secitem.KeyComment, "crtr", "type",
	secitem.KeyLabel, "invi", "nega", secitem.KeyAccount, secitem.KeyService, secitem.KeyGeneric}

// filePart returns the attributes that the login keychain looks at.
func filePart(d secitem.Dict) (secitem.Dict, error) {
	out := secitem.Dict{}
	for _, k := range fileAttributes {
		v, ok := d[k]
		if !ok {
			continue
		}
		value, ok := attributes[k](v)
		if !ok {
			return nil, secitem.ErrParam
		}
		out[k] = value
	}
	return out, nil
}

func fileClass(d secitem.Dict) error {
	switch s, _ := asText(d[secitem.KeyClass]); s {
	case string(secitem.GenericPassword):
		return nil
	case string(secitem.InternetPassword):
		return secitem.ErrUnimplemented // by this emulator
	}
	return secitem.ErrParam
}

func (p *Process) fileAdd(k *keychain, d secitem.Dict) (Added, error) {
	if has(d, keyReference) {
		return Added{}, secitem.ErrParam
	}
	if err := fileClass(d); err != nil {
		return Added{}, err
	}
	attrs, err := filePart(d)
	if err != nil {
		return Added{}, err
	}
	value, err := fileValue(d)
	if err != nil {
		return Added{}, err
	}
	if k.missing {
		return Added{}, secitem.ErrNoDefaultKeychain
	}
	// Assumed: a new item's key is sealed with the keychain's own.
	if err := p.unlock(k); err != nil {
		return Added{}, err
	}
	item := &fileItem{attrs: p.fileDefaults(attrs), value: value,
		partitions: []string{p.program.partition()}, trusted: []string{p.program.requirement()}}
	if slices.ContainsFunc(k.items, item.same) {
		return Added{}, secitem.ErrDuplicateItem
	}
	k.items = append(k.items, item)
	return Added{Reference: true}, nil
}

// fileValue: a new item takes text for a value too, without NUL.
func fileValue(d secitem.Dict) ([]byte, error) {
	switch v := d[secitem.KeyValueData].(type) {
	case nil:
		return nil, nil
	case []byte:
		return slices.Clone(v), nil
	case string:
		if utf8.ValidString(v) && !strings.Contains(v, "\x00") {
			return []byte(v), nil
		}
	}
	return nil, secitem.ErrParam
}

// fileDefaults: the label is the service, or else the account. Dates have
// seconds.
func (p *Process) fileDefaults(attrs secitem.Dict) secitem.Dict {
	now := p.mac.now().Truncate(time.Second)
	out := secitem.Dict{secitem.KeyClass: string(secitem.GenericPassword), secitem.KeyService: "", secitem.KeyAccount: "",
		secitem.KeyCreated: now, secitem.KeyModified: now}
	maps.Copy(out, attrs)
	if !has(out, secitem.KeyLabel) {
		out[secitem.KeyLabel] = out[secitem.KeyService]
		if out[secitem.KeyService] == "" {
			out[secitem.KeyLabel] = out[secitem.KeyAccount]
		}
	}
	return out
}

// unlock asks for the keychain's password if that is needed.
func (p *Process) unlock(k *keychain) error {
	if !k.locked {
		return nil
	}
	if _, err := p.ask(Unlock, secitem.Dict{}); err != nil {
		return err
	}
	k.locked = false
	return nil
}

// mayRead asks for what stands between the program and a value.
func (p *Process) mayRead(k *keychain, i *fileItem) error {
	if err := p.unlock(k); err != nil {
		return err
	}
	partition, requirement := p.program.partition(), p.program.requirement()
	if slices.Contains(i.partitions, partition) && slices.Contains(i.trusted, requirement) {
		return nil
	}
	answer, err := p.ask(Access, i.attrs)
	if err != nil {
		return err
	}
	if !slices.Contains(k.items, i) {
		return secitem.ErrInvalidItemRef // removed while the person was thinking
	}
	if answer == AlwaysAllow {
		i.partitions, i.trusted = append(i.partitions, partition), append(i.trusted, requirement)
	}
	return nil
}

// located is an item and the file that it is in.
type located struct {
	in *keychain
	*fileItem
}

// search finds items in the order of the search list. A file that is not there
// is passed over without a word.
func (p *Process) search(d secitem.Dict) (found []located, array bool, err error) {
	if err := fileClass(d); err != nil {
		return nil, false, err
	}
	attrs, err := filePart(d)
	if err != nil {
		return nil, false, err
	}
	limit, err := fileLimit(d)
	if err != nil {
		return nil, false, err
	}
	for _, k := range p.mac.keychains {
		for _, i := range k.items {
			if (limit < 0 || int64(len(found)) < limit) && i.matches(attrs) {
				found = append(found, located{k, i})
			}
		}
	}
	return found, limit != 1, unless(len(found) > 0, secitem.ErrItemNotFound)
}

// fileLimit returns how many items a query means, all if negative. Texts other
// than "all" mean one.
func fileLimit(d secitem.Dict) (int64, error) {
	v, ok := d[secitem.KeyMatchLimit]
	if !ok {
		return 1, nil
	}
	if text, isText := asText(v); isText {
		if text == string(secitem.MatchLimitAll) {
			return -1, unless(d[secitem.KeyReturnData] != true, secitem.ErrParam)
		}
		return 1, nil
	}
	n, isNumber := number(v)
	return n, unless(isNumber && n >= 0, secitem.ErrParam)
}

func (p *Process) fileCopy(d secitem.Dict) (matches, error) {
	found, array, err := p.search(d)
	if err != nil {
		return matches{}, err
	}
	out := matches{array: array}
	for _, i := range found {
		var item secitem.Item
		if d[secitem.KeyReturnAttrs] == true {
			item.Attributes = i.result()
		}
		if d[secitem.KeyReturnData] == true {
			if err := p.mayRead(i.in, i.fileItem); err != nil {
				return matches{}, err
			}
			item.Data = alone(slices.Clone(i.value), item.Attributes != nil)
		}
		out.items = append(out.items, item)
	}
	return out, nil
}

func (p *Process) fileUpdate(d, change secitem.Dict) error {
	found, _, err := p.search(d)
	if err != nil {
		return err
	}
	attrs, err := filePart(change)
	if err != nil {
		return err
	}
	value, hasValue := change[secitem.KeyValueData]
	bytes, ok := value.([]byte)
	if hasValue && !ok {
		return secitem.ErrParam
	}
	for _, i := range found {
		// Nothing is rolled back: the first failure is the answer, the others go on.
		err = cmp.Or(err, p.fileChange(i, attrs, bytes, hasValue))
	}
	return err
}

// fileChange asks nobody about the item: writing a value needs no right to read
// it. Assumed: a locked keychain cannot be written.
func (p *Process) fileChange(i located, attrs secitem.Dict, value []byte, hasValue bool) error {
	if err := p.unlock(i.in); err != nil {
		return err
	}
	next := &fileItem{attrs: i.result()}
	maps.Copy(next.attrs, attrs)
	if slices.ContainsFunc(i.in.items, func(other *fileItem) bool { return other != i.fileItem && other.same(next) }) {
		return secitem.ErrDuplicateItem
	}
	next.attrs[secitem.KeyModified] = p.mac.now().Truncate(time.Second)
	i.attrs = next.attrs
	if hasValue {
		i.value = slices.Clone(value)
	}
	return nil
}

func (p *Process) fileDelete(d secitem.Dict) error {
	found, _, err := p.search(d)
	if err != nil {
		return err
	}
	for _, i := range found {
		i.in.items = slices.DeleteFunc(i.in.items, func(other *fileItem) bool { return other == i.fileItem })
	}
	return nil
}
