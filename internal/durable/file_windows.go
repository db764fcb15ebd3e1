package durable

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strconv"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// narrowing and dirNarrowing are the remedies for files and directories that
// others may use.
const (
	narrowing    = "remove the other users from the file's permissions"
	dirNarrowing = "remove the other users from the directory's permissions"
)

// removesOpen: a file that is open without shared deletion cannot be removed.
const removesOpen = false

// ownership is who owns a file and who else may use it.
type ownership struct {
	foreign bool
	owner   string
	wide    string // how others may read or write it, or empty
	writers string // how others may write it, or empty
}

func ownershipOf(path string, f *os.File, _ fs.FileInfo) (ownership, error) {
	sd, err := securityOf(path, f)
	if err != nil {
		return ownership{}, err
	}
	owner, _, err := sd.Owner()
	if err != nil {
		return ownership{}, err
	}
	mine, err := isOwn(owner)
	if err != nil {
		return ownership{}, err
	}
	o := ownership{foreign: !mine, owner: owner.String()}
	dacl, _, err := sd.DACL()
	if err != nil {
		return ownership{}, err
	}
	o.wide, o.writers = outsiders(dacl)
	return o, nil
}

func securityOf(path string, f *os.File) (*windows.SECURITY_DESCRIPTOR, error) {
	const what = windows.OWNER_SECURITY_INFORMATION | windows.DACL_SECURITY_INFORMATION
	if f != nil {
		return windows.GetSecurityInfo(windows.Handle(f.Fd()), windows.SE_FILE_OBJECT, what)
	}
	return windows.GetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, what)
}

// isOwn accepts the user, and the two that may read every file anyway: the
// system and the administrators, who own what an elevated process makes.
func isOwn(owner *windows.SID) (bool, error) {
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return false, err
	}
	return owner.Equals(user.User.Sid) || owner.IsWellKnown(windows.WinBuiltinAdministratorsSid) ||
		owner.IsWellKnown(windows.WinLocalSystemSid), nil
}

// everybody are the groups that hold users other than the owner.
var everybody = []windows.WELL_KNOWN_SID_TYPE{
	windows.WinWorldSid, windows.WinAuthenticatedUserSid, windows.WinBuiltinUsersSid,
	windows.WinBuiltinGuestsSid, windows.WinAnonymousSid, windows.WinInteractiveSid, windows.WinNetworkSid,
}

// Rights that let somebody change a file, or a directory's content.
const (
	writeRights = windows.FILE_WRITE_DATA | windows.FILE_APPEND_DATA | windows.DELETE |
		windows.WRITE_DAC | windows.WRITE_OWNER | windows.GENERIC_WRITE | windows.GENERIC_ALL
	readRights = windows.FILE_READ_DATA | windows.GENERIC_READ
)

// outsiders names the group that may use, and the one that may write, what the
// list guards. No list means that everybody may.
func outsiders(dacl *windows.ACL) (wide, writers string) {
	if dacl == nil {
		return "no access list", "no access list"
	}
	for i := range uint32(dacl.AceCount) {
		var ace *windows.ACCESS_ALLOWED_ACE
		if windows.GetAce(dacl, i, &ace) != nil || ace.Header.AceType != windows.ACCESS_ALLOWED_ACE_TYPE ||
			ace.Header.AceFlags&windows.INHERIT_ONLY_ACE != 0 {
			continue
		}
		sid := (*windows.SID)(unsafe.Pointer(&ace.SidStart))
		if !isGroup(sid) {
			continue
		}
		if ace.Mask&(readRights|writeRights) != 0 {
			wide = "group " + sid.String()
		}
		if ace.Mask&writeRights != 0 {
			writers = "group " + sid.String()
		}
	}
	return wide, writers
}

func isGroup(sid *windows.SID) bool {
	for _, t := range everybody {
		if sid.IsWellKnown(t) {
			return true
		}
	}
	return false
}

// openRead opens a reparse point itself, so that what follows sees a symbolic
// link for what it is.
func openRead(path string, _ Limits) (*os.File, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() || info.Mode()&fs.ModeSymlink != 0 {
		return nil, checkType("read", path, info.Mode(), Limits{})
	}
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	h, err := windows.CreateFile(name, windows.GENERIC_READ,
		windows.FILE_SHARE_READ|windows.FILE_SHARE_WRITE|windows.FILE_SHARE_DELETE, nil,
		windows.OPEN_EXISTING, windows.FILE_FLAG_OPEN_REPARSE_POINT, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(h), path), nil
}

// inherited: Windows has no path for an inherited file.
func inherited(string, Limits) bool { return false }

func readPipe(_ context.Context, path string, _ *os.File, _ int64) ([]byte, error) {
	return nil, checkType("read", path, fs.ModeNamedPipe, Limits{})
}

func stampOf(f *os.File, info fs.FileInfo) Stamp {
	s := Stamp{Size: info.Size(), Modified: info.ModTime().UnixNano()}
	var id windows.ByHandleFileInformation
	if windows.GetFileInformationByHandle(windows.Handle(f.Fd()), &id) == nil {
		s.Device = uint64(id.VolumeSerialNumber)
		s.File = uint64(id.FileIndexHigh)<<32 | uint64(id.FileIndexLow)
	}
	return s
}

// stampOfPath has to open the file: its identity is not in what Lstat returns.
func stampOfPath(path string, _ fs.FileInfo) (Stamp, error) {
	f, err := openRead(path, Limits{})
	if err != nil {
		return Stamp{}, failure("look at", path, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Stamp{}, failure("look at", path, err)
	}
	return stampOf(f, info), nil
}

func lockTemp(f *os.File) error {
	const all = ^uint32(0)
	return windows.LockFileEx(windows.Handle(f.Fd()),
		windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, all, all, &windows.Overlapped{})
}

func isBusy(err error) bool { return errors.Is(err, windows.ERROR_LOCK_VIOLATION) }

// beforePlacing closes the file, because an open one cannot be renamed.
func (t *tempFile) beforePlacing() error { return t.f.Close() }

// mkdirPrivate makes a directory whose access list names the user, the system
// and the administrators, and does not inherit.
func mkdirPrivate(path string) error {
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return err
	}
	sd, err := windows.SecurityDescriptorFromString(
		"D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;" + user.User.Sid.String() + ")")
	if err != nil {
		return err
	}
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return err
	}
	attributes := &windows.SecurityAttributes{SecurityDescriptor: sd}
	attributes.Length = uint32(unsafe.Sizeof(*attributes))
	if err := windows.CreateDirectory(name, attributes); err != nil {
		return &fs.PathError{Op: "mkdir", Path: path, Err: err}
	}
	return nil
}

// syncDir: Windows writes directory changes through with the file and offers no
// call of its own.
func syncDir(*os.File) error { return nil }

func publish(from, to string) error {
	a, err := windows.UTF16PtrFromString(from)
	if err != nil {
		return err
	}
	b, err := windows.UTF16PtrFromString(to)
	if err != nil {
		return err
	}
	if err := windows.MoveFileEx(a, b, windows.MOVEFILE_WRITE_THROUGH); err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return nil
}

func nativeName(err error) string {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return strconv.Itoa(int(errno))
	}
	return ""
}

func isLink(error) bool { return false }

func isNotDirectory(err error) bool { return errors.Is(err, windows.ERROR_DIRECTORY) }

func isReadOnly(err error) bool { return errors.Is(err, windows.ERROR_WRITE_PROTECT) }

func isFull(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL)
}
