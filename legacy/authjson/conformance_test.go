package authjson_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/kinring/kinring/internal/durable"
	"github.com/kinring/kinring/internal/filelock"
	"github.com/kinring/kinring/store"
	"github.com/kinring/kinring/store/storetest"
)

// shelf makes one store of many sources, so that the suite, which wants to keep
// any bytes under any key, can be run against sources that keep JSON objects,
// and one of which keeps a single key: each group of keys gets a Codex home of
// its own, and a value is wrapped into an object. All else is the sources' own:
// conditions, revisions, contexts, errors, locks and lists.
type shelf struct {
	layout  string
	base    string
	perKey  bool // a home for each key, not for each service
	mu      sync.Mutex
	sources map[string]store.Store
	closed  bool
}

const (
	shelfVariable = "KINRING_TEST_SHELF"
	wrapHead      = `{"v":"`
	wrapTail      = `"}`
)

func openShelf(layout, base string) *shelf {
	return &shelf{layout: layout, base: base, perKey: layout == "authjson", sources: map[string]store.Store{}}
}

// openConformance opens in a spawned process the shelf that the suite works on.
func openConformance() (store.Store, error) {
	layout, base, ok := strings.Cut(os.Getenv(shelfVariable), ":")
	if !ok {
		return nil, errors.New("no shelf is named")
	}
	return openShelf(layout, base), nil
}

func (s *shelf) group(key store.Key) string {
	name := key.Service
	if s.perKey {
		name += "\x00" + key.Account
	}
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:])
}

// source opens the source for a key once.
func (s *shelf) source(key store.Key) (store.Store, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.group(key)
	if open, ok := s.sources[g]; ok {
		return open, nil
	}
	l, err := store.LayoutFor(s.layout)
	if err != nil {
		return nil, err
	}
	source, err := l.Open(store.SourceConfig{Name: "shelf", Service: key.Service,
		Vars: map[string]string{"home": filepath.Join(s.base, g)}, Keys: []store.SourceKey{{Key: key}}})
	if err != nil {
		return nil, err
	}
	s.sources[g] = source
	if s.closed {
		return source, source.Close()
	}
	return source, nil
}

func (s *shelf) Info() store.Info {
	l, err := store.LayoutFor(s.layout)
	if err != nil {
		panic(err)
	}
	caps := l.Capabilities()
	caps.MaxValue = (store.MaxValue - len(wrapHead+wrapTail)) / 2
	return store.Info{Kind: s.layout, ID: s.base, Capabilities: caps}
}

func (s *shelf) Get(ctx context.Context, key store.Key) (store.Item, error) {
	source, err := s.source(key)
	if err != nil {
		return store.Item{}, err
	}
	got, err := source.Get(ctx, key)
	if err != nil {
		return store.Item{}, err
	}
	text := strings.TrimSuffix(strings.TrimPrefix(string(got.Value.Bytes()), wrapHead), wrapTail)
	value, err := hex.DecodeString(text)
	got.Value = store.NewValue(value)
	return got, err
}

func (s *shelf) Put(ctx context.Context, key store.Key, i store.Item, cond store.Condition) (store.Revision, error) {
	source, err := s.source(key)
	if err != nil {
		return "", err
	}
	i.Value = store.NewValue([]byte(wrapHead + hex.EncodeToString(i.Value.Bytes()) + wrapTail))
	if err := s.note(key); err != nil {
		return "", err
	}
	return source.Put(ctx, key, i, cond)
}

// note leaves a key of each group where another shelf on the same homes finds
// it, whole and for good.
func (s *shelf) note(key store.Key) error {
	text, err := json.Marshal(key)
	if err != nil {
		return err
	}
	err = durable.CreateFile(context.Background(), filepath.Join(s.base, s.group(key)+".key"), text, 0o600)
	if errors.Is(err, store.ErrConflict) {
		return nil
	}
	return err
}

func (s *shelf) Delete(ctx context.Context, key store.Key, cond store.Condition) error {
	source, err := s.source(key)
	if err != nil {
		return err
	}
	return source.Delete(ctx, key, cond)
}

