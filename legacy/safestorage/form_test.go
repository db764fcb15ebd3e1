package safestorage

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/kinring/kinring/store"
)

const (
	plainText = "made up: naïve token"
	itemText  = "Zm9ydHktdHdvIGlzIG9rIQ==" // made up
)

// vectors were made by OpenSSL's command (CBC) and by Node's crypto (GCM), with
// the secrets beside them.
var vectors = []struct {
	form   Form
	goos   string
	secret []byte
	sealed string // hexadecimal, without the prefix
}{
	{LinuxBasic, "linux", nil, "6cc8faa5c0ab2b6b4e7e58ad26bc2e704e8cc8070c4b2a3f97d62371df3bbc6f"},
	{LinuxKeyring, "linux", []byte(itemText), "dbb715b8f63acf4e9a9d976314bd355c036ae82974439c4bc41e5d73cf195942"},
	{DarwinKey, "darwin", []byte(itemText), "53ab7f8e3347100434b3068671315092dba471883f34843f4036000b680f9e6c"},
	{LinuxPortal, "linux", bytes.Repeat([]byte{0x5a}, 64),
		"000102030405060708090a0b2cc48b3e8e19e86b7772d611b399f828358e7e352c32657b9417b1d18661632cd34dfc1b02"},
	{WindowsKey, "windows", bytes.Repeat([]byte{0xa5}, 32),
		"000102030405060708090a0beba489e0a8912b176df39d9ebc204dd422198910924d95492bbc1555b95958c0aec49cb721"},
}

// emptyKey is the CBC vector sealed with the key of the empty password.
const emptyKey = "db23900d8fd0cb1d7d5f42931beaf11f42ef364a196327a612d5a6f852bc0f7b"

// authenticated reports whether a changed value is always noticed.
func authenticated(f Form) bool { return f >= LinuxPortal }

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func sealed(t testing.TB, f Form, text string) []byte {
	t.Helper()
	return append(bytes.Clone(prefixes[f]), unhex(t, text)...)
}

// TestI1OpensWhatOthersSealed: other implementations' values are read, and in the
// forms without a random part sealed to the very same bytes.
func TestI1OpensWhatOthersSealed(t *testing.T) {
	for _, v := range vectors {
		blob := sealed(t, v.form, v.sealed)
		if form, err := FormOf(v.goos, blob); err != nil || form != v.form {
			t.Errorf("%s: taken for %s, %v", v.form, form, err)
		}
		if plain, err := v.form.Open(v.secret, blob); err != nil || string(plain) != plainText {
			t.Errorf("%s: %q, %v", v.form, plain, err)
		}
		ours, err := v.form.Seal(v.secret, []byte(plainText))
		if err != nil || !authenticated(v.form) && !bytes.Equal(ours, blob) {
			t.Errorf("%s: sealed to %x, %v", v.form, ours, err)
		}
	}
}

// TestI1SealThenOpen: every length comes back, and GCM never repeats itself.
func TestI1SealThenOpen(t *testing.T) {
	for _, v := range vectors {
		for n := range 67 {
			plain := bytes.Repeat([]byte{'x'}, n)
			one, err := v.form.Seal(v.secret, plain)
			if err != nil {
				t.Fatal(err)
			}
			two, _ := v.form.Seal(v.secret, plain)
			if authenticated(v.form) && bytes.Equal(one, two) {
				t.Errorf("%s: a nonce is used twice", v.form)
			}
			if got, err := v.form.Open(v.secret, one); err != nil || !bytes.Equal(got, plain) {
				t.Errorf("%s, %d bytes: %q, %v", v.form, n, got, err)
			}
		}
	}
}

// TestEmptyPasswordOnRead: what Chromium sealed with no key at all is read on
// Linux, and only there.
func TestEmptyPasswordOnRead(t *testing.T) {
	for _, f := range []Form{LinuxBasic, LinuxKeyring} {
		if plain, err := f.Open([]byte(itemText), sealed(t, f, emptyKey)); err != nil || string(plain) != plainText {
			t.Errorf("%s: %q, %v", f, plain, err)
		}
	}
	if _, err := DarwinKey.Open([]byte(itemText), sealed(t, DarwinKey, emptyKey)); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("on macOS: %v", err)
	}
}

