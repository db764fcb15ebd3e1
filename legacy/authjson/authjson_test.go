package authjson_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kinring/kinring/internal/filelock/filelocktest"
	_ "github.com/kinring/kinring/legacy/authjson"
	"github.com/kinring/kinring/store"
	"github.com/kinring/kinring/store/storetest"
)

func TestMain(m *testing.M) {
	filelocktest.Main()
	writerMain()
	storetest.WorkerMain(openConformance)
	os.Exit(m.Run())
}

var (
	loginKey = store.Key{Service: "Codex Auth", Account: "cli|186293cbcd01a1e8"}
	entryKey = store.Key{Service: "Codex MCP Credentials", Account: "alpha|0fa27740350fa9ac"}
	otherKey = store.Key{Service: "Codex MCP Credentials", Account: "beta|55c3abd7da4af1cf"}
)

const (
	oldLogin = "{\n  \"auth_mode\": \"apikey\",\n  \"OPENAI_API_KEY\": \"sk-test-old-0001\"\n}"
	newLogin = `{"auth_mode":"apikey","OPENAI_API_KEY":"sk-test-new-0002"}`

	// The shape of Codex's entries; 0.169.0 writes them without white space.
	oldEntry   = `{"server_name":"alpha","server_url":"https://alpha.invalid/mcp","client_id":"made-up","access_token":"made-up-a","expires_at":9999999999999,"refresh_token":"made-up-r","scopes":[]}`
	newEntry   = `{"server_name":"alpha","server_url":"https://alpha.invalid/mcp","client_id":"made-up","access_token":"made-up-a2","expires_at":null,"refresh_token":null,"scopes":["x"]}`
	otherEntry = `{"server_name":"beta","server_url":"https://beta.invalid/mcp","client_id":"made-up","access_token":"made-up-b","expires_at":null,"refresh_token":null,"scopes":[]}`
)

// layout is what tests of both layouts need to know of each.
type layout struct {
	name, file string
	key        store.Key
	old, new   string   // values
	oldFile    string   // the file that holds old
	newFile    string   // the same file once new has replaced old
	locks      []string // in the order in which they are taken
}

var layouts = []layout{
	{"authjson", "auth.json", loginKey, oldLogin, newLogin, oldLogin, newLogin,
		[]string{"auth.lock", "auth.json.lock"}},
	{"credentialsjson", ".credentials.json", entryKey, oldEntry, newEntry,
		"{ \"" + entryKey.Account + "\" : " + oldEntry + " }\n", "{ \"" + entryKey.Account + "\" : " + newEntry + " }\n",
		// The digest is SHA-256 of the account, as Codex 0.169.0 names it.
		[]string{"mcp-oauth-locks/52c9229aaaa03e9a7303fc1c5d9fc9f017e1efa42db655bd9bef934ee04884fd.lock", "mcp-oauth-locks/file-store.lock"}},
}

// both runs a test for each layout, in an empty home.
func both(t *testing.T, test func(t *testing.T, l layout, home string)) {
	for _, l := range layouts {
		t.Run(l.name, func(t *testing.T) { test(t, l, t.TempDir()) })
	}
}

func (l layout) path(home string) string { return filepath.Join(home, l.file) }

func (l layout) config(home string) store.SourceConfig {
	return store.SourceConfig{Name: "older", Service: l.key.Service, Vars: map[string]string{"home": home}, Keys: []store.SourceKey{{Key: l.key}}}
}

