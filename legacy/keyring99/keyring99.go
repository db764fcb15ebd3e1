// Package keyring99 reads and writes what programs built on
// github.com/99designs/keyring keep on Linux, as legacy sources. Importing it
// registers two layouts:
//
//	keyring99      items in a collection of the desktop's keyring
//	keyring99file  one encrypted file a key
//
// Both keep the library's own JSON object, whose field Data is the value; the
// account is the library's key, and the service is none of its. A write leaves
// the other fields of an object as they are.
//
// # Items
//
// An item lies in a collection that the library names after its configuration's
// LibSecretCollectionName, or else ServiceName: the source's path, or else its
// service. It has one attribute, profile, with the key. The library makes the
// collection when it is missing, which takes a person's password; this source
// does not.
//
// # Files
//
// A file in the folder that is the source's path is named by the key, with "/"
// and "%" percent-encoded, and holds one JWE in compact form (RFC 7516):
// PBES2-HS256+A128KW and A256GCM under the passphrase of the file that the
// profile's variable passphrase names. Without one, what can be read without a
// passphrase still can: which keys there are, and they can be deleted. The
// library writes its files in place.
//
// Source: keyring v1.2.2, secretservice.go and file.go.
package keyring99

import (
	"bytes"
	"encoding/json"
	"errors"

	"github.com/kinring/kinring/legacy/internal/items"
	"github.com/kinring/kinring/store"
)

func init() {
	store.RegisterLayout(Items{layout})
	store.RegisterLayout(Files{})
}

// Items is the layout "keyring99".
type Items struct{ items.Layout }

var layout = items.Layout{
	Kind:        "keyring99",
	Attributes:  items.Attributes{"profile": items.Account},
	Label:       items.Account,
	ContentType: "application/json",
	Codec:       object{},
}

// Open returns the source.
func (l Items) Open(config store.SourceConfig) (store.Store, error) {
	name := config.Path
	if name == "" {
		name = config.Service
	}
	l.Home = items.Named(name, nil)
	l.Searches = []items.Search{{Attributes: l.Attributes, In: l.Home}}
	l.Service = config.Service
	return l.Layout.Open(config)
}

// object is the library's JSON object around a value.
type object struct{}

// dataField holds the value, as base64; keyField the key.
const (
	dataField = "Data"
	keyField  = "Key"
)

var (
	errNoObject = errors.New("it is not a JSON object")
	errNoData   = errors.New("it has no field Data with a value in base64")
)

// Decode returns the value of an object. An object whose Data is null has an
// empty value: that is how the library writes none.
func (object) Decode(text []byte) ([]byte, error) {
	var o map[string]json.RawMessage
	if json.Unmarshal(text, &o) != nil || o == nil {
		return nil, errNoObject
	}
	raw, there := o[dataField]
	var value []byte
	if !there || json.Unmarshal(raw, &value) != nil {
		return nil, errNoData
	}
	return value, nil
}

// fresh is a new object as the library makes it.
type fresh struct {
	Key                         string
	Data                        []byte
	Label                       string
	Description                 string
	KeychainNotTrustApplication bool
	KeychainNotSynchronizable   bool
}

// Encode puts a value into the object that is there, or into a new one.
func (object) Encode(key store.Key, value, before []byte) ([]byte, error) {
	if len(bytes.TrimSpace(before)) == 0 {
		return json.Marshal(fresh{Key: key.Account, Data: value})
	}
	var o map[string]json.RawMessage
	if json.Unmarshal(before, &o) != nil || o == nil {
		return nil, &store.Error{Class: store.ErrCorrupt, Detail: errNoObject.Error()}
	}
	for name, v := range map[string]any{keyField: key.Account, dataField: value} {
		raw, err := json.Marshal(v)
		if err != nil {
			return nil, err
		}
		o[name] = raw
	}
	return json.Marshal(o)
}
