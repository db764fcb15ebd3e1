package vscdb

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/kinring/kinring/internal/durable"
	"github.com/kinring/kinring/legacy/safestorage"
	"github.com/kinring/kinring/store"
)

const layoutName = "vscdb"

func init() {
	store.RegisterLayout(Layout{})
	store.RegisterSelector(Storage{})
}

// Layout is the layout "vscdb".
type Layout struct{}

// Name returns vscdb.
func (Layout) Name() string { return layoutName }

// Capabilities says what a source will promise. Conditions are checked inside
// SQLite's transactions, which every program that opens the file honours.
func (Layout) Capabilities() store.Capabilities {
	return store.Capabilities{Persistent: true, AtomicAbsent: true, AtomicMatch: true, MayPrompt: runtime.GOOS == "darwin"}
}

// Canonical returns its argument: a value has one spelling.
func (Layout) Canonical(value []byte) []byte { return value }

// Options of the source in the profile.
const (
	optionApp      = "app"
	optionUserData = "userdata"
	optionArgv     = "argv"
)

// Open returns the source.
func (Layout) Open(config store.SourceConfig) (store.Store, error) {
	refuse := func(what, remedy string) error {
		return &store.Error{Class: store.ErrInvalid, Op: "open", Store: config.Name, Detail: what, Remedy: remedy}
	}
	for _, name := range slices.Sorted(maps.Keys(config.Options)) {
		if !slices.Contains([]string{optionApp, optionUserData, optionArgv}, name) {
			return nil, refuse(fmt.Sprintf("the option %q is unknown", name), "use app, userdata and argv")
		}
	}
	a := app{userData: config.Options[optionUserData], argv: config.Options[optionArgv]}
	if a.userData == "" {
		a.userData = filepath.Join(config.Path, "..", "..", "..")
	}
	switch {
	case config.Service == "":
		return nil, refuse("it is not said which service the secrets belong to", "give the profile a service")
	case config.Options[optionApp] == "":
		return nil, refuse("it is not said what the app is called", "give the source the option app")
	case !filepath.IsAbs(config.Path) || !filepath.IsAbs(a.userData) || a.argv != "" && !filepath.IsAbs(a.argv):
		return nil, refuse("it is not said where the database is", "give the profile absolute paths")
	}
	return newSource(config.Path, config.Service, a, safeOf(config.Options[optionApp], a.userData)), nil
}

func newSource(path, service string, a app, safe *safestorage.Safe) *source {
	return &source{db: newDatabase(path), service: service, app: a, safe: safe}
}

// safeOf returns the app's safe storage on this system.
func safeOf(name, userData string) *safestorage.Safe {
	dpapi := safestorage.SystemDPAPI()
	return &safestorage.Safe{DPAPI: dpapi, Keys: keysOf(name, userData, dpapi), Remember: runtime.GOOS == "darwin"}
}

// Storage is the selector "vscode-storage": whether the app keeps secrets in its
// database at all. It goes by the profile's variables userdata and argv.
type Storage struct{}

// The modes of the selector.
const (
	ModePersisted = "persisted" // in the database
	ModeInMemory  = "in-memory" // argv.json says so: they end with the app
	ModeAbsent    = "absent"    // there is no database: the app never ran here
)

// Name returns vscode-storage.
func (Storage) Name() string { return "vscode-storage" }

// Mode looks anew each time.
func (Storage) Mode(ctx context.Context, vars map[string]string) (string, error) {
	a := app{userData: vars[optionUserData], argv: vars[optionArgv]}
	s, err := a.settings(ctx)
	if err != nil {
		return "", err
	}
	if s.inMemory {
		return ModeInMemory, nil
	}
	_, err = durable.StampOf(Database(a.userData))
	switch {
	case errors.Is(err, store.ErrNotFound):
		return ModeAbsent, nil
	case err != nil:
		return "", err
	}
	return ModePersisted, nil
}

// Database returns the path of the database in a user-data directory.
func Database(userData string) string {
	return filepath.Join(userData, "User", "globalStorage", "state.vscdb")
}
