package vault

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/kinring/kinring/internal/crashdisk"
	"github.com/kinring/kinring/store"
)

// crashOp is one operation whose crash points are walked: each is a state of the
// files that a crash can leave.
type crashOp struct {
	name string
	do   func(s *vaultStore) error
	// before and after are what the vault says of itself without it and with it.
	before, after string
}

// keysOf names what opens a vault: the default key file, and the ones that
// operations add.
func keysOf(path string) []KeySource {
	return []KeySource{KeyFile(DefaultKeyFile(path)), KeyFile(path + ".second"), phrase("added")}
}

var crashOps = []crashOp{
	{"put", putting("there", "new"), "there=old 1 xchacha20poly1305 keyfile", "there=new 1 xchacha20poly1305 keyfile"},
	{"put large", putting("there", string(make([]byte, largeSize()))), "there=old 1 xchacha20poly1305 keyfile", fmt.Sprintf("there=%d 1 xchacha20poly1305 keyfile", largeSize())},
	{"put another", putting("second", "new"), "there=old 1 xchacha20poly1305 keyfile", "second=new there=old 1 xchacha20poly1305 keyfile"},
	{"delete", func(s *vaultStore) error { return s.Delete(background, key("there"), store.Any()) },
		"there=old 1 xchacha20poly1305 keyfile", "1 xchacha20poly1305 keyfile"},
	{"add key", onOptions(func(o Options) error { _, err := addKey(background, o, phrase("added"), cheap.cost); return err }),
		"there=old 1 xchacha20poly1305 keyfile", "there=old 1 xchacha20poly1305 keyfile passphrase"},
	{"change key", onOptions(func(o Options) error {
		_, err := changeKey(background, o, 1, KeyFile(o.Path+".second"), cheap.cost)
		return err
	}), "there=old 1 xchacha20poly1305 keyfile", "there=old 1 xchacha20poly1305 keyfile"},
	{"remove key", onOptions(func(o Options) error { return RemoveKey(background, o, 1) }),
		"there=old 1 xchacha20poly1305 keyfile keyfile", "there=old 1 xchacha20poly1305 keyfile"},
	{"rekey", onOptions(func(o Options) error {
		_, err := rekey(background, o, RekeyOptions{Cipher: CipherAESGCM, Drop: true}, cost{time: 10})
		return err
	}), "there=old 1 xchacha20poly1305 keyfile", "there=old 2 aes256gcm keyfile"},
	{"repair", onOptions(func(o Options) error { _, err := Repair(background, o); return err }),
		"corrupt 1 xchacha20poly1305 keyfile", "1 xchacha20poly1305 keyfile"},
}

// largeSize is the size in bytes of a value that fills many pages.
func largeSize() int {
	if long() {
		return 100_000
	}
	return 10_000
}

func putting(account, value string) func(s *vaultStore) error {
	return func(s *vaultStore) error {
		_, err := s.Put(background, key(account), item(value), store.Any())
		return err
	}
}

func onOptions(f func(o Options) error) func(s *vaultStore) error {
	return func(s *vaultStore) error { return f(Options{Path: s.path, Keys: s.keys}) }
}

// crashStart makes the vault that an operation begins with. Some writes before it
// leave the log with something in it, as in a vault that is in use.
func crashStart(t *testing.T, op crashOp) string {
	t.Helper()
	path := newVaultIn(t, t.TempDir(), small)
	if err := GenerateKeyFile(t.Context(), path+".second"); err != nil {
		t.Fatal(err)
	}
	s := openVault(t, path)
	mustPut(t, s, "there", "older")
	mustPut(t, s, "gone", "gone")
	mustPut(t, s, "there", "old")
	if err := s.Delete(t.Context(), key("gone"), store.Any()); err != nil {
		t.Fatal(err)
	}
	if op.name == "rekey" {
		for n := range 10 {
			mustPut(t, s, fmt.Sprint("another ", n), sentinel)
		}
	}
	mustClose(t, s)
	switch op.name {
	case "remove key":
		if _, err := addKey(t.Context(), options(path), KeyFile(path+".second"), cheap.cost); err != nil {
			t.Fatal(err)
		}
	case "repair":
		sqlExec(t, path, "UPDATE items SET value = zeroblob(50)")
	}
	return path
}

// TestCrashPoints walks every call by which each operation, and closing the vault
// after it, changes files: the process is killed there, or the machine loses its
// power with any of several parts of what was not synced on the disk. The vault
// opens, is whole, and says what it said before the operation or after it; after,
// if the operation was acknowledged.
func TestCrashPoints(t *testing.T) {
	points := 0
	for _, op := range crashOps {
		t.Run(op.name, func(t *testing.T) {
			n := crashEach(t, op)
			t.Logf("%d crash points", n)
			points += n
		})
	}
	t.Logf("%d crash points in all", points)
	if least := 1000; points < least && !testing.Short() && !raceDetector {
		t.Errorf("%d crash points, want %d", points, least)
	}
}

