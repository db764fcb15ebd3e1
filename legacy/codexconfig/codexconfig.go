// Package codexconfig reads from the OpenAI Codex CLI's own configuration where
// that Codex keeps its secrets. It registers two selectors: "codex-config" for
// the login, and "codex-mcp-config" for the credentials of MCP servers.
//
// Where Codex keeps secrets encrypted in files of its own, with only their key in
// the keyring (the feature secret_auth_storage, which is on unless configured on
// Windows and off elsewhere), the modes keyring and auto are keyring-secrets and
// auto-secrets: what Codex keeps in the keyring itself it does not read then.
//
// Both read config.toml in Codex's folder and nothing else: options of a single
// run (-c, --enable) and development builds, which keep everything in files,
// leave no trace that another program could find.
package codexconfig

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"

	"github.com/kinring/kinring/internal/durable"
	"github.com/kinring/kinring/internal/settled"
	"github.com/kinring/kinring/internal/tomltext"
	"github.com/kinring/kinring/store"
)

const (
	// homeVariable is the profile's variable that holds Codex's folder.
	homeVariable = "home"
	fileName     = "config.toml"
	// fileLimit is far beyond what a person writes.
	fileLimit = 1 << 20
	// quiet is how long the last write must be ago: half a configuration looks
	// like a whole one, so an editor that empties the file and then fills it can
	// be told only by the time. In between lie microseconds, and what else a busy
	// machine does.
	quiet = 250 * time.Millisecond
)

func init() {
	store.RegisterSelector(Login)
	store.RegisterSelector(MCP)
}

// Selector reads one setting of config.toml.
type Selector struct {
	name     string
	setting  string
	fallback string
	modes    []string
	quiet    time.Duration
	// encrypts is whether the feature is on where the configuration says nothing.
	encrypts bool
}

// The feature, and what it makes of a mode that uses the keyring.
const (
	features     = "features"
	feature      = "secret_auth_storage"
	encryptedEnd = "-secrets"
)

// Login tells where Codex keeps its login. The modes are those that Codex
// 0.169.0 names when it is given another one.
var Login = Selector{"codex-config", "cli_auth_credentials_store", "file",
	[]string{"file", "keyring", "auto", "ephemeral"}, quiet, runtime.GOOS == "windows"}

// MCP tells where Codex keeps the credentials of MCP servers.
var MCP = Selector{"codex-mcp-config", "mcp_oauth_credentials_store", "auto",
	[]string{"auto", "file", "keyring"}, quiet, runtime.GOOS == "windows"}

// Name returns what a profile calls the selector.
func (s Selector) Name() string { return s.name }

// Mode returns the mode in force. A configuration that is not there, or does not
// name the setting, has Codex's default; one that cannot be read, is no TOML or
// names an unknown mode is an error that says which file and line.
//
// config.toml may be a symlink, because people keep such files elsewhere, and it
// may belong to anybody: it is no secret, and Codex obeys it whoever owns it.
func (s Selector) Mode(ctx context.Context, vars map[string]string) (string, error) {
	mode, err := s.mode(ctx, vars[homeVariable])
	return mode, store.At(err, "select", s.name, store.Key{})
}

func (s Selector) mode(ctx context.Context, home string) (string, error) {
	if !filepath.IsAbs(home) {
		return "", &store.Error{Class: store.ErrInvalid, Detail: "it is not said where Codex's folder is",
			Remedy: "give the profile an absolute variable " + homeVariable}
	}
	path := filepath.Join(home, fileName)
	text, err := s.read(ctx, path)
	if errors.Is(err, store.ErrNotFound) {
		return s.with(s.fallback, s.encrypts), nil
	}
	if err != nil {
		return "", err
	}
	mode, err := s.find(text)
	var wrong *problem
	if errors.As(err, &wrong) {
		err = &store.Error{Class: store.ErrCorrupt, Store: fmt.Sprintf("%s:%d", path, wrong.line), Detail: wrong.text,
			Remedy: "correct the line; Codex refuses it too"}
	}
	return mode, store.At(err, "", path, store.Key{})
}

// read follows symlinks, and reads the file once it is quiet. A symlink to
// nothing is no configuration for Codex either.
func (s Selector) read(ctx context.Context, path string) ([]byte, error) {
	if err := store.FromContext(ctx); err != nil {
		return nil, err
	}
	target, err := filepath.EvalSymlinks(path)
	switch {
	case err == nil:
		path = target
	case errors.Is(err, fs.ErrNotExist):
		return nil, &store.Error{Class: store.ErrNotFound, Store: path}
	} // else reading says what is wrong
	f := settled.File{Path: path, Limits: durable.Limits{MaxSize: fileLimit, AnyOwner: true}, Quiet: s.quiet}
	text, _, err := f.Read(ctx)
	return text, err
}

// problem is what is wrong with a line. It quotes nothing but the mode: a
// configuration may hold keys of servers.
type problem struct {
	line int
	text string
}

func (p *problem) Error() string { return fmt.Sprintf("line %d: %s", p.line, p.text) }

// find returns the mode that a configuration names, or the default. A byte order mark
// is passed over, as Codex's parser does.
func (s Selector) find(text []byte) (string, error) {
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	if err := tomltext.Check(text); err != nil {
		return "", &store.Error{Class: store.ErrTooLarge, Detail: err.Error(), Remedy: "check that it is the right file"}
	}
	var tree map[string]any
	if err := toml.Unmarshal(text, &tree); err != nil {
		return "", &problem{lineOfError(err), "it is not TOML"}
	}
	encrypts, err := s.encrypted(tree, text)
	if err != nil {
		return "", err
	}
	value, named := tree[s.setting]
	if !named {
		return s.with(s.fallback, encrypts), nil
	}
	mode, isText := value.(string)
	if !isText || !slices.Contains(s.modes, mode) {
		return "", &problem{line(text, s.setting), fmt.Sprintf("%s is %s, and not one of %s", s.setting, shown(mode, isText), strings.Join(s.modes, ", "))}
	}
	return s.with(mode, encrypts), nil
}

// with returns a mode as it is with or without the feature. Without a keyring it
// changes nothing.
func (Selector) with(mode string, encrypts bool) string {
	if encrypts && (mode == "keyring" || mode == "auto") {
		return mode + encryptedEnd
	}
	return mode
}

// encrypted reports whether the feature is on.
func (s Selector) encrypted(tree map[string]any, text []byte) (bool, error) {
	table, _ := tree[features].(map[string]any)
	value, named := table[feature]
	if !named {
		return s.encrypts, nil
	}
	on, isBool := value.(bool)
	if !isBool {
		return false, &problem{line(text, feature), feature + " is neither true nor false"}
	}
	return on, nil
}

func shown(mode string, isText bool) string {
	const most = 32
	switch {
	case !isText:
		return "no text"
	case len(mode) > most:
		return "another mode"
	}
	return fmt.Sprintf("%q", mode)
}

func lineOfError(err error) int {
	var e *toml.DecodeError
	if errors.As(err, &e) {
		row, _ := e.Position()
		return row
	}
	return 1
}

// line finds where a setting stands in a text that is known to be TOML.
func line(text []byte, setting string) int {
	var p unstable.Parser
	p.Reset(text)
	for p.NextExpression() {
		for key := p.Expression().Key(); key.Next(); {
			if string(key.Node().Data) == setting {
				return p.Shape(key.Node().Raw).Start.Line
			}
		}
	}
	return 1
}
