package safestorage

import (
	"bytes"
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/kinring/kinring/store"
)

// SystemDPAPI returns the data protection of the user who is signed in.
func SystemDPAPI() DPAPI { return system{} }

type system struct{}

// neverAsk keeps DPAPI from showing a window: CRYPTPROTECT_UI_FORBIDDEN.
const neverAsk = 1

func (system) Protect(plain []byte) ([]byte, error) {
	return protection(plain, func(in, out *windows.DataBlob) error {
		return windows.CryptProtectData(in, nil, nil, 0, nil, neverAsk, out)
	})
}

func (system) Unprotect(sealed []byte) ([]byte, error) {
	return protection(sealed, func(in, out *windows.DataBlob) error {
		return windows.CryptUnprotectData(in, nil, nil, 0, nil, neverAsk, out)
	})
}

func protection(data []byte, call func(in, out *windows.DataBlob) error) ([]byte, error) {
	if len(data) == 0 {
		data = make([]byte, 0, 1) // nothing has an address, too
	}
	in := windows.DataBlob{Size: uint32(len(data)), Data: unsafe.SliceData(data)}
	var out windows.DataBlob
	if err := call(&in, &out); err != nil {
		return nil, dpapiError(err)
	}
	if out.Data == nil {
		return []byte{}, nil
	}
	text := unsafe.Slice(out.Data, out.Size)
	result := bytes.Clone(text)
	clear(text)
	_, err := windows.LocalFree(windows.Handle(unsafe.Pointer(out.Data)))
	return result, err
}

// dpapiError tells damage from a key that cannot be had: another user's, or one
// behind a profile that is not loaded.
func dpapiError(err error) error {
	var code windows.Errno
	if !errors.As(err, &code) {
		return err
	}
	e := &store.Error{Class: store.ErrDenied, Native: fmt.Sprintf("Win32 %d", uint32(code)), Err: err,
		Detail: "DPAPI refused", Remedy: "run it as the user who wrote the value, on the same machine"}
	if code == windows.ERROR_INVALID_DATA || code == windows.ERROR_INVALID_PARAMETER {
		e.Class, e.Detail = store.ErrCorrupt, "DPAPI finds the value damaged"
	}
	return e
}
