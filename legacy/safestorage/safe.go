package safestorage

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"sync"

	"github.com/kinring/kinring/store"
)

// Keys finds the secrets from which an app's keys are made.
type Keys interface {
	// Secret returns the secret of a form, or store.ErrNotFound only if the place
	// where the app keeps it was read and holds none. The caller may change the
	// result.
	Secret(ctx context.Context, form Form) ([]byte, error)
}

// DPAPI is the data protection of Windows for the user who is signed in.
type DPAPI interface {
	Protect(plain []byte) ([]byte, error)
	Unprotect(sealed []byte) ([]byte, error)
}

// Safe is the safe storage of one app. Its methods may be called from any number
// of goroutines.
type Safe struct {
	// GOOS is the system whose forms the app uses; empty means this one.
	GOOS string
	// Keys finds the app's keys; nil means that there is none to be had.
	Keys Keys
	// DPAPI is needed for WindowsDPAPI only.
	DPAPI DPAPI
	// Remember keeps each secret once it was found, for stores that ask a person
	// for every look. A value that does not decrypt is tried with the key as it is
	// then.
	Remember bool

	mu    sync.Mutex
	holds int
	found map[Form][]byte
}

func (s *Safe) goos() string {
	if s.GOOS == "" {
		return runtime.GOOS
	}
	return s.GOOS
}

// Usual returns the form in which the app writes new values. basic says that it
// was told to do without a keyring.
func (s *Safe) Usual(basic bool) (Form, error) {
	switch goos := s.goos(); {
	case goos == "linux" && basic:
		return LinuxBasic, nil
	case goos == "linux":
		return LinuxKeyring, nil
	case len(forms[goos]) > 0:
		return forms[goos][0], nil
	default:
		return 0, &store.Error{Class: store.ErrUnsupported, Detail: "no form of encryption is known on " + goos}
	}
}

// Seal encrypts in a form.
func (s *Safe) Seal(ctx context.Context, form Form, plain []byte) ([]byte, error) {
	if form == WindowsDPAPI {
		return s.dpapi(func(d DPAPI) ([]byte, error) { return d.Protect(plain) })
	}
	secret, err := s.secret(ctx, form)
	if err != nil {
		return nil, keyless(form, err)
	}
	defer clear(secret)
	return form.Seal(secret, plain)
}

// Open decrypts whatever form the value has.
func (s *Safe) Open(ctx context.Context, sealed []byte) ([]byte, error) {
	form, err := FormOf(s.goos(), sealed)
	if err != nil {
		return nil, err
	}
	if form == WindowsDPAPI {
		return s.dpapi(func(d DPAPI) ([]byte, error) { return d.Unprotect(sealed) })
	}
	plain, err := s.openAs(ctx, form, sealed)
	if errors.Is(err, store.ErrCorrupt) && s.forget(form) {
		return s.openAs(ctx, form, sealed) // the key may have become another one
	}
	return plain, err
}

func (s *Safe) openAs(ctx context.Context, form Form, sealed []byte) ([]byte, error) {
	secret, err := s.secret(ctx, form)
	if errors.Is(err, store.ErrNotFound) && form == LinuxKeyring {
		if plain, emptyErr := openEmpty(bytes.TrimPrefix(sealed, prefixes[form])); emptyErr == nil {
			return plain, nil
		}
	}
	if err != nil {
		return nil, keyless(form, err)
	}
	defer clear(secret)
	return form.Open(secret, sealed)
}

func (s *Safe) dpapi(f func(DPAPI) ([]byte, error)) ([]byte, error) {
	if s.DPAPI == nil {
		return nil, keyless(WindowsDPAPI, &store.Error{Class: store.ErrUnavailable, Reason: store.ErrNoService,
			Detail: "DPAPI is a part of Windows", Remedy: "run it there, as the user who wrote the value"})
	}
	return f(s.DPAPI)
}

// keyless says that a key is wanting. One that is not there is a locked value,
// not an absent one.
func keyless(form Form, err error) error {
	detail := "the key of " + form.String() + " cannot be had"
	if errors.Is(err, store.ErrNotFound) {
		return &store.Error{Class: store.ErrLocked, Err: err, Detail: "the key of " + form.String() + " is not there",
			Remedy: "start the app once so that it finds or makes its key; a value that an older key sealed needs that key back"}
	}
	own, ok := err.(*store.Error)
	if !ok {
		return err
	}
	return &store.Error{Class: own.Class, Reason: own.Reason, Err: err, Detail: detail}
}

// secret returns a copy of a form's secret. LinuxBasic needs none.
func (s *Safe) secret(ctx context.Context, form Form) ([]byte, error) {
	switch {
	case form == LinuxBasic:
		return nil, nil
	case s.Keys == nil:
		return nil, &store.Error{Class: store.ErrUnavailable, Reason: store.ErrNoService, Detail: "this program looks for no keys",
			Remedy: "import the package that finds them"}
	}
	if secret, ok := s.recall(form); ok {
		return secret, nil
	}
	secret, err := s.Keys.Secret(ctx, form)
	if err == nil {
		s.note(form, secret)
	}
	return secret, err
}

func (s *Safe) recall(form Form) ([]byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	secret, ok := s.found[form]
	return bytes.Clone(secret), ok
}

func (s *Safe) note(form Form, secret []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.holds == 0 && !s.Remember {
		return
	}
	if s.found == nil {
		s.found = map[Form][]byte{}
	}
	s.found[form] = bytes.Clone(secret)
}

// forget drops what is remembered of a form and reports whether it was.
func (s *Safe) forget(form Form) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	secret, ok := s.found[form]
	clear(secret)
	delete(s.found, form)
	return ok
}

// Hold remembers the secrets that are found until end is called, so that many
// values cost one look. end may be called once.
func (s *Safe) Hold() (end func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.holds++
	return func() {
		s.mu.Lock()
		s.holds--
		last := s.holds == 0 && !s.Remember
		s.mu.Unlock()
		if last {
			s.Wipe()
		}
	}
}

// Wipe forgets all secrets.
func (s *Safe) Wipe() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for form, secret := range s.found {
		clear(secret)
		delete(s.found, form)
	}
}
