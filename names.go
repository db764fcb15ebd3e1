package kinring

import (
	"github.com/kinring/kinring/coexist"
	"github.com/kinring/kinring/profile"
	"github.com/kinring/kinring/store"
)

// The parts of a profile.
type (
	Profile = profile.Profile
	Policy  = profile.Policy
	Var     = profile.Var
	Key     = profile.Key
	Keys    = map[string]profile.Key
	Legacy  = profile.Legacy
)

// The answers of a ring.
type (
	// Provenance says where a value comes from.
	Provenance = coexist.Provenance
	// Revision is opaque and unique for each write of a key.
	Revision = store.Revision
	// Interaction says whether a call may ask a person for permission.
	Interaction = store.Interaction
	// Notice tells of something that an operation met and that did not fail it.
	Notice = coexist.Notice
	// KeyStatus is how one key stands in all stores.
	KeyStatus = coexist.KeyStatus
	// Verdict says how the shared store and the older builds' stand.
	Verdict = coexist.Verdict
)

// The provenances.
const (
	FromShared   = coexist.FromShared
	FromLegacy   = coexist.FromLegacy
	FromFallback = coexist.FromFallback
	Unverified   = coexist.Unverified
	FromEnv      = coexist.FromEnv
)

// Whether a call may ask a person.
const (
	IfAttended = store.IfAttended
	Never      = store.Never
	Always     = store.Always
)

// Builtin returns the profile of a family that kinring knows, such as "codex".
func Builtin(name string) (Profile, error) { return profile.Builtin(name) }

// ParseProfile reads a profile in TOML; file names it in errors.
func ParseProfile(file string, data []byte) (Profile, error) { return profile.Parse(file, data) }
