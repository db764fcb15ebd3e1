package safestorage

import (
	"bytes"
	"fmt"

	"github.com/kinring/kinring/store"
)

// Form is one way of encrypting.
type Form uint8

// The forms.
const (
	DarwinKey Form = iota + 1
	LinuxBasic
	LinuxKeyring
	LinuxPortal
	WindowsKey
	WindowsDPAPI
)

// names are what messages call the forms.
var names = map[Form]string{
	DarwinKey: "v10 with the login keychain's key", LinuxBasic: "v10 with the key that everybody knows",
	LinuxKeyring: "v11 with the keyring's key", LinuxPortal: "v12 with the portal's secret",
	WindowsKey: "v10 with the key of Local State", WindowsDPAPI: "DPAPI alone",
}

// String says in words which form it is.
func (f Form) String() string { return names[f] }

// prefixes are what a value of each form begins with. The one of raw DPAPI is
// the version of its blob and the provider's identifier, df9d8cd0-1501-11d1-8c7a-00c04fc297eb.
var prefixes = map[Form][]byte{
	DarwinKey: []byte("v10"), LinuxBasic: []byte("v10"), LinuxKeyring: []byte("v11"),
	LinuxPortal: []byte("v12"), WindowsKey: []byte("v10"),
	WindowsDPAPI: {1, 0, 0, 0, 0xd0, 0x8c, 0x9d, 0xdf, 1, 0x15, 0xd1, 0x11, 0x8c, 0x7a, 0, 0xc0, 0x4f, 0xc2, 0x97, 0xeb},
}

// forms are those that a system's programs use. GOOS names the system.
var forms = map[string][]Form{
	"darwin":  {DarwinKey},
	"linux":   {LinuxBasic, LinuxKeyring, LinuxPortal},
	"windows": {WindowsKey, WindowsDPAPI},
}

// FormOf returns the form of a value that a program on a system wrote; goos is
// the system as runtime.GOOS names it. What begins like none of its forms is
// store.ErrUnsupported: clear text, or something newer.
func FormOf(goos string, sealed []byte) (Form, error) {
	for _, f := range forms[goos] {
		if bytes.HasPrefix(sealed, prefixes[f]) {
			return f, nil
		}
	}
	return 0, &store.Error{Class: store.ErrUnsupported,
		Detail: fmt.Sprintf("the value begins with %q, which no form of encryption known on %s does", start(sealed), goos),
		Remedy: "update this program, or let the app that wrote it write it again"}
}

// start shows the prefix that a value has where a version stands, and nothing of
// one that has none: it may be clear text.
func start(sealed []byte) string {
	if len(sealed) >= 3 && sealed[0] == 'v' && digit(sealed[1]) && digit(sealed[2]) {
		return string(sealed[:3])
	}
	return ""
}

func digit(c byte) bool { return '0' <= c && c <= '9' }

// cipher returns the cipher of a form with a key made from a secret.
func (f Form) cipher(secret []byte) (sealer, error) {
	switch f {
	case DarwinKey:
		return newCBC(secret, darwinRounds)
	case LinuxBasic:
		return newCBC([]byte(basicPassword), linuxRounds)
	case LinuxKeyring:
		return newCBC(secret, linuxRounds)
	case LinuxPortal:
		return newPortal(secret)
	case WindowsKey:
		return newGCM(secret)
	}
	return nil, &store.Error{Class: store.ErrUnsupported, Detail: "there is no cipher of the form " + f.String()}
}

// sealer is a cipher without its prefix.
type sealer interface {
	seal(plain []byte) ([]byte, error)
	open(sealed []byte) ([]byte, error)
}

// Seal encrypts with a key that is made from the secret: the item's text, the
// portal's secret, or the key of Local State. LinuxBasic needs none.
func (f Form) Seal(secret, plain []byte) ([]byte, error) {
	c, err := f.cipher(secret)
	if err != nil {
		return nil, err
	}
	sealed, err := c.seal(plain)
	return append(bytes.Clone(prefixes[f]), sealed...), err
}

// Open decrypts. It checks nothing of the content; see the package comment for
// what that means in the forms that are not authenticated. On Linux a value that
// does not decrypt is tried with the key of the empty password: Chromium wrote
// such values when a keyring gave it nothing.
func (f Form) Open(secret, sealed []byte) ([]byte, error) {
	body, ok := bytes.CutPrefix(sealed, prefixes[f])
	if !ok {
		return nil, corrupt("it does not begin as " + f.String() + " does")
	}
	c, err := f.cipher(secret)
	if err != nil {
		return nil, err
	}
	plain, err := c.open(body)
	if err != nil && (f == LinuxBasic || f == LinuxKeyring) {
		if plain, emptyErr := openEmpty(body); emptyErr == nil {
			return plain, nil
		}
	}
	return plain, err
}

// corrupt is the error of a value that cannot be what was written.
func corrupt(what string) error {
	return &store.Error{Class: store.ErrCorrupt, Detail: "the value cannot be decrypted: " + what,
		Remedy: "it is left as it is; see that the app's key is the one that it was written with, or sign in again there"}
}

// IsForm reports whether a value begins as one of a form does.
func IsForm(sealed []byte, f Form) bool { return bytes.HasPrefix(sealed, prefixes[f]) }
