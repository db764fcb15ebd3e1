package vault

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kinring/kinring/internal/require"
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
	if err != nil || text != "user;0;0;3f2f0000;"+heldName(h.Vault) && unix.Getuid() == 0 {
		t.Errorf("%q, %v", text, err)
	}
	if timeout := timeoutOf(t, id); timeout == "perm" || timeout == "" {
		t.Errorf("the key's time is %q", timeout)
	}
	for _, d := range []time.Duration{0, -1, time.Millisecond, MaxUnlock + 1} {
		wantClass(t, Unlock(t.Context(), options(path), d), store.ErrInvalid)
	}
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
