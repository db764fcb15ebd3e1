package keyring99

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/kinring/kinring/store"
	"github.com/kinring/kinring/store/storetest"
)

// shelf makes one store of many sources, a folder for each service, because a
// folder holds the keys of one.
type shelf struct {
	base    string
	mu      sync.Mutex
	sources map[string]store.Store
	closed  bool
}

func openShelf(base string) *shelf { return &shelf{base: base, sources: map[string]store.Store{}} }

const passphrase = "made-up passphrase of a test"

func (s *shelf) dir(service string) string {
	sum := sha256.Sum256([]byte(service))
	return filepath.Join(s.base, hex.EncodeToString(sum[:8]))
}

func (s *shelf) of(service string) (store.Store, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if open, ok := s.sources[service]; ok {
		return open, nil
	}
	file := filepath.Join(s.base, "passphrase")
	if err := os.WriteFile(file, []byte(passphrase+"\n"), 0o600); err != nil {
		return nil, err
	}
	open, err := Files{}.Open(store.SourceConfig{Name: "older", Path: s.dir(service), Service: service,
		Vars: map[string]string{passphraseVariable: file}})
	if err == nil && store.CheckKey(store.Key{Service: service, Account: "a"}) == nil {
		s.sources[service] = open
	}
	if err == nil && s.closed {
		_ = open.Close()
	}
	return open, err
}

func (s *shelf) Info() store.Info {
	return store.Info{Kind: filesLayout, ID: s.base, Capabilities: Files{}.Capabilities()}
}

func (s *shelf) Get(ctx context.Context, key store.Key) (store.Item, error) {
	of, err := s.of(orAny(key.Service))
	if err != nil {
		return store.Item{}, err
	}
	return of.Get(ctx, key)
}

func (s *shelf) Put(ctx context.Context, key store.Key, item store.Item, cond store.Condition) (store.Revision, error) {
	of, err := s.of(orAny(key.Service))
	if err != nil {
		return "", err
	}
	return of.Put(ctx, key, item, cond)
}

func (s *shelf) Delete(ctx context.Context, key store.Key, cond store.Condition) error {
	of, err := s.of(orAny(key.Service))
	if err != nil {
		return err
	}
	return of.Delete(ctx, key, cond)
}

// orAny stands in for the empty service of a key that is to be refused.
func orAny(service string) string {
	if service == "" {
		return "any"
	}
	return service
}

func (s *shelf) List(ctx context.Context, service string) ([]store.Entry, error) {
	if service != "" {
		of, err := s.of(service)
		if err != nil {
			return nil, err
		}
		return of.List(ctx, service)
	}
	s.mu.Lock()
	names := make([]string, 0, len(s.sources)+1)
	for name := range s.sources {
		names = append(names, name)
	}
	s.mu.Unlock()
	var out []store.Entry
	for _, name := range append(names, "any") {
		some, err := s.List(ctx, name)
		if err != nil {
			return nil, err
		}
		out = append(out, some...)
	}
	return out, nil
}

func (s *shelf) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	var all []error
	for _, open := range s.sources {
		all = append(all, open.Close())
	}
	return errors.Join(all...)
}

// trouble damages every file.
func trouble(name string, class *store.Class, damage func(t testing.TB, path string)) storetest.Trouble {
	files := func(t testing.TB, s store.Store) []string {
		all, err := filepath.Glob(filepath.Join(s.(*shelf).base, "*", "*"))
		if err != nil || len(all) == 0 {
			t.Fatalf("no files to damage: %v", err)
		}
		return all
	}
	kept := map[string][]byte{}
	return storetest.Trouble{Name: name, Class: class,
		Begin: func(t testing.TB, s store.Store) store.Store {
			for _, path := range files(t, s) {
				text, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				kept[path] = text
				damage(t, path)
			}
			return s
		},
		End: func(t testing.TB, s store.Store) store.Store {
			for path, text := range kept {
				write(t, path, string(text))
			}
			return s
		}}
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestConformance(t *testing.T) {
	storetest.Run(t, storetest.Target{
		Open: func(t testing.TB) store.Store { return openShelf(t.TempDir()) },
		Reopen: func(_ testing.TB, closed store.Store) store.Store {
			again := openShelf(closed.(*shelf).base)
			for service := range closed.(*shelf).sources {
				_, _ = again.of(service)
			}
			return again
		},
		Troubles: []storetest.Trouble{
			trouble("half a file", store.ErrCorrupt, func(t testing.TB, path string) { write(t, path, "eyJhbGciOiJQQkVTMi1I") }),
			trouble("another passphrase", store.ErrDenied, func(t testing.TB, path string) {
				token, err := seal([]byte(`{"Data":"eA=="}`), []byte("another"))
				if err != nil {
					t.Fatal(err)
				}
				write(t, path, string(token))
			}),
		},
		Deviations: map[string]string{
			"I1/keys-awkward": "the account is a file's name, which cannot be . or ..",
			"limit/key":       "a file's name has at most 255 bytes",
		},
	})
}
