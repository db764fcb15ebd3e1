package vault

import (
	"crypto/fips140"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kinring/kinring/store"
	"github.com/kinring/kinring/store/storetest"
)

// fipsWork does everything that a vault does, in a process that may use nothing
// but what FIPS 140-3 allows: Go panics or fails at the first thing else. The
// vault at path is one with Argon2id and XChaCha20-Poly1305.
func fipsWork(path string) error {
	if !fips140.Enforced() {
		return errors.New("the process is not restricted")
	}
	mine := filepath.Join(filepath.Dir(path), "fips.db")
	if err := GenerateKeyFile(background, DefaultKeyFile(mine)); err != nil {
		return err
	}
	o := options(mine)
	o.Keys = append(o.Keys, phrase("a phrase"))
	if err := Create(background, o); err != nil {
		return fmt.Errorf("create: %w", err)
	}
	if _, err := AddKey(background, o, phrase("another")); err != nil {
		return fmt.Errorf("add key: %w", err)
	}
	if err := RemoveKey(background, o, 3); err != nil {
		return fmt.Errorf("remove key: %w", err)
	}
	for range 2 {
		for _, source := range o.Keys {
			if err := fipsUse(Options{Path: mine, Keys: []KeySource{source}}); err != nil {
				return fmt.Errorf("use by %s: %w", source, err)
			}
		}
		if d, err := Rekey(background, o, RekeyOptions{}); err != nil || d.Cipher != CipherAESGCM {
			return fmt.Errorf("rekey: %+v, %w", d, err)
		}
	}
	return fipsRefused(path)
}

func fipsUse(o Options) error {
	s, err := Open(background, o)
	if err != nil {
		return err
	}
	if _, err := s.Put(background, key("there"), item(sentinel), store.Any()); err != nil {
		return err
	}
	if _, err := s.Get(background, key("there")); err != nil {
		return err
	}
	if _, err := s.List(background, ""); err != nil {
		return err
	}
	if _, err := s.Get(background, key("missing")); !errors.Is(err, store.ErrNotFound) {
		return err
	}
	if err := s.Delete(background, key("there"), store.Any()); err != nil {
		return err
	}
	return s.Close()
}

// fipsRefused: what may not be used is refused, with the way out.
func fipsRefused(path string) error {
	o := options(path)
	o.Cipher = CipherXChaCha
	for what, err := range map[string]error{
		"open":            openOnly(o),
		"by a passphrase": openOnly(Options{Path: path, Keys: []KeySource{phrase("a phrase")}}),
		"create":          Create(background, Options{Path: path + "2", Keys: o.Keys, Cipher: CipherXChaCha}),
	} {
		if !errors.Is(err, store.ErrUnsupported) && !errors.Is(err, store.ErrLocked) {
			return fmt.Errorf("%s: %w", what, err)
		}
		fmt.Println(what + ": " + err.Error())
	}
	return nil
}

func openOnly(o Options) error {
	s, err := Open(background, o)
	if err == nil {
		err = s.Close()
	}
	return err
}

func init() { workerRoles["fips"] = fipsWork }

func TestWithNothingButFIPS(t *testing.T) {
	withoutRaces(t)
	path := newVaultIn(t, t.TempDir(), cheap)
	if _, err := addKey(t.Context(), options(path), phrase("a phrase"), cheap.cost); err != nil {
		t.Fatal(err)
	}
	cmd := storetest.Reexec(t, workerRole+"=fips", workerPath+"="+path, "GODEBUG=fips140=only")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if n := strings.Count(string(out), CipherAESGCM); n != 2 {
		t.Errorf("%d of the refusals name the way out:\n%s", n, out)
	}
}