// List asks every source, and one that is surely there to be asked.
func (s *shelf) List(ctx context.Context, service string) ([]store.Entry, error) {
	var all []store.Entry
	for _, key := range append(s.noted(), store.Key{Service: "shelf", Account: "shelf"}) {
		source, err := s.source(key)
		if err != nil {
			return nil, err
		}
		entries, err := source.List(ctx, service)
		if err != nil {
			return nil, err
		}
		all = append(all, entries...)
	}
	return all, nil
}

func (s *shelf) noted() []store.Key {
	var keys []store.Key
	notes, _ := filepath.Glob(filepath.Join(s.base, "*.key"))
	for _, n := range notes {
		var key store.Key
		text, err := os.ReadFile(n)
		if err == nil && json.Unmarshal(text, &key) == nil && store.CheckKey(key) == nil {
			keys = append(keys, key)
		}
	}
	return keys
}

func (s *shelf) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, source := range s.sources {
		source.Close()
	}
	return nil
}

// files returns the paths of a file in every home.
func (s *shelf) files(name string) []string {
	var paths []string
	for _, key := range s.noted() {
		paths = append(paths, filepath.Join(s.base, s.group(key), name))
	}
	return paths
}

// trouble puts something else in the place of every file, and the file back.
func (l layout) trouble(name string, class *store.Class, begin func(t testing.TB, path string)) storetest.Trouble {
	return storetest.Trouble{
		Name: name, Class: class,
		Begin: func(t testing.TB, s store.Store) store.Store {
			for _, path := range s.(*shelf).files(l.file) {
				rename(t, path, path+".aside")
				begin(t, path)
			}
			return s
		},
		End: func(t testing.TB, s store.Store) store.Store {
			for _, path := range s.(*shelf).files(l.file) {
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
				rename(t, path+".aside", path)
			}
			return s
		},
	}
}

func rename(t testing.TB, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func (l layout) troubles() []storetest.Trouble {
	return []storetest.Trouble{
		l.trouble("an empty file", store.ErrCorrupt, func(t testing.TB, path string) { write(t, path, "") }),
		l.trouble("half a file", store.ErrCorrupt, func(t testing.TB, path string) { write(t, path, l.oldFile[:20]) }),
		l.trouble("a long file", store.ErrTooLarge, func(t testing.TB, path string) { write(t, path, strings.Repeat(" ", 17<<20)) }),
		l.trouble("a folder", store.ErrCorrupt, func(t testing.TB, path string) {
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
		}),
		l.trouble("a symlink", store.ErrDenied, func(t testing.TB, path string) {
			if err := os.Symlink(path+".aside", path); err != nil {
				t.Skipf("no symlinks here: %v", err)
			}
		}),
	}
}

// hold takes the lock that is taken last, in every home.
func (l layout) hold(t testing.TB, s store.Store) (release func()) {
	var held []*filelock.Lock
	for _, path := range s.(*shelf).files(l.locks[len(l.locks)-1]) {
		one, err := filelock.Acquire(t.Context(), path, filelock.Options{Mode: 0o600})
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, one)
	}
	return func() {
		for _, one := range held {
			one.Unlock()
		}
	}
}

func TestConformance(t *testing.T) {
	deviations := map[string]map[string]string{
		"credentialsjson": {"I3/revisions": "the file keeps nothing of an entry but its text, " +
			"so that writing the same text again is the same revision again"},
	}
	for _, l := range layouts {
		t.Run(l.name, func(t *testing.T) {
			storetest.Run(t, storetest.Target{
				Open: func(t testing.TB) store.Store { return openShelf(l.name, t.TempDir()) },
				Reopen: func(t testing.TB, closed store.Store) store.Store {
					return openShelf(l.name, closed.(*shelf).base)
				},
				Spawn: func(t testing.TB, s store.Store, env ...string) *exec.Cmd {
					return storetest.Reexec(t, append(env, shelfVariable+"="+l.name+":"+s.(*shelf).base)...)
				},
				Hold:       l.hold,
				Troubles:   l.troubles(),
				Deviations: deviations[l.name],
			})
		})
	}
}