func crashEach(t *testing.T, op crashOp) (points int) {
	path := crashStart(t, op)
	s, err := Open(t.Context(), Options{Path: path, Keys: keysOf(path)})
	if err != nil {
		t.Fatal(err)
	}
	r := crashdisk.Record(t, filepath.Dir(path), path+companions[1])
	if err := op.do(s.(*vaultStore)); err != nil {
		t.Fatal(err)
	}
	r.Mark()
	mustClose(t, s)
	r.Stop()
	stride := 1
	switch {
	case raceDetector: // one goroutine
		stride = 50
	case testing.Short():
		stride = 5
	}
	dir := inMemory(t)
	for n := 0; n <= len(r.Events); n += stride {
		for what, image := range crashes(r, n) {
			if wrong := crashed(t, op, dir, image, acknowledged(r, n)); wrong != "" {
				t.Fatalf("%s before call %d of %d: %s", what, n, len(r.Events), wrong)
			}
			points++
		}
	}
	return points
}

// TestCrashPointsFindAMissingSync: the walk is worth something, because it finds
// what a vault would lose that is written without syncs.
func TestCrashPointsFindAMissingSync(t *testing.T) {
	op := crashOps[0]
	path := crashStart(t, op)
	s := openVault(t, path)
	err := s.file.write(t.Context(), func(n *conn) error { return n.Script("PRAGMA synchronous = OFF") })
	if err != nil {
		t.Fatal(err)
	}
	r := crashdisk.Record(t, filepath.Dir(path))
	if err := op.do(s); err != nil {
		t.Fatal(err)
	}
	r.Mark()
	r.Stop()
	mustClose(t, s)
	if wrong := crashed(t, op, t.TempDir(), r.PowerLost(len(r.Events), func(int) bool { return false }), true); wrong == "" {
		t.Error("a write without a sync survived the loss of power")
	}
}

// crashes are the states that a crash before call n can leave.
func crashes(r *crashdisk.Recording, n int) map[string]crashdisk.Image {
	images := map[string]crashdisk.Image{
		"killed":                               r.Killed(n, false),
		"killed torn":                          r.Killed(n, true),
		"power lost, nothing more on the disk": r.PowerLost(n, func(int) bool { return false }),
		"power lost, the last not on the disk": r.PowerLost(n, func(i int) bool { return i < n-1 }),
		"power lost, only the last on it":      r.PowerLost(n, func(i int) bool { return i == n-1 }),
		"power lost, every other on it":        r.PowerLost(n, func(i int) bool { return i%2 == 0 }),
		"power lost, the rest on it":           r.PowerLost(n, func(i int) bool { return i%2 == 1 }),
	}
	if n < len(r.Events) {
		for path, shared := range r.Events[n].Aside { // the shared memory as a killed process leaves it
			images["killed"][filepath.Base(path)] = shared
		}
	}
	return images
}

func acknowledged(r *crashdisk.Recording, n int) bool {
	for _, e := range r.Events[:n] {
		if e.Call == crashdisk.Mark {
			return true
		}
	}
	return false
}

// crashed lays the files out, sees what the vault says and that it goes on, and
// returns what is wrong.
func crashed(t *testing.T, op crashOp, dir string, image crashdisk.Image, acknowledged bool) string {
	t.Helper()
	image.Lay(t, dir)
	path := filepath.Join(dir, "vault.db")
	defer removeVault(t, path)
	return settled(t, op, path, !acknowledged, true)
}

// settled sees whether the vault is as it was before the operation, or after it,
// whichever may be, and that it goes on, and returns what is wrong.
func settled(t *testing.T, op crashOp, path string, before, after bool) string {
	t.Helper()
	got := account(t, path)
	if (!after || got != op.after) && (!before || got != op.before) {
		return fmt.Sprintf("the vault says %q; before (%v) is %q, after (%v) is %q", got, before, op.before, after, op.after)
	}
	if op.name != "repair" || got == op.after {
		s, err := Open(t.Context(), Options{Path: path, Keys: keysOf(path)})
		if err != nil {
			return err.Error()
		}
		mustPut(t, s, "there", "goes on")
		wantValue(t, s, "there", "goes on")
		mustClose(t, s)
	}
	checkIntegrity(t, path)
	return ""
}

// inMemory returns a directory that syncs quickly, where the system has one: for
// tests that open thousands of vaults.
func inMemory(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "kinring-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func removeVault(t *testing.T, path string) {
	t.Helper()
	for _, ending := range append([]string{""}, companions...) {
		if err := os.Remove(path + ending); err != nil {
			t.Fatal(err)
		}
	}
}

// account says what a vault holds and how it is sealed, in one line.
func account(t *testing.T, path string) string {
	t.Helper()
	text := ""
	s, err := Open(t.Context(), Options{Path: path, Keys: keysOf(path)})
	if err != nil {
		return err.Error()
	}
	defer s.Close()
	for _, name := range []string{"gone", "second", "there"} {
		i, err := s.Get(t.Context(), key(name))
		switch {
		case errors.Is(err, store.ErrNotFound):
		case errors.Is(err, store.ErrCorrupt):
			text += "corrupt "
		case err != nil:
			return err.Error()
		case i.Value.Len() > 100:
			text += fmt.Sprintf("%s=%d ", name, i.Value.Len())
		default:
			text += fmt.Sprintf("%s=%s ", name, i.Value.Bytes())
		}
	}
	if _, err := s.List(t.Context(), ""); err != nil {
		return err.Error()
	}
	d, err := Describe(t.Context(), path)
	if err != nil {
		return err.Error()
	}
	text += fmt.Sprintf("%d %s", d.Format, d.Cipher)
	for _, slot := range d.Slots {
		text += " " + slot.Kind
	}
	return text
}
