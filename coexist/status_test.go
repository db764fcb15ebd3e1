package coexist_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"github.com/kinring/kinring/coexist"
	"github.com/kinring/kinring/store"
	"github.com/kinring/kinring/store/storetest"
)

// The verdict table: for each thing that the shared store can hold under a key
// and each thing that was known of a source, the verdict by what the source
// holds now. "old" is what both agreed on or what was there at deletion; "ours"
// and "theirs" are other values.
var verdicts = []struct {
	shared, then string
	legacy       [5]coexist.Verdict // absent, old, ours, theirs, locked
}{
	{"absent", "unknown", [5]coexist.Verdict{coexist.InStep, coexist.LegacyOnlyHere, coexist.LegacyOnlyHere, coexist.LegacyOnlyHere, coexist.UnknownVerdict}},
	{"marker", "unknown", [5]coexist.Verdict{coexist.Deleted, coexist.UnknownVerdict, coexist.UnknownVerdict, coexist.UnknownVerdict, coexist.UnknownVerdict}},
	{"marker", "absent", [5]coexist.Verdict{coexist.Deleted, coexist.OlderWrote, coexist.OlderWrote, coexist.OlderWrote, coexist.UnknownVerdict}},
	{"marker", "held", [5]coexist.Verdict{coexist.Deleted, coexist.DeleteUnfinished, coexist.OlderWrote, coexist.OlderWrote, coexist.UnknownVerdict}},
	{"marker", "pruned", [5]coexist.Verdict{coexist.Deleted, coexist.OlderWrote, coexist.OlderWrote, coexist.OlderWrote, coexist.UnknownVerdict}},
	{"old", "unknown", [5]coexist.Verdict{coexist.SharedOnlyHere, coexist.InStep, coexist.UnknownVerdict, coexist.UnknownVerdict, coexist.UnknownVerdict}},
	{"old", "absent", [5]coexist.Verdict{coexist.SharedOnlyHere, coexist.Converged, coexist.Diverged, coexist.Diverged, coexist.UnknownVerdict}},
	{"old", "held", [5]coexist.Verdict{coexist.OlderSignedOut, coexist.InStep, coexist.OlderWrote, coexist.OlderWrote, coexist.UnknownVerdict}},
	{"old", "pruned", [5]coexist.Verdict{coexist.PrunedThere, coexist.Converged, coexist.Diverged, coexist.Diverged, coexist.UnknownVerdict}},
	{"ours", "unknown", [5]coexist.Verdict{coexist.SharedOnlyHere, coexist.UnknownVerdict, coexist.InStep, coexist.UnknownVerdict, coexist.UnknownVerdict}},
	{"ours", "absent", [5]coexist.Verdict{coexist.SharedOnlyHere, coexist.Diverged, coexist.Converged, coexist.Diverged, coexist.UnknownVerdict}},
	{"ours", "held", [5]coexist.Verdict{coexist.OlderSignedOut, coexist.NewWrote, coexist.Converged, coexist.Diverged, coexist.UnknownVerdict}},
	{"ours", "pruned", [5]coexist.Verdict{coexist.PrunedThere, coexist.Diverged, coexist.Converged, coexist.Diverged, coexist.UnknownVerdict}},
	{"locked", "unknown", [5]coexist.Verdict{coexist.UnknownVerdict, coexist.UnknownVerdict, coexist.UnknownVerdict, coexist.UnknownVerdict, coexist.UnknownVerdict}},
}

var legacyStates = [5]string{"absent", "old", "ours", "theirs", "locked"}

func TestVerdicts(t *testing.T) {
	reached := map[coexist.Verdict]bool{}
	for _, row := range verdicts {
		for i, legacy := range legacyStates {
			name := fmt.Sprintf("shared %s, then %s, legacy %s", row.shared, row.then, legacy)
			st := statusOf(t, row.shared, row.then, legacy)
			if st.Verdict != row.legacy[i] {
				t.Errorf("%s: %q, want %q", name, st.Verdict, row.legacy[i])
			}
			if row.shared != "locked" && st.Legacy[0].Verdict != row.legacy[i] {
				t.Errorf("%s: the source's verdict is %q, want %q", name, st.Legacy[0].Verdict, row.legacy[i])
			}
			checkAnswers(t, name, row.shared, row.then, legacy, st)
			reached[st.Verdict] = true
		}
	}
	if len(reached) != 12 {
		t.Errorf("the table reaches %d verdicts of 12", len(reached))
	}
}

// checkAnswers compares the three answers with what the words say.
func checkAnswers(t *testing.T, name, shared, then, legacy string, st coexist.KeyStatus) {
	t.Helper()
	values := map[string]bool{"old": true, "ours": true, "theirs": true}
	want := "?"
	if values[shared] && values[legacy] {
		want = fmt.Sprint(shared == legacy)
	}
	if got := spell(st.Legacy[0].EqualsShared); got != want {
		t.Errorf("%s: equals shared %s, want %s", name, got, want)
	}
	want = "?"
	if then != "unknown" && legacy != "locked" {
		want = fmt.Sprint(then == "held" && legacy == "old" || (then == "absent" || then == "pruned") && legacy == "absent")
	}
	if got := spell(st.Legacy[0].EqualsAgreed); got != want {
		t.Errorf("%s: equals agreed %s, want %s", name, got, want)
	}
}

func spell(a coexist.Answer) string {
	if a == nil {
		return "?"
	}
	return fmt.Sprint(*a)
}

