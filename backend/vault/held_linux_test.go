package vault

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kinring/kinring/internal/require"
	"github.com/kinring/kinring/internal/unprivileged"
	"github.com/kinring/kinring/store"
)

// needKernelKeyring skips where a container forbids the calls.
func needKernelKeyring(t *testing.T) {
	t.Helper()
	_, err := unix.KeyctlGetKeyringID(userKeyring, true)
	require.Need(t, "keyctl", err == nil, "the vault's key is held in the kernel's keyring")
}

func TestUnlockAndLock(t *testing.T) {
	needKernelKeyring(t)
	path := filled(t)
	t.Cleanup(func() { _, _ = Lock(background, path) }) // a failed test may have left it
	mustNotOpen(t, path, store.ErrLocked, Held())
	if err := Unlock(t.Context(), options(path), time.Hour); err != nil {
		t.Fatal(err)
	}
	mustHold(t, path, "there", sentinel, Held())
	if was, err := Lock(t.Context(), path); err != nil || !was {
		t.Errorf("locked %v, %v", was, err)
	}
	mustNotOpen(t, path, store.ErrLocked, Held())
	if was, err := Lock(t.Context(), path); err != nil || was {
		t.Errorf("locked again: %v, %v", was, err)
	}
}

// TestHeldKeyEnds: the kernel has the time, and the user alone the permissions.
func TestHeldKeyEnds(t *testing.T) {
	needKernelKeyring(t)
	path := filled(t)
	t.Cleanup(func() { _, _ = Lock(background, path) })
	if err := Unlock(t.Context(), options(path), 90*time.Second); err != nil {
		t.Fatal(err)
	}
	raw, h, err := openVault(t, path).file.readHeader(t.Context())
	if err != nil || len(raw.body) == 0 {
		t.Fatal(err)
	}
	id, err := unix.KeyctlSearch(userKeyring, keyType, heldName(h.Vault), 0)
	if err != nil {
		t.Fatal(err)
	}
	text, err := unix.KeyctlString(unix.KEYCTL_DESCRIBE, id)
	if err != nil || text != "user;0;0;003f0000;"+heldName(h.Vault) && unix.Getuid() == 0 {
		t.Errorf("%q, %v", text, err)
	}
	if timeout := timeoutOf(t, id); timeout == "perm" || timeout == "" {
		t.Errorf("the key's time is %q", timeout)
	}
	if err := Unlock(t.Context(), options(path), time.Second); err != nil {
		t.Fatal(err)
	}
	for err = nil; err == nil; { // until the kernel has taken it back
		var s store.Store
		if s, err = Open(t.Context(), Options{Path: path, Keys: []KeySource{Held()}}); err == nil {
			mustClose(t, s)
			<-time.After(20 * time.Millisecond)
		}
	}
	wantClass(t, err, store.ErrLocked)
	for _, d := range []time.Duration{0, -1, time.Millisecond, MaxUnlock + 1} {
		wantClass(t, Unlock(t.Context(), options(path), d), store.ErrInvalid)
	}
}

// TestHeldKeyIsTheUsersAlone: a process of another user does not get at it, even
// one that was started from the session of its owner.
func TestHeldKeyIsTheUsersAlone(t *testing.T) {
	needKernelKeyring(t)
	unprivileged.NeedRoot(t, "two users take part")
	unprivileged.Run(t, func(t *testing.T, dir string) {
		runtime.LockOSThread() // it has the session, until the test ends
		if _, err := unix.KeyctlJoinSessionKeyring("kinring test"); err != nil {
			t.Fatal(err)
		}
		if _, err := unix.KeyctlInt(unix.KEYCTL_LINK, userKeyring, unix.KEY_SPEC_SESSION_KEYRING, 0, 0); err != nil {
			t.Fatal(err)
		}
		path := filled(t)
		t.Cleanup(func() { _, _ = Lock(background, path) })
		if err := Unlock(t.Context(), options(path), time.Minute); err != nil {
			t.Fatal(err)
		}
		_, h, err := openVault(t, path).file.readHeader(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		id, err := unix.KeyctlSearch(userKeyring, keyType, heldName(h.Vault), 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "key"), fmt.Appendln(nil, id, heldName(h.Vault)), 0o644); err != nil {
			t.Fatal(err)
		}
	}, func(t *testing.T, dir string) {
		text, err := os.ReadFile(filepath.Join(dir, "key"))
		if err != nil {
			t.Fatal(err)
		}
		var id int
		var name string
		if _, err := fmt.Sscan(string(text), &id, &name); err != nil {
			t.Fatal(err)
		}
		if n, err := unix.KeyctlBuffer(unix.KEYCTL_READ, id, make([]byte, keySize), 0); err == nil {
			t.Errorf("another user reads %d bytes of the key", n)
		}
		for _, ring := range []int{userKeyring, unix.KEY_SPEC_SESSION_KEYRING, unix.KEY_SPEC_USER_SESSION_KEYRING} {
			if found, err := unix.KeyctlSearch(ring, keyType, name, 0); err == nil {
				t.Errorf("another user finds the key as %d", found)
			}
		}
		if _, err := unix.KeyctlInt(unix.KEYCTL_REVOKE, id, 0, 0, 0); err == nil {
			t.Error("another user takes the key back")
		}
	})
}

// TestHeldKeyOfTheTimeBeforeARekey is taken back by the rekey, and of no use if it
// comes again.
func TestHeldKeyOfTheTimeBeforeARekey(t *testing.T) {
	needKernelKeyring(t)
	path := filled(t)
	t.Cleanup(func() { _, _ = Lock(background, path) })
	var old []byte
	var name string
	err := withVaultKey(t.Context(), options(path), func(u *unlocked) error {
		old, name = append(old, u.vaultKey...), heldName(u.header.Vault)
		return holdKey(name, old, time.Hour)
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rekey(t.Context(), options(path), RekeyOptions{}, cheap.cost); err != nil {
		t.Fatal(err)
	}
	mustNotOpen(t, path, store.ErrLocked, Held())
	if err := holdKey(name, old, time.Hour); err != nil {
		t.Fatal(err)
	}
	mustNotOpen(t, path, store.ErrLocked, Held())
	mustHold(t, path, "there", sentinel, Held(), KeyFile(DefaultKeyFile(path)))
}

// timeoutOf returns what /proc/keys says of a key's time: proc_keys(5).
func timeoutOf(t *testing.T, id int) string {
	t.Helper()
	data, err := os.ReadFile("/proc/keys")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		f := strings.Fields(line)
		if n, err := strconv.ParseUint(f[0], 16, 32); err == nil && int(n) == id {
			return f[3]
		}
	}
	return ""
}
