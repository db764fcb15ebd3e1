package explorer

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// mutant is one line of the engine's rules made wrong.
type mutant struct {
	file     string // in package coexist
	old, new string // old occurs once
	test     string // of the engine's own, which is known to catch it and the explorer's quick form not
}

// mutants are each a mistake that somebody could make. A line that has moved on
// has to be followed here: a mutant that fits nowhere fails the test.
var mutants = []mutant{
	{"get.go", "return e.Shared.Put(ctx, key, item, store.Absent())", "return e.Shared.Put(ctx, key, item, store.Any())", ""},
	{"get.go", "record(p, key, found.value, 0, agreed(", "record(p, key, found.value, 1, agreed(", "TestI3BackfillCarriesGenerationZero"},
	{"get.go", "return Reading{}, err // the shared store has something: that is the answer", "return r, nil", "TestI3BackfillYieldsToWhatIsThere"},
	{"get.go", "\t\terr = e.stillAbsent(ctx, key, err)\n", "\n", ""},
	{"get.go", "e.stillMarked(ctx, key, marker, gone)", "gone", ""},
	{"get.go", "now.Revision == marker.Revision {", "now.Revision != \"\" {", ""},
	{"get.go", "\t\tif s.err != nil {\n\t\t\treturn s, s.err\n\t\t}\n\t\tif s.present && p.changed", "\t\tif s.present && p.changed", ""},
	{"get.go", "if s.present && p.changed(key, s, then) {", "if s.present {", ""},
	{"get.go", "then.Kind == store.Unknown || then.Pending != \"\" && fp == then.Pending:", "then.Kind == store.Unknown:", ""},
	{"get.go", "return fp != \"\" && fp != then.Fingerprint", "return true", ""},
	{"get.go", "item.Revision, err = e.Shared.Put(ctx, key, item, store.Match(over.Revision))", "item.Revision, err = e.Shared.Put(ctx, key, item, store.Any())", ""},
	{"get.go", "return Reading{}, cause\n\t}\n\tif err == nil {\n\t\te.notify(NoticeUnverified", "return Reading{}, err\n\t}\n\tif err == nil {\n\t\te.notify(NoticeUnverified", ""},
	{"get.go", "over.Record.Generation+1, sources)}", "over.Record.Generation, sources)}", "TestGenerationsRiseWithWhatIsTakenOver"},
	{"legacy.go", "\t\tif s.err != nil {\n\t\t\treturn s, seen, s.err\n\t\t}\n", "\t\tif s.err != nil {\n\t\t\tcontinue\n\t\t}\n", ""},
	{"legacy.go", "if s.passed != nil && errors.Is(err, store.ErrNotFound) {", "if false {", "TestI4PassedOverSource"},
	{"legacy.go", "case then.Pending != a.Fingerprint || then.Pending == then.Fingerprint:", "case false:", ""},
	{"legacy.go", "a.Kind = store.AbsentThere", "a.Kind = store.Unknown", ""},
	{"look.go", "case then.Kind == store.Held && ours == then.Fingerprint:", "case then.Kind == store.Held:", ""},
	{"look.go", "|| ours == p.seen(key, s.source, s.value):", ":", "TestFastForward"},
	{"look.go", "p.seen(key, s.source, item.Value) != then.Fingerprint {", "false {", ""},
	{"look.go", "r.Provenance = Unverified", "r.Provenance = FromShared", "TestI10WhatCannotBeComparedIsUnverified"},
	{"look.go", "then.Kind == store.Held && then.Pending == \"\":", "then.Kind == store.Held:", "TestAnnouncedValueIsNoSignOut"},
	{"set.go", "sources := store.Match(over.Revision), slices", "sources := store.Any(), slices", ""},
	{"set.go", "cond, sources = store.Absent(), noted()", "cond, sources = store.Any(), noted()", ""},
	{"set.go", "if a.Kind == store.Held && p.seen(", "if false && p.seen(", ""},
	{"set.go", "if then.Pending != \"\" && then.Kind == store.Held && then.Fingerprint == value {", "if false {", "TestI3LateMirrorOutlivesARepeatedValue"},
	{"set.go", "sources[i].Pending = then[i].Pending", "sources[i].Pending = \"\"", ""},
	{"engine.go", "return item.Record.Kind == store.KindMarker && item.Value.Len() == 0", "return item.Record.Kind == store.KindMarker", ""},
	{"engine.go", "if item.Record.Readable() {", "if true {", ""},
	{"delete.go", "if p.cause == nil || store.ClassOf(err) == store.ErrOutcomeUnknown {", "if p.cause == nil {", ""},
	{"delete.go", "now[i].Pending = p.recall(before, now[i].Source).Pending", "now[i].Pending = \"\"", ""},
	{"delete.go", "now[i].Kind, now[i].Fingerprint = store.AbsentThere, \"\"", "now[i].Kind, now[i].Fingerprint = store.Unknown, \"\"", ""},
	{"delete.go", "case all || then.Kind == store.Held && !p.changed(key, s, then):", "case all || then.Kind != store.Pruned:", ""},
	{"delete.go", "Delete(ctx, d.key, store.Match(s.revision))\n\t\tif errors", "Delete(ctx, d.key, store.Any())\n\t\tif errors", ""},
	{"delete.go", "if s.err != nil || s.present {", "if s.err != nil {", ""},
	{"delete.go", "\td.note(s.source.Name, store.At(err, \"\", s.source.Name, d.key))\n", "\td.note(s.source.Name, nil)\n", ""},
	{"fingerprint.go", "if entry.Record.KeyID != \"\" {", "if entry.Record.KeyID == \"?\" {", "TestLostFingerprintKey"},
	{"fingerprint.go", "store.Item{Value: store.NewValue(key)}, store.Absent())", "store.Item{Value: store.NewValue(key)}, store.Any())", "TestFingerprintKeyIsMadeOnce"},
	{"list.go", "if entry.Record.Kind == store.KindMarker {", "if false {", "TestListIsTheUnionWithoutMarkers"},
	{"mirror.go", "if then.Kind != store.Held || p.changed(key, s, then) {", "if then.Kind != store.Held {", ""},
	{"mirror.go", "store.Item{Value: item.Value}, store.Match(s.revision))", "store.Item{Value: item.Value}, store.Any())", ""},
	{"prune.go", "err = s.source.Store.Delete(ctx, key, store.Match(s.revision))", "err = s.source.Store.Delete(ctx, key, store.Any())", ""},
	{"prune.go", "case sameValue(s, item.Value), then.Kind == store.Held && !p.changed(key, s, then):", "case sameValue(s, item.Value), then.Kind == store.Held:", ""},
	{"prune.go", "return out, failed.err()", "return out, failed.cause", ""},
	{"update.go", "u.lease.Interrupted(); current.Interrupted {", "false; current.Interrupted {", ""},
	{"update.go", "func(a store.Agreement) bool { return mirrors && a.Kind == store.Held })", "func(store.Agreement) bool { return false })", "TestNextUpdateFinishesAMirror"},
	{"update.go", "drop:  u.lease.Leave,", "drop:  u.lease.Release,", ""},
	{"update.go", "&& !u.Shared.Info().Capabilities.Fenced {", "{", "TestI10RetryBehindAFence"},
	{"update.go", "return agreed(u.printer, u.key, u.sources(u.key), u.seen) }", "return u.glance(ctx, u.printer, u.key) }", ""},
}