func (l layout) open(t testing.TB, home string) store.Store {
	t.Helper()
	registered, err := store.LayoutFor(l.name)
	if err != nil {
		t.Fatal(err)
	}
	s, err := registered.Open(l.config(home))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// holding opens a source whose file holds the old value.
func (l layout) holding(t testing.TB, home string) store.Store {
	t.Helper()
	write(t, l.path(home), l.oldFile)
	return l.open(t, home)
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func item(value string) store.Item { return store.Item{Value: store.NewValue([]byte(value))} }

func within(t testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func wantClass(t testing.TB, what string, err error, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v; want %v", what, err, want)
	}
}

// wantFile compares a file with what it should hold; no text means no file.
func wantFile(t testing.TB, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if want == "" {
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is there: %v", path, err)
		}
		return
	}
	if err != nil || string(got) != want {
		t.Errorf("%s holds %q, %v; want %q", path, got, err, want)
	}
}

// snapshot describes everything below a folder.
func snapshot(t testing.TB, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		b.WriteString(path + " " + info.Mode().String() + " " + info.ModTime().String())
		if d.Type().IsRegular() && info.Size() < 1<<20 {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			b.Write(data)
		}
		b.WriteByte('\n')
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestGet(t *testing.T) {
	both(t, func(t *testing.T, l layout, home string) {
		s := l.holding(t, home)
		before := snapshot(t, home)
		got, err := s.Get(t.Context(), l.key)
		if err != nil || string(got.Value.Bytes()) != l.old || got.Revision == "" || got.Record.Present() {
			t.Errorf("get: %q, revision %q, %v; want %q", got.Value.Bytes(), got.Revision, err, l.old)
		}
		entries, err := s.List(t.Context(), "")
		if err != nil || len(entries) != 1 || entries[0].Key != l.key || entries[0].Revision != got.Revision {
			t.Errorf("list: %v, %v; want the one key with revision %q", entries, err, got.Revision)
		}
		if after := snapshot(t, home); after != before {
			t.Errorf("reading changed something:\n%s\nwas\n%s", after, before)
		}
	})
}

func TestNothingThere(t *testing.T) {
	both(t, func(t *testing.T, l layout, home string) {
		for name, dir := range map[string]string{"no file": home, "no folder": filepath.Join(home, "none", "home")} {
			s := l.open(t, dir)
			_, err := s.Get(t.Context(), l.key)
			wantClass(t, name+": get", err, store.ErrNotFound)
			wantClass(t, name+": delete", s.Delete(t.Context(), l.key, store.Any()), store.ErrNotFound)
			wantClass(t, name+": delete a revision", s.Delete(t.Context(), l.key, store.Match("r")), store.ErrConflict)
			if entries, err := s.List(t.Context(), ""); err != nil || len(entries) != 0 {
				t.Errorf("%s: list: %v, %v", name, entries, err)
			}
		}
		if left, err := os.ReadDir(home); err != nil || len(left) != 0 {
			t.Errorf("looking left something behind: %v, %v", left, err)
		}
	})
}

func TestPutAndDelete(t *testing.T) {
	both(t, func(t *testing.T, l layout, home string) {
		s := l.holding(t, home)
		first, err := s.Get(t.Context(), l.key)
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Put(t.Context(), l.key, item(l.new), store.Absent())
		wantClass(t, "put over something under absent", err, store.ErrConflict)
		_, err = s.Put(t.Context(), l.key, item(l.new), store.Match("stale"))
		wantClass(t, "put under a stale match", err, store.ErrConflict)
		wantFile(t, l.path(home), l.oldFile)
		rev, err := s.Put(t.Context(), l.key, item(l.new), store.Match(first.Revision))
		if err != nil || rev == "" || rev == first.Revision {
			t.Fatalf("put under match: %q, %v", rev, err)
		}
		wantFile(t, l.path(home), l.newFile)
		wantClass(t, "delete of an earlier revision", s.Delete(t.Context(), l.key, store.Match(first.Revision)), store.ErrConflict)
		wantFile(t, l.path(home), l.newFile)
		if err := s.Delete(t.Context(), l.key, store.Match(rev)); err != nil {
			t.Fatal(err)
		}
		wantFile(t, l.path(home), "")
		if _, err := s.Put(t.Context(), l.key, item(l.old), store.Absent()); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Get(t.Context(), l.key); err != nil || string(got.Value.Bytes()) != l.old {
			t.Errorf("get: %q, %v; want %q", got.Value.Bytes(), err, l.old)
		}
	})
}

func TestPutMakesTheHome(t *testing.T) {
	both(t, func(t *testing.T, l layout, home string) {
		home = filepath.Join(home, "new", "home")
		s := l.open(t, home)
		if _, err := s.Put(t.Context(), l.key, item(l.old), store.Any()); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Get(t.Context(), l.key); err != nil || string(got.Value.Bytes()) != l.old {
			t.Errorf("get: %q, %v", got.Value.Bytes(), err)
		}
	})
}

// TestRefusedValues: what Codex could not read, or what would not come back as
// it was, is not written.
func TestRefusedValues(t *testing.T) {
	marker := store.Record{Version: store.RecordVersion, Kind: store.KindMarker}
	large := `{"a":"` + strings.Repeat("x", store.MaxValue) + `"}`
	both(t, func(t *testing.T, l layout, home string) {
		s := l.holding(t, home)
		for _, c := range []struct {
			name string
			item store.Item
			want error
		}{
			{"nothing", item(""), store.ErrInvalid},
			{"no JSON", item("sk-test-old-0001"), store.ErrInvalid},
			{"half an object", item(l.new[:20]), store.ErrInvalid},
			{"no object", item(`["a"]`), store.ErrInvalid},
			{"not UTF-8", item("{\"a\":\"\xff\"}"), store.ErrInvalid},
			{"too deep", item(strings.Repeat(`{"a":`, 70) + "1" + strings.Repeat("}", 70)), store.ErrInvalid},
			{"too large", item(large), store.ErrTooLarge},
			{"a marker", store.Item{Record: marker}, store.ErrUnsupported},
			{"a record", store.Item{Value: store.NewValue([]byte(l.new)), Record: store.Record{Version: 1}}, store.ErrUnsupported},
		} {
			_, err := s.Put(t.Context(), l.key, c.item, store.Any())
			wantClass(t, c.name, err, c.want)
			if err != nil && strings.Contains(err.Error(), "sk-test") {
				t.Errorf("%s: the error shows the value: %v", c.name, err)
			}
		}
		wantFile(t, l.path(home), l.oldFile)
	})
}
