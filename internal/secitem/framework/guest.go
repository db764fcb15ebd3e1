//go:build darwin || linux

package framework

import (
	"fmt"
	"slices"
	"syscall"
	"unsafe"

	"github.com/kinring/kinring/internal/secitem"
)

var _ secitem.Guests = (*Framework)(nil)

// Guest is SecCodeCopySigningInformation of the program that an audit token names.
func (f *Framework) Guest(t secitem.AuditToken) (secitem.Code, error) {
	p := f.pool()
	defer p.release()
	code, err := p.guest(t)
	if err != nil {
		return secitem.Code{}, err
	}
	facts, err := p.signature(code, signingInfo|requirementInfo|dynamicInfo)
	if err != nil {
		return secitem.Code{}, ended(err)
	}
	out := secitem.Code{Identity: fromSignature(facts)}
	// SecCode.h: information for unsigned code lacks kSecCodeInfoIdentifier.
	if out.Identifier == "" {
		return secitem.Code{}, secitem.ErrCodeUnsigned
	}
	out.Entitlements, _ = facts["entitlements-dict"].(map[string]any)
	return out, nil
}

// Meets is SecCodeCheckValidity of the program that an audit token names.
func (f *Framework) Meets(t secitem.AuditToken, requirement string) error {
	p := f.pool()
	defer p.release()
	text, err := p.string(requirement)
	if err != nil {
		return err
	}
	var compiled ref
	if err := p.copied(f.f.requirement(text, 0, &compiled), &compiled); err != nil {
		return err
	}
	code, err := p.guest(t)
	if err != nil {
		return err
	}
	return ended(status(f.f.codeValid(code, 0, compiled)))
}

// ended names the kernel's word for a process that has ended, which reaches through
// where SecCode asks for its path (cskernel.cpp, identifyGuest).
func ended(err error) error {
	if err == secitem.ErrProcessGone {
		return secitem.ErrCodeNoSuchCode
	}
	return err
}

// guest finds a running program by its audit token. The system looks at all of
// the token, so that a number that went to another process finds nothing.
func (p *pool) guest(t secitem.AuditToken) (ref, error) {
	attributes, err := p.dict(secitem.Dict{"audit": t[:]})
	if err != nil {
		return 0, err
	}
	var code ref
	err = p.copied(p.f.codeGuest(0, attributes, 0, &code), &code)
	return code, err
}

// copied takes what a function gave beside its status, even with a failure. It takes
// the address, because Go may read a variable before the call that sets it, where
// both are arguments.
func (p *pool) copied(result int32, v *ref) error {
	if *v != 0 {
		p.owned = append(p.owned, *v)
	}
	if err := status(result); err != nil {
		return err
	}
	if *v == 0 {
		return secitem.ErrAllocate
	}
	return nil
}

// wanted is what is read of a signature. The rest is large, and its dictionaries
// need not have texts for keys: cdhashes-full has numbers.
var wanted = []string{"identifier", "teamid", "unique", "flags", "status", "entitlements-dict"}

// signature reads what SecCode knows of a program.
func (p *pool) signature(code ref, flags uint32) (map[string]any, error) {
	var info ref
	err := status(p.f.codeInfo(code, flags, &info))
	if info != 0 {
		p.owned = append(p.owned, info)
	}
	if err != nil {
		return nil, err
	}
	if p.kind(info) != dictKind {
		return nil, &secitem.TypeError{Call: "SecCodeCopySigningInformation", Got: p.typeName(info)}
	}
	out := map[string]any{}
	err = p.each(info, func(key string, value ref) error {
		if !slices.Contains(wanted, key) {
			return nil
		}
		got, ok, err := p.read(value, depth)
		if ok {
			out[key] = got
		}
		return err
	})
	return out, err
}

// maxSockets is how many sockets of one name are taken: an agent of kinring's has
// one.
const maxSockets = 64

// ActivatedSockets is launch_activate_socket: the descriptors that launchd made
// for this process under a name. The error is a syscall.Errno: ESRCH says that
// launchd did not start this process, ENOENT that it has no sockets of this name,
// EALREADY that they were taken before.
func (f *Framework) ActivatedSockets(name string) ([]int, error) {
	if f.f.activate == nil || f.f.free == nil {
		return nil, secitem.ErrUnimplemented
	}
	c, err := syscall.BytePtrFromString(name)
	if err != nil {
		return nil, err
	}
	var list *int32
	var count uintptr
	if code := f.f.activate(c, &list, &count); code != 0 {
		return nil, syscall.Errno(code)
	}
	if list == nil {
		return nil, nil
	}
	defer f.f.free(unsafe.Pointer(list))
	if count > maxSockets {
		return nil, fmt.Errorf("launchd passed %d sockets", count)
	}
	out := make([]int, 0, count)
	for _, fd := range unsafe.Slice(list, count) {
		out = append(out, int(fd))
	}
	return out, nil
}
