package safestorage

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"

	"github.com/kinring/kinring/internal/durable"
	"github.com/kinring/kinring/store"
)

// maxLocalState bounds Local State, in which a browser keeps much else: bytes.
const maxLocalState = 32 << 20

// wrapped is what the wrapped key in Local State begins with.
const wrapped = "DPAPI"

// LocalState finds the key that an app on Windows keeps in its Local State: 32
// bytes, wrapped by DPAPI.
type LocalState struct {
	Path  string
	DPAPI DPAPI // nil: DPAPI is not there
}

// Secret returns the key of WindowsKey.
func (l LocalState) Secret(ctx context.Context, form Form) ([]byte, error) {
	if form != WindowsKey {
		return nil, &store.Error{Class: store.ErrUnsupported, Store: l.Path, Detail: "no key of " + form.String() + " is kept there"}
	}
	data, _, err := durable.ReadFile(ctx, l.Path, durable.Limits{MaxSize: maxLocalState})
	if err != nil {
		return nil, err
	}
	sealed, err := WrappedKey(data)
	if err != nil {
		return nil, store.At(err, "read", l.Path, store.Key{})
	}
	if l.DPAPI == nil {
		return nil, &store.Error{Class: store.ErrUnavailable, Reason: store.ErrNoService, Store: l.Path,
			Detail: "the key is wrapped by DPAPI, which is a part of Windows", Remedy: "run it there, as the user whose key it is"}
	}
	secret, err := l.DPAPI.Unprotect(sealed)
	return secret, store.At(err, "read", l.Path, store.Key{})
}

// WrappedKey returns what DPAPI is to unwrap, from the text of a Local State. A
// text that names no key is store.ErrNotFound.
func WrappedKey(localState []byte) ([]byte, error) {
	var state struct {
		OSCrypt struct {
			EncryptedKey *string `json:"encrypted_key"`
		} `json:"os_crypt"`
	}
	bad := func(what string) error {
		return &store.Error{Class: store.ErrCorrupt, Detail: what, Remedy: "it is left as it is; the app's own backup may help"}
	}
	if err := json.Unmarshal(localState, &state); err != nil {
		return nil, bad("Local State is not the JSON that it should be")
	}
	if state.OSCrypt.EncryptedKey == nil {
		return nil, &store.Error{Class: store.ErrNotFound, Detail: "Local State names no key"}
	}
	text, err := base64.StdEncoding.DecodeString(*state.OSCrypt.EncryptedKey)
	if err != nil {
		return nil, bad("the key in Local State is not base64")
	}
	sealed, ok := bytes.CutPrefix(text, []byte(wrapped))
	if !ok || len(sealed) == 0 {
		return nil, bad("the key in Local State is not wrapped by DPAPI")
	}
	return sealed, nil
}
