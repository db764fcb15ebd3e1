//go:build darwin || linux

package framework

import (
	"fmt"
	"sync"
	"unsafe"

	"github.com/ebitengine/purego"
	"github.com/kinring/kinring/internal/secitem"
)

// libraries are the paths of what is loaded.
type libraries struct{ core, security, system string }

// Framework is the real Mac. It has no state of its own: all programs of one
// process may share one.
type Framework struct {
	f functions
	// Borrowed references to constants.
	yes, no, null ref
	constants     map[string]ref
	// named gives the name that this package knows a constant by, for what its
	// content really is.
	named map[string]string
	// Addresses of structures that make a dictionary retain what it holds.
	keyCallBacks, valueCallBacks uintptr
	types                        map[typeID]kind
}

var _ secitem.Mac = (*Framework)(nil)

// kind is a type of CoreFoundation that this package can read.
type kind int

const (
	unknownKind kind = iota
	textKind
	dataKind
	dictKind
	arrayKind
	booleanKind
	numberKind
	dateKind
)

// Open loads the frameworks, once in a process. The error names the library or
// the symbol that is missing.
var Open = sync.OnceValues(func() (*Framework, error) { return load(paths()) })

func load(from libraries) (*Framework, error) {
	handles := map[library]uintptr{}
	for lib, path := range map[library]string{core: from.core, security: from.security, system: from.system} {
		handle, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_GLOBAL)
		if err != nil {
			return nil, fmt.Errorf("load %q: %w", path, err)
		}
		handles[lib] = handle
	}
	f := &Framework{constants: map[string]ref{}, named: map[string]string{}}
	for _, p := range f.f.prototypes() {
		address, err := purego.Dlsym(handles[p.in], p.symbol)
		switch {
		case err == nil:
			purego.RegisterFunc(p.to, address)
		case !p.optional:
			return nil, fmt.Errorf("find %s: %w", p.symbol, err)
		}
	}
	if err := f.variables(handles); err != nil {
		return nil, err
	}
	f.learnTypes()
	return f, f.learnNames()
}

// variables finds the constants. A constant of type CFStringRef is a variable
// that holds the reference; a structure is its own address.
func (f *Framework) variables(handles map[library]uintptr) error {
	for symbol, to := range map[string]*uintptr{
		"kCFTypeDictionaryKeyCallBacks":   &f.keyCallBacks,
		"kCFTypeDictionaryValueCallBacks": &f.valueCallBacks,
	} {
		address, err := purego.Dlsym(handles[core], symbol)
		if err != nil {
			return fmt.Errorf("find %s: %w", symbol, err)
		}
		*to = address
	}
	for symbol, to := range map[string]*ref{"kCFBooleanTrue": &f.yes, "kCFBooleanFalse": &f.no, "kCFNull": &f.null} {
		v, err := variable(handles[core], symbol)
		if err != nil {
			return err
		}
		*to = v
	}
	for content, symbol := range constantSymbols {
		v, err := variable(handles[security], symbol)
		if err != nil {
			return err
		}
		f.constants[content] = v
	}
	return nil
}

func variable(handle uintptr, symbol string) (ref, error) {
	address, err := purego.Dlsym(handle, symbol)
	if err != nil {
		return 0, fmt.Errorf("find %s: %w", symbol, err)
	}
	v := **(**ref)(unsafe.Pointer(&address))
	if v == 0 {
		return 0, fmt.Errorf("find %s: it holds nothing", symbol)
	}
	return v, nil
}

func (f *Framework) learnTypes() {
	f.types = map[typeID]kind{
		f.f.stringTypeID():  textKind,
		f.f.dataTypeID():    dataKind,
		f.f.dictTypeID():    dictKind,
		f.f.arrayTypeID():   arrayKind,
		f.f.booleanTypeID(): booleanKind,
		f.f.numberTypeID():  numberKind,
		f.f.dateTypeID():    dateKind,
	}
}

// learnNames reads what the constants contain: Apple's headers do not promise
// it.
func (f *Framework) learnNames() error {
	for name, constant := range f.constants {
		content, err := f.text(constant)
		if err != nil {
			return fmt.Errorf("read %s: %w", constantSymbols[name], err)
		}
		f.named[content] = name
	}
	return nil
}
