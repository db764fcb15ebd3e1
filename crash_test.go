package kinring_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kinring/kinring"
	"github.com/kinring/kinring/backend/vault"
	"github.com/kinring/kinring/internal/crashdisk"
)

// crashLogin is what the older build is signed in with.
const crashLogin = `{"token":"made up"}`

// crashStory is an operation of a ring whose crash points are walked.
type crashStory struct {
	prepare, do func(t *testing.T, ring *kinring.Ring) error
	// judge sees the ring after a crash and the older build's file, and returns
	// what is wrong. Then do is run once more, and done says what is to be then.
	judge func(value string, err error, older string, acknowledged bool) string
	done  func(value string, err error, older string) bool
}

func migrated(t *testing.T, ring *kinring.Ring) error {
	p, err := ring.Migrate(t.Context(), nil)
	if err == nil && !p.Complete {
		err = fmt.Errorf("not verified: %+v", p)
	}
	return err
}

var crashStories = map[string]crashStory{
	"migrate": {
		do: migrated,
		judge: func(value string, err error, older string, _ bool) string {
			return unless(err == nil && value == crashLogin && older == crashLogin, "I1, I5: a value was lost, or legacy changed")
		},
		done: func(value string, err error, older string) bool {
			return err == nil && value == crashLogin && older == crashLogin
		},
	},
	"prune": {
		prepare: migrated,
		do: func(t *testing.T, ring *kinring.Ring) error {
			_, err := ring.Prune(t.Context(), false)
			return err
		},
		judge: func(value string, err error, older string, acknowledged bool) string {
			return unless(err == nil && value == crashLogin && (older == "" || older == crashLogin && !acknowledged), "I1: a value was lost")
		},
		done: func(value string, err error, older string) bool {
			return err == nil && value == crashLogin && older == ""
		},
	},
	"delete": {
		prepare: migrated,
		do: func(t *testing.T, ring *kinring.Ring) error {
			_, err := ring.Delete(t.Context(), "auth")
			return err
		},
		judge: func(value string, err error, older string, acknowledged bool) string {
			gone := errors.Is(err, kinring.ErrNotFound)
			return unless(gone || err == nil && value == crashLogin && older == crashLogin && !acknowledged, "I2: a deleted value came back")
		},
		done: func(_ string, err error, older string) bool {
			return errors.Is(err, kinring.ErrNotFound) && older == ""
		},
	},
}

func unless(ok bool, text string) string {
	if ok {
		return ""
	}
	return text
}

// crashRing opens a ring on the vault and the older build's file in a directory.
func crashRing(t *testing.T, dir string) *kinring.Ring {
	t.Helper()
	o := vault.Options{Path: filepath.Join(dir, "shared", "vault.db")}
	ring, err := kinring.Open(t.Context(), notes(dir), kinring.WithStore(vault.Driver(o)), kinring.WithStateDir(""), kinring.WithBudget(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

func crashClose(t *testing.T, ring *kinring.Ring) {
	t.Helper()
	if err := ring.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestCrashPointsOfTheRing kills a ring at every call by which migrating, pruning
// and deleting change the vault, or takes the power away there.
func TestCrashPointsOfTheRing(t *testing.T) {
	for name, story := range crashStories {
		t.Run(name, func(t *testing.T) { walk(t, story) })
	}
}

func walk(t *testing.T, story crashStory) {
	dir := t.TempDir()
	shared, older := filepath.Join(dir, "shared"), filepath.Join(dir, "auth.json")
	path := filepath.Join(shared, "vault.db")
	if err := errors.Join(os.Mkdir(shared, 0o700), os.WriteFile(older, []byte(crashLogin), 0o600),
		vault.GenerateKeyFile(t.Context(), vault.DefaultKeyFile(path)),
		vault.Create(t.Context(), vault.Options{Path: path, Keys: []vault.KeySource{vault.KeyFile(vault.DefaultKeyFile(path))}})); err != nil {
		t.Fatal(err)
	}
	ring := crashRing(t, dir)
	if story.prepare != nil {
		if err := story.prepare(t, ring); err != nil {
			t.Fatal(err)
		}
		crashClose(t, ring)
		ring = crashRing(t, dir)
	}
	r := crashdisk.Record(t, shared, older)
	if err := story.do(t, ring); err != nil {
		t.Fatal(err)
	}
	r.Mark()
	crashClose(t, ring)
	r.Stop()
	points, acknowledged := 0, false
	for n := range r.Events {
		acknowledged = acknowledged || n > 0 && r.Events[n-1].Call == crashdisk.Mark
		for what, image := range map[string]crashdisk.Image{
			"killed": r.Killed(n, false), "killed torn": r.Killed(n, true),
			"power lost": r.PowerLost(n, func(int) bool { return false }),
		} {
			if wrong := story.after(t, image, r.Events[n].Aside[older], acknowledged); wrong != "" {
				t.Fatalf("%s before call %d of %d: %s", what, n, len(r.Events), wrong)
			}
			points++
		}
	}
	t.Logf("%d crash points", points)
}

// after lays out what a crash left, judges it, and finishes the operation.
func (c crashStory) after(t *testing.T, image crashdisk.Image, older []byte, acknowledged bool) string {
	t.Helper()
	dir := t.TempDir()
	shared, file := filepath.Join(dir, "shared"), filepath.Join(dir, "auth.json")
	if err := os.Mkdir(shared, 0o700); err != nil {
		t.Fatal(err)
	}
	image.Lay(t, shared)
	if older != nil {
		if err := os.WriteFile(file, older, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ring := crashRing(t, dir)
	defer crashClose(t, ring)
	v, err := ring.Get(t.Context(), "auth")
	if wrong := c.judge(string(v.Bytes()), err, content(t, file), acknowledged); wrong != "" {
		return fmt.Sprintf("%s: %d bytes, %v", wrong, v.Len(), err)
	}
	if err := c.do(t, ring); err != nil {
		return "finishing it: " + err.Error()
	}
	v, err = ring.Get(t.Context(), "auth")
	if !c.done(string(v.Bytes()), err, content(t, file)) {
		return fmt.Sprintf("it is not finished by doing it again: %d bytes, %v", v.Len(), err)
	}
	return ""
}

func content(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return string(data)
}
