//go:build darwin || linux

package framework

import (
	"bytes"
	"os"
	"unsafe"

	"github.com/kinring/kinring/internal/secitem"
)

// Entitlement is SecTaskCopyValueForEntitlement of this process.
func (f *Framework) Entitlement(name string) (any, error) {
	p := f.pool()
	defer p.release()
	task, err := p.own(f.f.taskSelf(0))
	if err != nil {
		return nil, err
	}
	key, err := p.string(name)
	if err != nil {
		return nil, err
	}
	var failure ref
	value := f.f.entitlement(task, key, &failure)
	if failure != 0 {
		p.owned = append(p.owned, failure)
	}
	if value == 0 {
		return nil, f.noEntitlement(failure)
	}
	p.owned = append(p.owned, value)
	got, ok, err := f.read(value, depth)
	if err == nil && !ok {
		err = &secitem.TypeError{Call: "SecTaskCopyValueForEntitlement", Got: f.typeName(value)}
	}
	return got, err
}

// noEntitlement says why there is no value. A program without a signature has no
// entitlements, whatever SecTask says about asking for them.
func (f *Framework) noEntitlement(failure ref) error {
	if failure == 0 {
		return nil
	}
	if id, err := f.Identity(); err == nil && id.Identifier == "" {
		return nil
	}
	return secitem.Status(f.f.errorCode(failure))
}

// Identity is SecCodeCopySigningInformation of this process, and its status from
// the kernel.
func (f *Framework) Identity() (secitem.Identity, error) {
	p := f.pool()
	defer p.release()
	var code ref
	if err := p.copied(f.f.codeSelf(0, &code), &code); err != nil {
		return secitem.Identity{}, err
	}
	facts, err := p.signature(code, signingInfo|dynamicInfo)
	if err == secitem.ErrCodeUnsigned {
		return secitem.Identity{}, nil
	}
	if err != nil {
		return secitem.Identity{}, err
	}
	id := fromSignature(facts)
	var fromKernel uint32
	if f.f.csops != nil && f.f.csops(int32(os.Getpid()), codeStatus, &fromKernel, unsafe.Sizeof(fromKernel)) == 0 {
		id.Status = fromKernel
	}
	return id, nil
}

// fromSignature leaves out what is not of the documented type.
func fromSignature(facts map[string]any) (id secitem.Identity) {
	id.Identifier, _ = facts["identifier"].(string)
	id.Team, _ = facts["teamid"].(string)
	id.CDHash, _ = facts["unique"].([]byte)
	id.Flags = number(facts["flags"])
	id.Status = number(facts["status"])
	return id
}

// number takes the low half: SecCode gives flags with and without a sign.
func number(v any) uint32 {
	n, _ := v.(int64)
	return uint32(n)
}

// Graphic is SessionGetInfo of the caller's session.
func (f *Framework) Graphic() (bool, error) {
	if f.f.session == nil {
		return false, secitem.ErrUnimplemented
	}
	var id, attributes uint32
	err := status(f.f.session(callerSession, &id, &attributes))
	return err == nil && attributes&graphicAccess != 0, err
}

// LoginKeychain is SecKeychainGetStatus of the default keychain.
func (f *Framework) LoginKeychain() (state secitem.KeychainState, err error) {
	if f.f.keychain == nil || f.f.keychainIs == nil {
		return state, secitem.ErrUnimplemented
	}
	p := f.pool()
	defer p.release()
	var keychain ref
	if err := p.copied(f.f.keychain(&keychain), &keychain); err != nil {
		return state, err
	}
	var bits uint32
	if err := status(f.f.keychainIs(keychain, &bits)); err != nil {
		return state, err
	}
	return secitem.KeychainState{Path: f.path(keychain), Unlocked: bits&keychainUnlocked != 0,
		Readable: bits&keychainReadable != 0, Writable: bits&keychainWritable != 0}, nil
}

// path returns the keychain's file, or nothing.
func (f *Framework) path(keychain ref) string {
	buffer := make([]byte, 1024)
	n := uint32(len(buffer))
	if f.f.keychainPath == nil || f.f.keychainPath(keychain, &n, &buffer[0]) != 0 || int(n) > len(buffer) {
		return ""
	}
	path, _, _ := bytes.Cut(buffer[:n], []byte{0})
	return string(path)
}

// SetInteraction is SecKeychainSetUserInteractionAllowed.
func (f *Framework) SetInteraction(allowed bool) (before bool, err error) {
	if f.f.asking == nil || f.f.setAsking == nil {
		return true, secitem.ErrUnimplemented
	}
	var was, to uint8
	if err := status(f.f.asking(&was)); err != nil {
		return true, err
	}
	if allowed {
		to = 1
	}
	return was != 0, status(f.f.setAsking(to))
}
