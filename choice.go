package kinring

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/kinring/kinring/internal/durable"
	"github.com/kinring/kinring/store"
)

// choiceSchema names the form of the file that keeps a family's choice of store.
const choiceSchema = "kinring.choice/1"

// maxChoice is far more than such a file needs, in bytes.
const maxChoice = 16 << 10

// choice keeps which store a family uses. Without it, a program that finds the
// usual store out of reach could quietly write to a weaker one, and the next
// would find its secrets missing.
type choice struct {
	dir, family string
	replace     bool
}

type chosen struct {
	Schema string `json:"schema"`
	Kind   string `json:"kind"`
	ID     string `json:"id"`
}

func (c choice) path() string { return filepath.Join(c.dir, "families", c.family+".json") }

// kept reports whether choices of such a store are kept at all. One that forgets
// its items when the program ends is a choice for that program alone.
func (c choice) kept(info store.Info) bool { return c.dir != "" && info.Capabilities.Persistent }

// read returns the recorded choice, and whether there is one.
func (c choice) read(ctx context.Context) (chosen, bool, error) {
	if c.dir == "" {
		return chosen{}, false, nil
	}
	data, _, err := durable.ReadFile(ctx, c.path(), durable.Limits{MaxSize: maxChoice})
	if errors.Is(err, store.ErrNotFound) {
		return chosen{}, false, nil
	}
	if err != nil {
		return chosen{}, false, err
	}
	var ch chosen
	if err := json.Unmarshal(data, &ch); err != nil || ch.Schema != choiceSchema || ch.Kind == "" {
		return chosen{}, false, &store.Error{Class: store.ErrCorrupt, Store: c.path(),
			Detail: "it does not say which store the family uses", Remedy: "remove it and choose the store again"}
	}
	return ch, true, nil
}

// check refuses a store that is not the recorded one.
func (c choice) check(info store.Info) error {
	if !c.kept(info) || c.replace {
		return nil
	}
	ch, recorded, err := c.read(context.Background())
	if err != nil || !recorded || ch.Kind == info.Kind && ch.ID == info.ID {
		return err
	}
	return &store.Error{Class: store.ErrConflict, Op: "open", Store: info.Kind,
		Detail: fmt.Sprintf("the family %s uses %s %s, not %s %s", c.family, ch.Kind, ch.ID, info.Kind, info.ID),
		Remedy: "use that one, or switch the store on purpose (--switch-store)"}
}

// record keeps the choice. It writes only if something else or nothing is kept.
func (c choice) record(ctx context.Context, info store.Info) error {
	if !c.kept(info) {
		return nil
	}
	want := chosen{choiceSchema, info.Kind, info.ID}
	if ch, recorded, err := c.read(ctx); err == nil && recorded && ch == want {
		return nil
	}
	data, err := json.Marshal(want)
	if err != nil {
		return err
	}
	if err := durable.MkdirAll(filepath.Dir(c.path())); err != nil {
		return err
	}
	return durable.WriteFile(ctx, c.path(), append(data, '\n'), 0o600)
}

// defaultStateDir is where programs keep state that is neither configuration nor
// data: XDG_STATE_HOME on Linux, the platform's own place elsewhere.
func defaultStateDir() string {
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	switch runtime.GOOS {
	case "darwin":
		return filepath.Join(home, "Library", "Application Support", "kinring")
	case "windows":
		if dir := os.Getenv("LOCALAPPDATA"); dir != "" {
			return filepath.Join(dir, "kinring")
		}
		return filepath.Join(home, "AppData", "Local", "kinring")
	}
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "kinring")
	}
	return filepath.Join(home, ".local", "state", "kinring")
}
