package store

import (
	"fmt"
	"log/slog"
	"strings"
	"unicode/utf8"
)

// Key names a secret: a service and an account, as every keychain has them.
// Both are compared byte for byte; nothing is normalised.
type Key struct {
	Service string
	Account string
}

// Compare orders keys by service, then by account.
func (k Key) Compare(o Key) int {
	if c := strings.Compare(k.Service, o.Service); c != 0 {
		return c
	}
	return strings.Compare(k.Account, o.Account)
}

// Redacted returns the key as errors and logs show it: the service, and of the
// account no more than its first four characters, because accounts hold names
// and addresses of people.
func (k Key) Redacted() string {
	const shown = 4
	r := []rune(k.Account)
	if len(r) <= shown {
		return k.Service + "/" + k.Account
	}
	return k.Service + "/" + string(r[:shown]) + "…"
}

// LogValue returns the redacted key.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.Redacted()) }

// CheckKey refuses a key that some store could not hold: an empty part, a part
// over its limit, text that is not UTF-8 (D-Bus takes nothing else) or that
// holds a NUL (C strings end there). Every store calls it before it is touched.
func CheckKey(k Key) error {
	if err := checkPart("service", k.Service, MaxService); err != nil {
		return err
	}
	return checkPart("account", k.Account, MaxAccount)
}

func checkPart(name, s string, limit int) error {
	switch {
	case s == "":
		return &Error{Class: ErrInvalid, Detail: "the " + name + " is empty", Remedy: "name a service and an account"}
	case len(s) > limit:
		return &Error{Class: ErrTooLarge,
			Detail: fmt.Sprintf("the %s has %d bytes", name, len(s)),
			Remedy: fmt.Sprintf("use at most %d bytes", limit)}
	case !utf8.ValidString(s):
		return &Error{Class: ErrInvalid, Detail: "the " + name + " is not UTF-8", Remedy: "encode it as UTF-8"}
	case strings.ContainsRune(s, 0):
		return &Error{Class: ErrInvalid, Detail: "the " + name + " holds a NUL byte", Remedy: "leave it out"}
	}
	return nil
}
