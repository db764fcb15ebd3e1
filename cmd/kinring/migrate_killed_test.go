package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kinring/kinring"
	"github.com/kinring/kinring/backend/vault"
	"github.com/kinring/kinring/store"
)

// longVariable makes tests that have a long form run it.
const longVariable = "KINRING_LONG"

// entryCount is how many entries the killed migration has: as many as a run of
// all tests can afford, or ten thousand.
func entryCount() int {
	switch {
	case os.Getenv(longVariable) != "":
		return 10000
	case testing.Short():
		return 200
	}
	return 1000
}

// migrant is a user of an older build with many entries.
type migrant struct {
	*testing.T
	dir     string
	file    string            // .credentials.json
	text    []byte            // its content
	before  os.FileInfo       // what it was before any migration
	entries map[string]string // by account, as they stand there
	middle  string            // the account that is in the middle of them
}

// newMigrant makes entries as Codex writes them, and a vault without any.
func newMigrant(t *testing.T, n int) *migrant {
	t.Helper()
	m := &migrant{T: t, dir: t.TempDir(), entries: map[string]string{}}
	m.file = filepath.Join(m.dir, "codex", ".credentials.json")
	var members []string
	for i := range n {
		account := fmt.Sprintf("made-up-%05d|%016x", i, uint64(i)*0x9e3779b97f4a7c15)
		entry := fmt.Sprintf(`{"server_name":"made-up-%05d","server_url":"https://made-up-%d.example/mcp",`+
			`"client_id":"made-up-client","access_token":"made-up-access-%d","expires_at":null,`+
			`"refresh_token":"made-up-refresh-%d","scopes":["a","b"]}`, i, i, i, i)
		m.entries[account] = entry
		members = append(members, fmt.Sprintf("%q:%s", account, entry))
		if i == n/2 {
			m.middle = account
		}
	}
	m.text = []byte("{" + strings.Join(members, ",") + "}")
	if err := os.Mkdir(filepath.Dir(m.file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(m.file, m.text, 0o600); err != nil {
		t.Fatal(err)
	}
	var err error
	if m.before, err = os.Lstat(m.file); err != nil {
		t.Fatal(err)
	}
	m.run(m.command("init"))
	return m
}

func (m *migrant) path(name string) string { return filepath.Join(m.dir, name) }

func (m *migrant) command(args ...string) *exec.Cmd {
	m.Helper()
	program, err := exec.LookPath("kinring")
	if err != nil {
		m.Fatal(err)
	}
	cmd := exec.CommandContext(m.Context(), program, args...)
	cmd.Env = append(os.Environ(), "HOME="+m.dir, "USERPROFILE="+m.dir, "LOCALAPPDATA="+m.dir, "XDG_STATE_HOME="+m.path("state"),
		"CODEX_HOME="+filepath.Dir(m.file), "KINRING_FAMILY=codex", "KINRING_PROFILE=", "KINRING_STORE=vault",
		"KINRING_VAULT="+m.path("vault"), "KINRING_KEY_FILE="+m.path("key"))
	return cmd
}

// run runs a command that has to succeed and returns what it printed.
func (m *migrant) run(cmd *exec.Cmd) []byte {
	m.Helper()
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		m.Fatalf("kinring %s: %v\n%s", strings.Join(cmd.Args[1:], " "), err, complaints.String())
	}
	return out
}

// shared opens the vault beside the programs that use it.
func (m *migrant) shared() store.Store {
	m.Helper()
	s, err := vault.Driver(vault.Options{Path: m.path("vault"), Keys: []vault.KeySource{vault.KeyFile(m.path("key"))}}).
		Open(m.Context(), store.Family{Name: "codex"})
	if err != nil {
		m.Fatal(err)
	}
	m.Cleanup(func() {
		if err := s.Close(); err != nil {
			m.Error(err)
		}
	})
	return s
}

// mcpService is the one that Codex files these entries under.
const mcpService = "Codex MCP Credentials"

// killed returns a migrant whose migration was killed half-way. One that was too
// fast to be caught does not count.
func killed(t *testing.T, n int) (*migrant, store.Store) {
	t.Helper()
	for range 10 {
		m := newMigrant(t, n)
		s := m.shared()
		if m.killHalfWay(s) {
			return m, s
		}
	}
	t.Fatal("no migration was slow enough to be killed half-way")
	return nil, nil
}

// killHalfWay kills a migration as soon as the entry in the middle is there, and
// reports whether it was still running.
func (m *migrant) killHalfWay(s store.Store) bool {
	m.Helper()
	cmd := m.command("migrate")
	if err := cmd.Start(); err != nil {
		m.Fatal(err)
	}
	for {
		_, err := s.Get(m.Context(), store.Key{Service: mcpService, Account: m.middle})
		if err == nil {
			break
		}
		if !errors.Is(err, kinring.ErrNotFound) {
			m.Fatal(err)
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		m.Fatal(err)
	}
	return cmd.Wait() != nil && m.copied(s) < len(m.entries)
}

// progress returns what status says of the migration.
func (m *migrant) progress() *migrationJSON {
	m.Helper()
	var st struct {
		Migration *migrationJSON `json:"migration"`
	}
	if err := json.Unmarshal(m.run(m.command("--json", "status", "mcp/"+m.middle)), &st); err != nil {
		m.Fatal(err)
	}
	return st.Migration
}

// TestMigrateKilled (I1, I5, I6): a migration that is killed half-way is finished
// by two others at once. Every entry is there once and as it was, legacy is what
// it was, and what status says of it is true at each point. KINRING_LONG=1 has
// ten thousand entries.
func TestMigrateKilled(t *testing.T) {
	n := entryCount()
	m, s := killed(t, n)
	if copied := m.copied(s); copied <= n/2 || copied >= n {
		t.Errorf("%d of %d entries were copied when it was killed", copied, n)
	}
	if p := m.progress(); p != nil {
		t.Errorf("a migration that was killed counts as %+v", p)
	}
	m.migrateTwice()
	if copied := m.copied(s); copied != n {
		t.Errorf("%d of %d entries are there", copied, n)
	}
	if p := m.progress(); p == nil || p.Done != n || p.Verified != n || !p.Complete || len(p.Failed) > 0 {
		t.Errorf("status says %+v", p)
	}
	m.untouched()
}

// migrateTwice lets two programs migrate at once.
func (m *migrant) migrateTwice() {
	m.Helper()
	done := make(chan error)
	for range 2 {
		go func() {
			out, err := m.command("migrate").CombinedOutput()
			if err != nil {
				err = fmt.Errorf("%w: %s", err, out)
			}
			done <- err
		}()
	}
	for range 2 {
		if err := <-done; err != nil {
			m.Error(err)
		}
	}
}

// copied counts the entries in the shared store, and fails the test if one is
// there twice, is none of the older build's, or is not what that has.
func (m *migrant) copied(s store.Store) int {
	m.Helper()
	listed, err := s.List(m.Context(), mcpService)
	if err != nil {
		m.Fatal(err)
	}
	seen := map[string]bool{}
	for _, entry := range listed {
		item, err := s.Get(m.Context(), entry.Key)
		if err != nil || seen[entry.Key.Account] || string(item.Value.Bytes()) != m.entries[entry.Key.Account] {
			m.Errorf("%s: %v, there twice: %v, %d bytes", entry.Key.Account, err, seen[entry.Key.Account], item.Value.Len())
		}
		seen[entry.Key.Account] = true
	}
	return len(seen)
}

// untouched checks that the older build's file is the very same, and that nothing
// was left beside it.
func (m *migrant) untouched() {
	m.Helper()
	text, err := os.ReadFile(m.file)
	if err != nil || !bytes.Equal(text, m.text) {
		m.Errorf("legacy changed: %v, %d bytes, were %d", err, len(text), len(m.text))
	}
	after, err := os.Lstat(m.file)
	if err != nil || !os.SameFile(m.before, after) || !after.ModTime().Equal(m.before.ModTime()) || after.Mode() != m.before.Mode() {
		m.Errorf("legacy was written: %v", err)
	}
	beside, err := os.ReadDir(filepath.Dir(m.file))
	if err != nil || len(beside) != 1 {
		m.Errorf("beside the file there is %v, %v", beside, err)
	}
}