// statusOf builds a state of the stores item by item and returns its status.
func statusOf(t *testing.T, shared, then, legacy string) coexist.KeyStatus {
	t.Helper()
	secret := bytes.Repeat([]byte{5}, 32)
	w := newWorld(t, coexist.PresetSharedOnly, 1)
	w.config.Shared = keying{Store: w.shared, secret: secret}
	switch legacy {
	case "absent":
	case "locked":
		w.legacy[0].Inject(storetest.VerbGet, 1, storetest.FailBefore(store.ErrLocked))
	default:
		w.olderSet(0, legacy)
	}
	w.hold(shared, then, secret)
	o, err := w.process().Status(t.Context(), false, key)
	if err != nil || len(o.Keys) != 1 {
		t.Fatalf("status: %v, %v", o, err)
	}
	return o.Keys[0]
}

func (w *world) hold(shared, then string, secret []byte) {
	w.t.Helper()
	agreement := map[string]string{"unknown": "?", "absent": "-", "held": ":" + print(secret, key, "old"), "pruned": "x"}[then]
	item := store.Item{}
	kind := "v"
	switch shared {
	case "absent":
		return
	case "locked":
		w.shared.Inject(storetest.VerbGet, 1, storetest.FailBefore(store.ErrLocked).Forever())
		return
	case "marker":
		kind = "m"
	default:
		item.Value = store.NewValue([]byte(shared))
	}
	text := "kr1;" + kind + ";3;" + keyID(secret) + ";digest;a=" + agreement
	var err error
	if item.Record, err = store.ParseRecord(text); err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.inner.Put(context.Background(), key, item, store.Any()); err != nil {
		w.t.Fatal(err)
	}
}

func TestStatusOfSeveralSourcesSpeaksForTheHeaviest(t *testing.T) {
	w := newWorld(t, coexist.PresetSharedOnly, 2)
	w.olderSet(0, "old")
	w.olderSet(1, "old")
	w.set("old")
	w.olderSet(1, "theirs")
	o, err := w.process().Status(t.Context(), false)
	if err != nil || len(o.Keys) != 1 {
		t.Fatalf("%v, %v", o, err)
	}
	st := o.Keys[0]
	if st.Verdict != coexist.OlderWrote || st.Legacy[0].Verdict != coexist.InStep || spell(st.OlderWrote) != "true" || spell(st.NewWrote) != "false" {
		t.Errorf("got %+v", st)
	}
	if st.Remedy == "" || st.Generation != 1 {
		t.Errorf("remedy %q, generation %d", st.Remedy, st.Generation)
	}
}

// TestStatusNeverPrompts: values of a source that may ask a person are read only
// if the caller wants that.
func TestStatusNeverPrompts(t *testing.T) {
	for _, interactive := range []bool{false, true} {
		w := newWorld(t, coexist.PresetSharedOnly, 1)
		w.olderSet(0, "old")
		caps := w.legacy[0].Info().Capabilities
		caps.MayPrompt = true
		w.config.Sources[0].Store = capable{w.legacy[0], caps}
		w.config.Shared = capable{w.shared, caps}
		o, err := w.process().Status(t.Context(), interactive, key)
		if err != nil {
			t.Fatal(err)
		}
		reads := w.legacy[0].Count(storetest.VerbGet)
		state := o.Keys[0].Legacy[0].State
		if interactive && (reads != 1 || state != coexist.StateValue) {
			t.Errorf("interactive: %d reads, %q", reads, state)
		}
		if !interactive && (reads != 0 || state != coexist.StateUnread || o.Keys[0].Shared != coexist.StateUnread) {
			t.Errorf("silent: %d reads, %q, shared %q", reads, state, o.Keys[0].Shared)
		}
	}
}

func TestStatusStates(t *testing.T) {
	for _, c := range []struct {
		failure error
		want    coexist.State
	}{
		{store.ErrLocked, coexist.StateLocked}, {store.ErrDenied, coexist.StateDenied},
		{store.ErrOutOfReach, coexist.StateUnavailable}, {store.ErrNoService, coexist.StateUnavailable},
		{store.ErrCorrupt, coexist.StateCorrupt}, {store.ErrTimedOut, coexist.StateUnread},
	} {
		w := newWorld(t, coexist.PresetSharedOnly, 1)
		w.shared.Inject(storetest.VerbGet, 1, storetest.FailBefore(c.failure).Forever())
		w.legacy[0].Inject(storetest.VerbGet, 1, storetest.FailBefore(c.failure))
		o, err := w.process().Status(t.Context(), true, key)
		if err != nil {
			t.Fatal(err)
		}
		st := o.Keys[0]
		if st.Shared != c.want || st.Legacy[0].State != c.want || st.Verdict != coexist.UnknownVerdict || st.SharedErr == nil {
			t.Errorf("%v: shared %q, legacy %q, verdict %q", c.failure, st.Shared, st.Legacy[0].State, st.Verdict)
		}
	}
}

func TestStatusOfAllKeysNamesWhatCouldNotBeListed(t *testing.T) {
	w := scattered(t)
	w.legacy[1].Inject(storetest.VerbList, 1, storetest.FailBefore(store.ErrLocked))
	o, err := w.process().Status(t.Context(), true)
	if err != nil || len(o.Incomplete) != 1 || o.Incomplete[0].Source != "b" {
		t.Errorf("incomplete %v, %v; want b", o.Incomplete, err)
	}
	if len(o.Keys) != 4 {
		t.Errorf("%d keys, want the 4 that were named", len(o.Keys))
	}
}

func TestStatusEndsWithItsContext(t *testing.T) {
	w := newWorld(t, coexist.PresetSharedOnly, 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := w.process().Status(ctx, true, key)
	w.expect("status", class(err), "[cancelled]")
}
