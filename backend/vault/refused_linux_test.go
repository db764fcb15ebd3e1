package vault

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// tryPlace says what becomes of opening a vault, and of making another beside it.
func tryPlace(path string) error {
	s, err := Open(background, options(path))
	if err == nil {
		err = s.Close()
	}
	fmt.Println(err)
	fmt.Println(create(background, Options{Path: path + "2", Keys: options(path).Keys}, cheap))
	return nil
}

// TestNetworkFileSystemsRefused lets the kernel say of the vault's directory that it
// is on one, by the numbers of linux/magic.h: no vault is opened there, and none made.
func TestNetworkFileSystemsRefused(t *testing.T) {
	path := newVaultIn(t, t.TempDir(), cheap)
	before := snapshot(t, path)
	for little, name := range map[string]string{
		"6969000000000000": "NFS",
		"424d53fe00000000": "SMB",
		"424d53feffffffff": "SMB", // as a kernel with a signed word gives it
		"424d53ff00000000": "SMB",
		"7b51000000000000": "SMB",
		"9719020100000000": "9P",
		"0064c30000000000": "Ceph",
		"d00bd00b00000000": "Lustre",
	} {
		said, _ := under(t, "place", path, "-e", "trace=statfs", "-e", "inject=statfs:poke_exit=@arg2="+little)
		text := strings.Join(said, " ")
		if strings.Count(text, "unsupported") != 2 || strings.Count(text, " "+name+",") != 2 || !strings.Contains(text, "KINRING_VAULT") {
			t.Errorf("%s: %s", name, text)
		}
		if made, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); err != nil || len(made) > 0 {
			t.Errorf("%v, %v", made, err)
		}
	}
	before.same(t)
	if said, _ := under(t, "place", path, "-e", "trace=statfs"); !slices.Equal(said, []string{"<nil>", "<nil>"}) {
		t.Errorf("on a local disk: %v", said)
	}
}

// tryHold says what becomes of unlock, of a read with what it left and a key file,
// and of lock.
func tryHold(path string) error {
	fmt.Println(Unlock(background, options(path), time.Hour))
	s, err := Open(background, Options{Path: path, Keys: []KeySource{Held(), KeyFile(DefaultKeyFile(path))}})
	if err == nil {
		_, err = s.Get(background, key("there"))
	}
	fmt.Println("read", err)
	_, err = Lock(background, path)
	fmt.Println(err)
	return nil
}

// TestKernelKeyringForbidden: where a kernel or a container has no keyrings, unlock
// says what holds a key there, and the other keys open the vault as ever.
func TestKernelKeyringForbidden(t *testing.T) {
	path := filled(t)
	for errno, want := range map[string]string{
		"ENOSYS": "unsupported broker",
		"EPERM":  "unsupported broker",
		"EACCES": "unsupported broker",
		"EDQUOT": "unavailable quota",
	} {
		said, _ := under(t, "hold", path, "-e", "trace=keyctl,add_key", "-e", "inject=keyctl,add_key:error="+errno)
		text := strings.Join(said, " ")
		unlock, rest, _ := strings.Cut(text, "read <nil>")
		for _, word := range strings.Fields(want) {
			if !strings.Contains(unlock, word) || !strings.Contains(rest, word) {
				t.Errorf("%s: %s", errno, text)
			}
		}
	}
}

// tryRead says what each way of reading comes to.
func tryRead(path string) error {
	s, err := Open(background, options(path))
	if err != nil {
		fmt.Println(outcomeOf(err))
		return nil
	}
	i, err := s.Get(background, key("there"))
	said := outcomeOf(err)
	if err == nil {
		said = string(i.Value.Bytes())
	}
	_, missing := s.Get(background, key("missing"))
	entries, err := s.List(background, "")
	d, checked := Check(background, options(path))
	fmt.Println(said, outcomeOf(missing), outcomeOf(err), len(entries), outcomeOf(checked), d.Whole())
	_ = s.Close() // the disk may fail here too
	return nil
}

// TestEveryReadFails (I4): a call that only reads, and fails, makes neither a value
// nor its absence; what is there is listed whole or not at all, and nothing is told as
// damage. Each call fails
// in one way in turn, in the long form in every way.
func TestEveryReadFails(t *testing.T) {
	counts := map[string]int{}
	for call, errnos := range map[string][]string{
		"pread64": {"EIO", "EIO for good", "EINTR"}, "openat": {"EIO", "EMFILE", "EINTR", "EACCES"}, "fcntl": {"EIO", "ENOLCK", "EINTR"},
		"newfstatat,fstat": {"EIO"}, "mmap": {"ENOMEM"}, "statfs": {"EIO", "EINTR"},
	} {
		for i, errno := range errnos {
			path := withOld(t)
			for n := 1; n < 3 || !testing.Short(); n++ {
				if (long() || n%len(errnos) == i) && !failRead(t, path, call, errno, n, counts) {
					break
				}
			}
		}
	}
	t.Logf("what reading the value came to on a failing disk: %v", counts)
	if counts["old"] == 0 || counts["unavailable"] == 0 {
		t.Error("that says little")
	}
}

// failRead lets call number n fail, and reports whether there was such a call.
func failRead(t *testing.T, path, call, errno string, n int, counts map[string]int) bool {
	t.Helper()
	errno, lasts := strings.CutSuffix(errno, " for good")
	inject := fmt.Sprintf("inject=%s:error=%s:when=%d", call, errno, n)
	if lasts {
		inject += "+"
	}
	said, trace := under(t, "look", path, ofVault(path, "-e", "trace="+call, "-e", inject)...)
	if !strings.Contains(trace, "INJECTED") {
		return false
	}
	counts[said[0]]++
	failed := func(said string) bool {
		return said == "unavailable" || said == "denied"
	}
	wrong := !failed(said[0]) // all that is said where the vault cannot be opened
	if len(said) == 6 {
		wrong = said[0] != "old" && !failed(said[0]) || said[1] != "not-found" && !failed(said[1]) ||
			!failed(said[2]) && said[2]+said[3] != "done1" || !failed(said[4]) && said[4]+said[5] != "donetrue"
	}
	if wrong {
		t.Errorf("%s %s %d: %v", call, errno, n, said)
	}
	return true
}

func init() {
	workerRoles["place"] = tryPlace
	workerRoles["hold"] = tryHold
	workerRoles["look"] = tryRead
}
