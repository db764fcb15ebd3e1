package emulator

import (
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/kinring/kinring/internal/secitem"
)

// The data-protection keychain checks every key and the type of its value
// (SecDbQuery.c).

// call is which function a query belongs to.
type call int

const (
	adding call = iota
	copying
	changing
	deleting
	changes
)

// attributes that a generic password may have, by the type of their value.
var attributes = map[secitem.Key]func(any) (any, bool){
	secitem.KeyAccessGroup: asText, secitem.KeyService: asText, secitem.KeyAccount: asText, secitem.KeyLabel: asText,
	secitem.KeyDescription: asText, secitem.KeyComment: asText, "vwht": asText, keyTokenID: asText,
	secitem.KeyGeneric: asData, "alis": asData,
	secitem.KeyCreated: asDate, secitem.KeyModified: asDate,
	"crtr": asNumber, "type": asNumber, "scrp": asNumber, "invi": asNumber, "nega": asNumber, "cusi": asNumber, keyTombstone: asNumber,
	secitem.KeySynchronizable: asNumber, secitem.KeyAccessible: asAccessible,
}

// asText refuses bytes that are no UTF-8: no CFString can hold them.
func asText(v any) (any, bool) {
	switch v := v.(type) {
	case string:
		return v, utf8.ValidString(v)
	case secitem.Constant:
		return string(v), true
	}
	return nil, false
}

func asData(v any) (any, bool)   { b, ok := v.([]byte); return slices.Clone(b), ok }
func asDate(v any) (any, bool)   { t, ok := v.(time.Time); return t, ok }
func asNumber(v any) (any, bool) { n, ok := number(v); return n, ok }

// number takes a boolean for a number, as CoreFoundation's do.
func number(v any) (int64, bool) {
	switch v := v.(type) {
	case int64:
		return v, true
	case bool:
		if v {
			return 1, true
		}
		return 0, true
	}
	return 0, false
}

// accessible are the protection classes, and whether each can be read while the
// screen is locked.
var accessible = map[string]bool{"ak": false, "aku": false, "akpu": false, "ck": true, "cku": true, "dk": true, "dku": true}

func asAccessible(v any) (any, bool) {
	s, ok := asText(v)
	if !ok {
		return nil, false
	}
	_, ok = accessible[s.(string)]
	return s, ok
}

// query is a query as the data-protection keychain understands it.
type query struct {
	// attrs are what items must match, or what an item gets.
	attrs    secitem.Dict
	value    []byte
	hasValue bool
	anySync  bool
	// limit is the most items to return; all if negative. set: the query named it.
	limit              int64
	limited            bool
	attributes, data   bool
	reference, persist bool
	ui                 string
}

// parse checks a query. Nothing is looked up yet.
func parse(c call, d secitem.Dict) (query, error) {
	q := query{attrs: secitem.Dict{}, limit: 1}
	if err := class(c, d); err != nil {
		return q, err
	}
	// The order of a dictionary is no order: of several faults any may be told.
	for _, k := range slices.Sorted(maps.Keys(d)) {
		if err := q.key(c, k, d[k]); err != nil {
			return q, err
		}
	}
	if !has(q.attrs, secitem.KeySynchronizable) && !q.anySync && c != changes {
		q.attrs[secitem.KeySynchronizable] = int64(0)
	}
	return q, nil
}

func class(c call, d secitem.Dict) error {
	v, said := d[secitem.KeyClass]
	if c == changes {
		return nil
	}
	s, ok := asText(v)
	switch {
	case !said || !ok:
		return secitem.ErrParam
	case s == string(secitem.GenericPassword):
		return nil
	case slices.Contains([]string{"inet", "cert", "keys", "idnt", "apls"}, s.(string)):
		return secitem.ErrUnimplemented // by this emulator
	}
	return secitem.ErrNoSuchClass
}

func (q *query) key(c call, k secitem.Key, v any) error {
	if as, ok := attributes[k]; ok {
		return q.attribute(c, k, v, as)
	}
	if c == changes && (k == secitem.KeyClass || k == secitem.KeyDataProtection || prefixed("m_", "r_")(k)) {
		return secitem.ErrNoSuchAttr
	}
	switch {
	case k == secitem.KeyClass, k == secitem.KeyDataProtection:
		return nil
	case slices.Contains([]secitem.Key{keyAccessControl, "clip", keySharingGroup, keyReference, "u_SystemKeychain"}, k):
		return secitem.ErrParam // of the types that a Dict can hold, none is right
	case k == keyPersistent:
		return secitem.ErrParam
	case k == secitem.KeyValueData:
		q.value, q.hasValue = v.([]byte)
		return unless(q.hasValue, secitem.ErrParam)
	case strings.HasPrefix(string(k), "r_"):
		return q.returns(k, v)
	case strings.HasPrefix(string(k), "m_"):
		return q.match(k, v)
	case strings.HasPrefix(string(k), "u_"):
		return q.use(c, k, v)
	case len(k) == 4:
		return secitem.ErrNoSuchAttr
	}
	return secitem.ErrParam
}

func (q *query) attribute(c call, k secitem.Key, v any, as func(any) (any, bool)) error {
	if text, ok := asText(v); ok && k == secitem.KeySynchronizable && text == string(secitem.SynchronizableAny) && c != adding && c != changes {
		q.anySync = true
		return nil
	}
	value, ok := as(v)
	if !ok {
		return secitem.ErrParam
	}
	q.attrs[k] = value
	return nil
}

func (q *query) returns(k secitem.Key, v any) error {
	b, ok := v.(bool)
	switch k {
	case secitem.KeyReturnAttrs:
		q.attributes = b
	case secitem.KeyReturnData:
		q.data = b
	case secitem.KeyReturnRef:
		q.reference = b
	case keyReturnReference:
		q.persist = b
	default:
		ok = false
	}
	return unless(ok, secitem.ErrParam)
}

func (q *query) match(k secitem.Key, v any) error {
	if k != secitem.KeyMatchLimit {
		return secitem.ErrUnimplemented // match keys are for certificates and keys
	}
	text, _ := asText(v)
	n, isNumber := number(v)
	switch {
	case text == string(secitem.MatchLimitAll):
		q.limit, q.limited = -1, true
	case text == string(secitem.MatchLimitOne):
		q.limit = 1
	case isNumber && n >= 0:
		q.limit, q.limited = n, n != 1
	default:
		return secitem.ErrParam
	}
	return nil
}

func (q *query) use(c call, k secitem.Key, v any) error {
	text, isText := asText(v)
	switch k {
	case secitem.KeyAuthUI:
		known := []any{string(secitem.AuthUIAllow), string(secitem.AuthUIFail), string(secitem.AuthUISkip)}
		if !slices.Contains(known, text) || text == string(secitem.AuthUISkip) && c != copying {
			return secitem.ErrParam
		}
		q.ui = text.(string)
		return nil
	case "u_OpPrompt":
		return unless(isText, secitem.ErrParam)
	case "u_NoAuthUI":
		if v == true {
			q.ui = string(secitem.AuthUIFail)
		}
		return nil
	}
	return secitem.ErrParam
}

func unless(ok bool, err error) error {
	if ok {
		return nil
	}
	return err
}
