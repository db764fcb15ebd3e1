package file

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/kinring/kinring/store"
	"github.com/kinring/kinring/store/storetest"
)

// shelf makes one store of many sources, each of which keeps one key in a file of
// its own, so that the suite can be run on them. Formats that are text get values
// in hexadecimal. All else is the sources' own.
type shelf struct {
	base    string
	options map[string]string
	text    bool
	mu      *sync.Mutex
	sources map[store.Key]store.Store
	closed  bool
}

func newShelf(base string, options map[string]string) *shelf {
	return &shelf{base: base, options: options, text: options["format"] != "bytes", mu: &sync.Mutex{}, sources: map[store.Key]store.Store{}}
}

func (s *shelf) source(key store.Key) (store.Store, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if open, ok := s.sources[key]; ok {
		return open, nil
	}
	sum := sha256.Sum256([]byte(key.Service + "\x00" + key.Account))
	source, err := Layout{}.Open(store.SourceConfig{Name: "shelf", Path: filepath.Join(s.base, hex.EncodeToString(sum[:8]), "secret"),
		Options: s.options, Keys: []store.SourceKey{{Key: key}}})
	if err != nil {
		return nil, err
	}
	if s.closed {
		return source, source.Close()
	}
	s.sources[key] = source
	return source, nil
}

func (s *shelf) Info() store.Info {
	return store.Info{Kind: layoutName, ID: s.base, Capabilities: Layout{}.Capabilities()}
}

func (s *shelf) Get(ctx context.Context, key store.Key) (store.Item, error) {
	source, err := s.source(key)
	if err != nil {
		return store.Item{}, err
	}
	item, err := source.Get(ctx, key)
	if err == nil && s.text {
		plain, _ := hex.DecodeString(string(item.Value.Bytes()))
		item.Value = store.NewValue(plain)
	}
	return item, err
}

func (s *shelf) Put(ctx context.Context, key store.Key, item store.Item, cond store.Condition) (store.Revision, error) {
	source, err := s.source(key)
	if err != nil {
		return "", err
	}
	if err := store.CheckItem(item, s.Info().Capabilities); err == nil && s.text {
		item.Value = store.NewValue([]byte(hex.EncodeToString(item.Value.Bytes())))
	}
	return source.Put(ctx, key, item, cond)
}

func (s *shelf) Delete(ctx context.Context, key store.Key, cond store.Condition) error {
	source, err := s.source(key)
	if err != nil {
		return err
	}
	return source.Delete(ctx, key, cond)
}

func (s *shelf) List(ctx context.Context, service string) ([]store.Entry, error) {
	if _, err := s.source(store.Key{Service: "any", Account: "one, so that a closed shelf fails"}); err != nil {
		return nil, err
	}
	s.mu.Lock()
	var all []store.Store
	for _, source := range s.sources {
		all = append(all, source)
	}
	s.mu.Unlock()
	var out []store.Entry
	for _, source := range all {
		entries, err := source.List(ctx, service)
		if err != nil {
			return nil, err
		}
		out = append(out, entries...)
	}
	return out, nil
}

func (s *shelf) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, source := range s.sources {
		if err := source.Close(); err != nil {
			return err
		}
	}
	return nil
}

// reopen opens the same files anew.
func (s *shelf) reopen() *shelf {
	fresh := newShelf(s.base, s.options)
	for key := range s.sources {
		if _, err := fresh.source(key); err != nil {
			panic(err) // it could be opened before
		}
	}
	return fresh
}

func TestConformance(t *testing.T) {
	same := map[string]string{
		"I3/revisions": "the file keeps nothing but the value, so that the same value again has the same revision again",
	}
	inText := maps.Clone(same)
	inText["limit/value"] = "the shelf doubles what it writes as text"
	all := []map[string]string{
		{"format": "bytes"},
		{"format": "yaml", "pointer": "/login/token"},
		{"format": "line"},
		{"format": "json", "pointer": "/login/token"},
		{"format": "toml", "pointer": "/login/token"},
	}
	if os.Getenv("KINRING_LONG") == "" {
		all = all[:2] // the simplest and the hardest
	}
	for _, options := range all {
		t.Run(options["format"], func(t *testing.T) {
			target := storetest.Target{
				Open:       func(t testing.TB) store.Store { return newShelf(inMemory(t), options) },
				Reopen:     func(_ testing.TB, closed store.Store) store.Store { return closed.(*shelf).reopen() },
				Deviations: same,
			}
			if options["format"] != "bytes" {
				target.Deviations = inText
			}
			storetest.Run(t, target)
		})
	}
}

// inMemory returns a directory that syncs quickly, where the system has one.
func inMemory(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "kinring-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}