// TestEachMutantIsCaught builds the engine with one line wrong at a time and
// expects the explorer, or else the engine's own tests, to fail.
func TestEachMutantIsCaught(t *testing.T) {
	if form(t) != "ci" {
		t.Skip("set KINRING_EXPLORER=ci to build the engine anew for each mutant")
	}
	tool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("the go command is needed to build the mutants")
	}
	t.Run("of", func(t *testing.T) {
		for _, m := range mutants {
			t.Run(m.file+"/"+strings.TrimSpace(strings.SplitN(m.old, "\n", 2)[0]), func(t *testing.T) {
				t.Parallel()
				m.mustBeCaught(t, tool)
			})
		}
	})
}

// attempt is one way to find a mutant out.
type attempt struct{ pkg, tests string }

// attempts returns what may find the mutant out, what is known to first.
func (m mutant) attempts() []attempt {
	all := []attempt{{"internal/explorer", "Kinring"}, {"coexist", "."}}
	if m.test != "" {
		all = append([]attempt{{"coexist", "^" + m.test + "$"}}, all...)
	}
	return all
}

func (m mutant) mustBeCaught(t *testing.T, tool string) {
	dir := t.TempDir()
	overlay := m.overlay(t, dir)
	for _, a := range m.attempts() {
		binary := filepath.Join(dir, filepath.Base(a.pkg)+".test")
		if _, err := os.Stat(binary); err != nil {
			build := command(t.Context(), tool, "test", "-c", "-ldflags=-s -w", "-overlay", overlay, "-o", binary, "./"+a.pkg)
			build.Dir = moduleRoot(t)
			if out, err := build.CombinedOutput(); err != nil {
				t.Fatalf("the mutant does not build: %v\n%s", err, out)
			}
		}
		run := command(t.Context(), binary, "-test.timeout=5m", "-test.run="+a.tests)
		run.Dir = filepath.Join(moduleRoot(t), a.pkg)
		if out, err := run.CombinedOutput(); err != nil {
			t.Logf("caught by %s: %s", a.pkg, reason(out))
			return
		}
	}
	t.Errorf("nobody minds %q in place of %q", m.new, m.old)
}

func command(ctx context.Context, name string, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, name, args...)
	c.Env = append(os.Environ(), "KINRING_EXPLORER=mutant", "GOMAXPROCS=1")
	return c
}

// reason picks the line that says which promise is broken.
func reason(out []byte) string {
	if found := regexp.MustCompile(`.* breaks I\d+`).Find(out); found != nil {
		return strings.TrimSpace(string(found))
	}
	if found := regexp.MustCompile(`(?m)^\s*(--- FAIL|panic:).*`).Find(out); found != nil {
		return strings.TrimSpace(string(found))
	}
	return "it fails"
}

// overlay writes the mutant's file and the description with which the go command
// takes it for the original.
func (m mutant) overlay(t *testing.T, dir string) string {
	t.Helper()
	original := filepath.Join(moduleRoot(t), "coexist", m.file)
	text, err := os.ReadFile(original)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(text, []byte(m.old)); n != 1 {
		t.Fatalf("%q occurs %d times in %s, want once", m.old, n, m.file)
	}
	changed := filepath.Join(dir, m.file)
	mustWrite(t, changed, bytes.Replace(text, []byte(m.old), []byte(m.new), 1))
	description, err := json.Marshal(map[string]map[string]string{"Replace": {original: changed}})
	if err != nil {
		t.Fatal(err)
	}
	overlay := filepath.Join(dir, "overlay.json")
	mustWrite(t, overlay, description)
	return overlay
}

func mustWrite(t *testing.T, name string, text []byte) {
	t.Helper()
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func moduleRoot(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	return root
}
