// Package codexconfig reads from the OpenAI Codex CLI's own configuration where
// that Codex keeps its secrets. It registers two selectors: "codex-config" for
// the login, and "codex-mcp-config" for the credentials of MCP servers.
//
// Both read config.toml in Codex's folder and nothing else: options of a single
// run (-c, --enable) and development builds, which keep everything in files,
// leave no trace that another program could find.
package codexconfig

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"

	"github.com/kinring/kinring/internal/durable"
	"github.com/kinring/kinring/internal/settled"
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
}

// Login tells where Codex keeps its login. The modes are those that Codex
// 0.169.0 names when it is given another one.
var Login = Selector{"codex-config", "cli_auth_credentials_store", "file",
	[]string{"file", "keyring", "auto", "ephemeral"}, quiet}

// MCP tells where Codex keeps the credentials of MCP servers.
var MCP = Selector{"codex-mcp-config", "mcp_oauth_credentials_store", "auto",
	[]string{"auto", "file", "keyring"}, quiet}

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
		return s.fallback, nil
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
	return mode, err
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

// find returns the mode that a configuration names, or the default.
func (s Selector) find(text []byte) (string, error) {
	var tree map[string]any
	if err := toml.Unmarshal(text, &tree); err != nil {
		return "", &problem{lineOfError(err), "it is not TOML"}
	}
	value, named := tree[s.setting]
	if !named {
		return s.fallback, nil
	}
	mode, isText := value.(string)
	if !isText || !slices.Contains(s.modes, mode) {
		return "", &problem{s.line(text), fmt.Sprintf("%s is %s, and not one of %s", s.setting, shown(mode, isText), strings.Join(s.modes, ", "))}
	}
	return mode, nil
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

// line finds where the setting stands in a text that is known to be TOML.
func (s Selector) line(text []byte) int {
	var p unstable.Parser
	p.Reset(text)
	for p.NextExpression() {
		key := p.Expression().Key()
		if key.Next() && string(key.Node().Data) == s.setting {
			return p.Shape(key.Node().Raw).Start.Line
		}
	}
	return 1
}
