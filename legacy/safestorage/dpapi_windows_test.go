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

// TestSystemDPAPI: what the system protected it gives back, and what was changed
// is corrupt.
func TestSystemDPAPI(t *testing.T) {
	for _, text := range []string{"", plainText} {
		sealed, err := SystemDPAPI().Protect([]byte(text))
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if plain, err := SystemDPAPI().Unprotect(sealed); err != nil || string(plain) != text {
			t.Errorf("%q: %q, %v", text, plain, err)
		}
	}
	sealed, err := SystemDPAPI().Protect([]byte(plainText))
	if err != nil {
		t.Fatal(err)
	}
	for i := range sealed {
		sealed[i] ^= 1
		if plain, err := SystemDPAPI().Unprotect(sealed); store.ClassOf(err) == nil && string(plain) != plainText {
			t.Errorf("after a change at %d: %q, %v", i, plain, err)
		}
		sealed[i] ^= 1
	}
	for _, part := range [][]byte{sealed[:len(sealed)/2], nil} {
		if _, err := SystemDPAPI().Unprotect(part); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("%d bytes of it: %v", len(part), err)
		}
	}
}

// TestDPAPIsOwnForm: a value that DPAPI alone sealed is known by its beginning.
func TestDPAPIsOwnForm(t *testing.T) {
	safe := &Safe{DPAPI: SystemDPAPI()}
	sealed, err := safe.Seal(t.Context(), WindowsDPAPI, []byte(plainText))
	if err != nil {
		t.Fatal(err)
	}
	if plain, err := safe.Open(t.Context(), sealed); err != nil || string(plain) != plainText {
		t.Errorf("%q, %v", plain, err)
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
