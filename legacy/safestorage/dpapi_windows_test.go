package safestorage

import (
	"bytes"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/kinring/kinring/store"
)

// TestSystemDPAPI: what the system protected it gives back, in the form that
// values without a key of their own have, and what was changed is corrupt.
func TestSystemDPAPI(t *testing.T) {
	safe := &Safe{DPAPI: SystemDPAPI()}
	sealed, err := safe.Seal(t.Context(), WindowsDPAPI, []byte(plainText))
	if err != nil {
		t.Fatal(err)
	}
	if form, err := FormOf("windows", sealed); form != WindowsDPAPI {
		t.Errorf("%s, %v", form, err)
	}
	if plain, err := safe.Open(t.Context(), sealed); err != nil || string(plain) != plainText {
		t.Errorf("%q, %v", plain, err)
	}
	sealed[len(sealed)-20] ^= 1
	if plain, err := safe.Open(t.Context(), sealed); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("after a change: %q, %v", plain, err)
	}
}

// TestLocalStateOfTheSystem: a key that DPAPI wrapped, as an app keeps it.
func TestLocalStateOfTheSystem(t *testing.T) {
	dpapi := SystemDPAPI()
	wrappedKey, err := dpapi.Protect(bytes.Repeat([]byte{0xa5}, gcmKeyBytes))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "Local State")
	text := `{"os_crypt":{"encrypted_key":"` + base64.StdEncoding.EncodeToString(append([]byte(wrapped), wrappedKey...)) + `"}}`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	safe := &Safe{Keys: LocalState{path, dpapi}, DPAPI: dpapi}
	if plain, err := safe.Open(t.Context(), sealed(t, WindowsKey, vectors[4].sealed)); err != nil || string(plain) != plainText {
		t.Errorf("%q, %v", plain, err)
	}
}
