// Package keyring finds the keys that an app on Linux keeps in the desktop's
// keyring. It is apart from the forms so that only a program that looks there
// links a D-Bus library.
package keyring

import (
	"context"
	"errors"

	"github.com/kinring/kinring/backend/secretservice"
	"github.com/kinring/kinring/legacy/safestorage"
	"github.com/kinring/kinring/store"
)

// Attributes by which an app's item is found in the desktop's keyring.
const (
	attributeSchema = "xdg:schema"
	attributeApp    = "application"
	attributeID     = "app_id" // of a sandboxed app; empty for others
	schemaPortal    = "org.freedesktop.portal.Secret"
)

// schemas are what the item's may be. Chromium itself goes by the application alone:
// so does the empty one, which finds what was written without libsecret.
var schemas = []string{"chrome_libsecret_os_crypt_password_v2", ""}

// Keys finds an app's keys through the Secret Service API. KWallet's own API is
// not spoken.
type Keys struct {
	// App is the application attribute: "chromium", "Code".
	App string
	// Options say which bus, and whether a person may be asked to unlock.
	Options secretservice.Options
}

// Secret returns the text of the app's item for LinuxKeyring, and the portal's
// secret for LinuxPortal. Locked items are never passed over.
func (k Keys) Secret(ctx context.Context, form safestorage.Form) ([]byte, error) {
	searches := k.searches(form)
	if len(searches) == 0 {
		return nil, &store.Error{Class: store.ErrUnsupported, Detail: "the keyring has no key of " + form.String()}
	}
	conn, err := secretservice.Connect(ctx, k.Options)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	for _, attributes := range searches {
		secret, err := k.find(ctx, conn, attributes)
		if !errors.Is(err, store.ErrNotFound) {
			return secret, err
		}
	}
	return nil, &store.Error{Class: store.ErrNotFound, Store: "secret-service", Detail: "the keyring has no item of " + k.App}
}

func (k Keys) searches(form safestorage.Form) (out []map[string]string) {
	switch form {
	case safestorage.LinuxPortal:
		return []map[string]string{{attributeID: "", attributeSchema: schemaPortal}}
	case safestorage.LinuxKeyring:
		for _, schema := range schemas {
			attributes := map[string]string{attributeApp: k.App}
			if schema != "" {
				attributes[attributeSchema] = schema
			}
			out = append(out, attributes)
		}
	}
	return out
}

// find returns the secret of the one item with the attributes.
func (k Keys) find(ctx context.Context, conn *secretservice.Conn, attributes map[string]string) ([]byte, error) {
	items, err := conn.Search(ctx, attributes)
	if err != nil {
		return nil, err
	}
	switch len(items) {
	case 0:
		return nil, &store.Error{Class: store.ErrNotFound}
	case 1:
		secret, err := conn.Secret(ctx, items[0])
		defer secret.Value.Wipe()
		return secret.Value.Bytes(), err
	}
	return nil, &store.Error{Class: store.ErrAmbiguous, Store: "secret-service", Detail: "the keyring has several items of " + k.App,
		Remedy: "remove those that the app does not use, in the desktop's password manager"}
}
