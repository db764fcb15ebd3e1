package coexist

import (
	"fmt"
	"slices"

	"github.com/kinring/kinring/store"
)

// Reads says what Get does when the shared store cannot be read.
type Reads string

// Writes says which stores Set writes.
type Writes string

// Backfill says when a legacy value is copied into the shared store.
type Backfill string

// Taking says when an older build's newer value is taken over: Adopt over a
// marker, FastForward over a shared value.
type Taking string

// Signout says what an older build's own sign-out means for the shared value.
type Signout string

// Bulk says when all legacy values are migrated at once.
type Bulk string

// The values of a policy's fields.
const (
	Strict   Reads = "strict"   // the shared store's error is the answer
	Tolerant Reads = "tolerant" // a legacy value that is there is the answer, marked as fallback

	SharedOnly Writes = "shared-only" // older builds keep the value they have
	DualWrite  Writes = "dual-write"  // shared first, then legacy

	BackfillOnRead Backfill = "on-read"
	BackfillOff    Backfill = "off"

	Never       Taking = "never"        // not looked for
	Report      Taking = "report"       // told, not taken
	OnRejection Taking = "on-rejection" // taken after a value was refused; by Adopt as auto
	Auto        Taking = "auto"         // taken when seen

	SignoutIgnore    Signout = "ignore"
	SignoutReport    Signout = "report"
	SignoutPropagate Signout = "propagate"

	BulkNever          Bulk = "never"
	BulkFirstOperation Bulk = "first-operation"
)

// Policy is how a family's new builds live beside its older ones. It is a plain
// value; the zero Policy is not valid, use Preset.
type Policy struct {
	Reads        Reads
	Writes       Writes
	Backfill     Backfill
	Adopt        Taking
	FastForward  Taking
	OlderSignout Signout
	BulkMigrate  Bulk
}

// Names of the presets.
const (
	PresetSharedOnly = "shared-only"
	PresetDualWrite  = "dual-write"
	PresetDefault    = "default"
)

// Preset returns a policy by name. The default preset takes an older build's
// newer value by itself only where the legacy stores are as well guarded
// against writing as the shared one: guarded says so. Where any process of the
// user may write them unasked, as in macOS's login keychain, it waits for a
// rejection.
func Preset(name string, guarded bool) (Policy, error) {
	switch name {
	case PresetSharedOnly:
		return Policy{Strict, SharedOnly, BackfillOnRead, Auto, OnRejection, SignoutIgnore, BulkNever}, nil
	case PresetDualWrite:
		return Policy{Tolerant, DualWrite, BackfillOff, Auto, Auto, SignoutIgnore, BulkFirstOperation}, nil
	case PresetDefault, "":
		p := Policy{Strict, SharedOnly, BackfillOnRead, Auto, Auto, SignoutReport, BulkNever}
		if !guarded {
			p.FastForward = OnRejection
		}
		return p, nil
	}
	return Policy{}, invalid("the policy preset %q is unknown", name,
		"use shared-only, dual-write or default")
}

// Check refuses a policy with a field that has no meaning.
func (p Policy) Check() error {
	takings := []Taking{Never, Report, OnRejection, Auto}
	switch {
	case !slices.Contains([]Reads{Strict, Tolerant}, p.Reads):
		return badField("reads", p.Reads, "strict, tolerant")
	case !slices.Contains([]Writes{SharedOnly, DualWrite}, p.Writes):
		return badField("writes", p.Writes, "shared-only, dual-write")
	case !slices.Contains([]Backfill{BackfillOnRead, BackfillOff}, p.Backfill):
		return badField("backfill", p.Backfill, "on-read, off")
	case !slices.Contains(takings, p.Adopt):
		return badField("adopt", p.Adopt, "never, report, on-rejection, auto")
	case !slices.Contains(takings, p.FastForward):
		return badField("fast_forward", p.FastForward, "never, report, on-rejection, auto")
	case !slices.Contains([]Signout{SignoutIgnore, SignoutReport, SignoutPropagate}, p.OlderSignout):
		return badField("older_signout", p.OlderSignout, "ignore, report, propagate")
	case !slices.Contains([]Bulk{BulkNever, BulkFirstOperation}, p.BulkMigrate):
		return badField("bulk_migrate", p.BulkMigrate, "never, first-operation")
	}
	return nil
}

// adopts reports whether a new sign-in of an older build revives a deleted key
// when a Get sees it. After a Delete there is no value that could be rejected,
// so on-rejection acts as auto here.
func (p Policy) adopts() bool { return p.Adopt == Auto || p.Adopt == OnRejection }

func badField[T ~string](name string, v T, allowed string) error {
	return invalid("the policy's "+name+" is %q", string(v), "use one of "+allowed)
}

func invalid(format, arg, remedy string) error {
	return &store.Error{Class: store.ErrInvalid, Op: "open", Detail: fmt.Sprintf(format, arg), Remedy: remedy}
}
