package keyring_test

import (
	"errors"
	"testing"

	"github.com/kinring/kinring/backend/secretservice"
	"github.com/kinring/kinring/internal/keyringtest"
	"github.com/kinring/kinring/legacy/safestorage"
	"github.com/kinring/kinring/legacy/safestorage/keyring"
	"github.com/kinring/kinring/store"
)

const made = "bWFkZSB1cCBrZXkgdGV4dA=="

// put makes an item of the app as Chromium does.
func put(t *testing.T, bus *keyringtest.Bus, value string, attributes map[string]string) {
	t.Helper()
	conn, err := secretservice.Connect(t.Context(), secretservice.Options{Address: bus.Address})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	collection, err := conn.DefaultCollection(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, err = conn.Create(t.Context(), collection, secretservice.NewItem{Label: "Code Safe Storage", Attributes: attributes,
		Secret: secretservice.Secret{Value: store.NewValue([]byte(value))}})
	if err != nil {
		t.Fatal(err)
	}
}

func schemaOf(app, version string) map[string]string {
	return map[string]string{"application": app, "xdg:schema": "chrome_libsecret_os_crypt_password" + version}
}

// TestKeyringFindsTheAppsItem: the newest schema first, another app's never, and
// the portal's secret by its own.
func TestKeyringFindsTheAppsItem(t *testing.T) {
	bus := keyringtest.NewGNOME(t).Bus
	k := keyring.Keys{App: "Code", Options: secretservice.Options{Address: bus.Address}}
	if _, err := k.Secret(t.Context(), safestorage.LinuxKeyring); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("nothing there: %v", err)
	}
	put(t, bus, "another", schemaOf("Code - Insiders", "_v2"))
	put(t, bus, "old", schemaOf("Code", ""))
	put(t, bus, "portal", map[string]string{"app_id": "", "xdg:schema": "org.freedesktop.portal.Secret"})
	put(t, bus, "a sandboxed app's", map[string]string{"app_id": "org.example.other", "xdg:schema": "org.freedesktop.portal.Secret"})
	wantSecret(t, k, safestorage.LinuxKeyring, "old")
	put(t, bus, made, schemaOf("Code", "_v2"))
	wantSecret(t, k, safestorage.LinuxKeyring, made)
	wantSecret(t, k, safestorage.LinuxPortal, "portal")
	if _, err := k.Secret(t.Context(), safestorage.DarwinKey); !errors.Is(err, store.ErrUnsupported) {
		t.Errorf("a key of macOS: %v", err)
	}
	put(t, bus, "twice", map[string]string{"application": "Code", "xdg:schema": "chrome_libsecret_os_crypt_password_v2", "n": "2"})
	if _, err := k.Secret(t.Context(), safestorage.LinuxKeyring); !errors.Is(err, store.ErrAmbiguous) {
		t.Errorf("two items: %v", err)
	}
}

func wantSecret(t *testing.T, k safestorage.Keys, form safestorage.Form, want string) {
	t.Helper()
	if secret, err := k.Secret(t.Context(), form); err != nil || string(secret) != want {
		t.Errorf("%s: %q, %v; want %q", form, secret, err, want)
	}
}

// TestI4KeyringLockedOrAway: a locked keyring, one that is not running and a
// session without a bus are told apart, and never mean that there is no key.
func TestI4KeyringLockedOrAway(t *testing.T) {
	gnome := keyringtest.NewGNOME(t)
	put(t, gnome.Bus, made, schemaOf("Code", "_v2"))
	k := keyring.Keys{App: "Code", Options: secretservice.Options{Address: gnome.Bus.Address}}
	s := &safestorage.Safe{GOOS: "linux", Keys: k}
	sealed, err := s.Seal(t.Context(), safestorage.LinuxKeyring, []byte("made up"))
	if err != nil {
		t.Fatal(err)
	}
	gnome.Lock(t)
	wantClass(t, s, sealed, store.ErrLocked)
	gnome.Stop(t)
	wantClass(t, s, sealed, store.ErrNoService)
	k.Options.Address = "unix:path=/nonexistent/bus"
	wantClass(t, &safestorage.Safe{GOOS: "linux", Keys: k}, sealed, store.ErrOutOfReach)
}

func wantClass(t *testing.T, s *safestorage.Safe, sealed []byte, want error) {
	t.Helper()
	if _, err := s.Open(t.Context(), sealed); !errors.Is(err, want) {
		t.Errorf("open: %v, want %v", err, want)
	}
	if _, err := s.Seal(t.Context(), safestorage.LinuxKeyring, []byte("x")); !errors.Is(err, want) {
		t.Errorf("seal: %v, want %v", err, want)
	}
}