// TestTamperingIsCorrupt: every flipped bit and every truncation of an
// authenticated value is noticed; the prefix says which form it is.
func TestTamperingIsCorrupt(t *testing.T) {
	for _, v := range vectors {
		if !authenticated(v.form) {
			continue
		}
		blob := sealed(t, v.form, v.sealed)
		for i := 3 * 8; i < len(blob)*8; i++ {
			bad := bytes.Clone(blob)
			bad[i/8] ^= 1 << (i % 8)
			if _, err := v.form.Open(v.secret, bad); !errors.Is(err, store.ErrCorrupt) {
				t.Fatalf("%s: bit %d flipped: %v", v.form, i, err)
			}
		}
		for n := 3; n < len(blob); n++ {
			if _, err := v.form.Open(v.secret, blob[:n]); !errors.Is(err, store.ErrCorrupt) {
				t.Fatalf("%s: cut to %d: %v", v.form, n, err)
			}
		}
	}
}

// TestCBCWrongKey: a wrong key is bad padding, mostly. It never passes for
// absence.
func TestCBCWrongKey(t *testing.T) {
	noticed := 0
	const keys = 512
	for i := range keys {
		_, err := DarwinKey.Open([]byte{byte(i), byte(i >> 8)}, sealed(t, DarwinKey, vectors[2].sealed))
		switch {
		case errors.Is(err, store.ErrCorrupt) && strings.Contains(err.Error(), "bad padding"):
			noticed++
		case err != nil:
			t.Fatal(err)
		}
	}
	// One in 256 slips: that is what the package says of these forms.
	if noticed < keys-10 || noticed == 0 {
		t.Errorf("%d of %d wrong keys were noticed", noticed, keys)
	}
}

func TestCBCMalformed(t *testing.T) {
	for _, body := range []string{"", "00", strings.Repeat("00", 15), strings.Repeat("00", 17)} {
		if _, err := LinuxBasic.Open(nil, sealed(t, LinuxBasic, body)); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("%d bytes: %v", len(body)/2, err)
		}
	}
}

// TestI8NoValueInErrors: clear text that is no value of any form does not get
// into the error.
func TestI8NoValueInErrors(t *testing.T) {
	for _, c := range []struct{ goos, value, shown string }{
		{"linux", "s3cret in clear text", `""`}, {"linux", "v13abc", `"v13"`}, {"linux", "", `""`}, {"linux", "v1", `""`},
		{"darwin", "v11abc", `"v11"`}, {"plan9", "v10abc", `"v10"`}, {"windows", "v11abc", `"v11"`},
	} {
		_, err := FormOf(c.goos, []byte(c.value))
		if !errors.Is(err, store.ErrUnsupported) || !strings.Contains(err.Error(), c.shown) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%q on %s: %v", c.value, c.goos, err)
		}
	}
}

func TestKeysOfTheWrongSize(t *testing.T) {
	if _, err := WindowsKey.Seal([]byte("short"), nil); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("a short key: %v", err)
	}
	if _, err := LinuxPortal.Seal(nil, nil); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("no portal secret: %v", err)
	}
	if _, err := WindowsDPAPI.Seal(nil, nil); !errors.Is(err, store.ErrUnsupported) {
		t.Errorf("DPAPI without DPAPI: %v", err)
	}
}

// FuzzOpen: whatever the bytes, the answer is a value or a class, and a value
// sealed again is the same value.
func FuzzOpen(f *testing.F) {
	for _, v := range vectors {
		f.Add(v.goos, v.secret, sealed(f, v.form, v.sealed))
	}
	f.Add("linux", []byte(itemText), sealed(f, LinuxKeyring, emptyKey))
	f.Add("windows", []byte{}, prefixes[WindowsDPAPI])
	f.Fuzz(func(t *testing.T, goos string, secret, blob []byte) {
		form, err := FormOf(goos, blob)
		if err != nil {
			if store.ClassOf(err) == nil {
				t.Fatalf("no class: %v", err)
			}
			return
		}
		plain, err := form.Open(secret, blob)
		if err != nil {
			if store.ClassOf(err) == nil {
				t.Fatalf("no class: %v", err)
			}
			return
		}
		again, err := form.Seal(secret, plain)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := form.Open(secret, again); err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("sealed again: %q, %v", got, err)
		}
	})
}
