package loginkeychain

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"strings"
	"unicode"

	"github.com/kinring/kinring/internal/mac"
	"github.com/kinring/kinring/internal/secitem"
	"github.com/kinring/kinring/store"
)

// What zalando/go-keyring 0.2.8 does: it writes with security -i, one command a
// line, and reads with security find-generic-password -w. Values are in base64
// behind a prefix; older versions wrote hexadecimal behind another one, and the
// oldest the value itself.
const (
	securityTool = "/usr/bin/security"
	prefixBase64 = "go-keyring-base64:"
	prefixHex    = "go-keyring-encoded:"
	// maxCommand is the longest command that security -i reads, in bytes.
	maxCommand = 4096
	// maxToolValue fits into a command with names of usual length; with longer ones
	// less does, and is refused before anything is touched.
	maxToolValue = 2048
)

// tool reads and changes values through /usr/bin/security, which is trusted with
// the items that it made. A value is never in its arguments.
type tool struct {
	*source
	path string
}

// inTurn makes a call that runs the command, with the item's turn held all the
// while. One that may ask is one at a time for a process.
func (t tool) inTurn(ctx context.Context, item store.Key, kind mac.Kind, call func() ([]byte, error)) ([]byte, error) {
	manners, err := t.manners(ctx)
	if err != nil {
		return nil, err
	}
	out, err := mac.Do(ctx, t.program, item, manners.kind(kind), call)
	return out, t.refused(ctx, err)
}

// run runs the command and returns what it printed.
func (t tool) run(ctx context.Context, input []byte, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, cmp.Or(t.path, securityTool), args...)
	cmd.Stdin = bytes.NewReader(input)
	cmd.WaitDelay = tick
	out, err := cmd.Output()
	return out, exited(ctx, err)
}

// print has the tool print the value.
func (t tool) print(ctx context.Context, item store.Key) ([]byte, error) {
	out, err := t.run(ctx, nil, "find-generic-password", "-s", item.Service, "-a", item.Account, "-w")
	if err != nil {
		return nil, err
	}
	defer clear(out)
	return decode(out)
}

// exited returns the status behind an exit code: security ends with the low byte
// of the OSStatus that its command met.
func exited(ctx context.Context, err error) error {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return store.FromContext(ctx)
	case !errors.As(err, &exit):
		return &store.Error{Class: store.ErrUnavailable, Reason: store.ErrNoService, Err: err, Detail: "the security command cannot be run"}
	}
	for _, s := range []secitem.Status{secitem.ErrItemNotFound, secitem.ErrDuplicateItem, secitem.ErrInteractionNotAllowed, secitem.ErrAuthFailed,
		secitem.ErrUserCanceled, secitem.ErrNoDefaultKeychain, secitem.ErrNoSuchKeychain, secitem.ErrReadOnly} {
		if exit.ExitCode() == int(uint8(s)) {
			return s
		}
	}
	// What it wrote to standard error names the item and is left out.
	return &store.Error{Class: store.ErrUnavailable, Reason: store.ErrNoService, Native: fmt.Sprintf("exit code %d", exit.ExitCode()),
		Detail: "the security command failed"}
}

func (t tool) read(ctx context.Context, item store.Key) ([]byte, error) {
	return t.inTurn(ctx, item, mac.Reading, func() ([]byte, error) { return t.print(ctx, item) })
}

// decode returns the value in what the tool printed, as go-keyring takes it.
func decode(printed []byte) ([]byte, error) {
	text := bytes.TrimSpace(printed)
	var value []byte
	var err error
	if body, ok := bytes.CutPrefix(text, []byte(prefixBase64)); ok {
		value, err = base64.StdEncoding.AppendDecode(nil, body)
	} else if body, ok := bytes.CutPrefix(text, []byte(prefixHex)); ok {
		value, err = hex.AppendDecode(nil, body)
	} else {
		value = bytes.Clone(text)
	}
	if err != nil { // its text may hold a part of the value
		return nil, &store.Error{Class: store.ErrCorrupt, Detail: "the value is not encoded as its prefix says", Remedy: "sign in again"}
	}
	return value, nil
}

func (t tool) add(ctx context.Context, item store.Key, value []byte) error {
	return t.write(ctx, item, value, "")
}

func (t tool) replace(ctx context.Context, item store.Key, value []byte) error {
	return t.write(ctx, item, value, update)
}

// update has the tool change an item that is there, and make one that is not.
const update = "-U "

// write has the tool make or change an item.
func (t tool) write(ctx context.Context, item store.Key, value []byte, flags string) error {
	command, err := writing(item, value, flags)
	if err != nil {
		return err
	}
	// The command may still run when the caller has given up and wiped its value.
	value = bytes.Clone(value)
	_, err = t.inTurn(ctx, item, mac.Writing, func() ([]byte, error) {
		defer clear(value)
		defer clear(command)
		if flags != update && t.there(item) {
			return nil, secitem.ErrDuplicateItem
		}
		if _, err := t.run(ctx, command, "-i"); err != nil {
			return nil, unmade(err, flags)
		}
		return nil, t.confirm(ctx, item, value)
	})
	return err
}

// unmade is the error of a change that the command did not say it made. One that
// it was killed in, or that ended in an unknown way, may have been made.
func unmade(err error, flags string) error {
	var missing *fs.PathError
	switch _, isStatus := secitem.StatusOf(err); {
	case flags == update && errors.Is(err, secitem.ErrDuplicateItem):
		// Whatever keeps the command from changing an item, it goes on to make one,
		// and then complains that there is one (SecurityTool/macOS/keychain_add.c).
		return secitem.ErrAuthFailed
	case isStatus, errors.As(err, &missing):
		return err
	}
	return &store.Error{Class: store.ErrOutcomeUnknown, Err: err, Detail: "the security command did not finish",
		Remedy: "read the item to see what came of it"}
}

// there reports whether an item is there, inside its turn.
func (t tool) there(item store.Key) bool {
	q := query(item)
	q.ReturnAttributes = true
	_, err := t.program.CopyMatching(q.Dict())
	return err == nil
}

// confirm looks whether an item is what was just written.
func (t tool) confirm(ctx context.Context, item store.Key, value []byte) error {
	now, err := t.print(ctx, item)
	defer clear(now)
	if err == nil && bytes.Equal(now, value) {
		return nil
	}
	return &store.Error{Class: store.ErrOutcomeUnknown, Err: mac.Failure(err), Detail: "the item is not what was written",
		Remedy: "read the item to see what came of it"}
}

// writing returns the command that writes an item, as go-keyring gives it.
func writing(item store.Key, value []byte, flags string) ([]byte, error) {
	for _, name := range []string{item.Service, item.Account} {
		if strings.ContainsFunc(name, unicode.IsControl) {
			return nil, &store.Error{Class: store.ErrUnsupported, Detail: "the security command takes no control characters in names",
				Remedy: "use another name"}
		}
	}
	command := fmt.Appendf(nil, "add-generic-password %s-s %s -a %s -w %s", flags, quoted(item.Service), quoted(item.Account), prefixBase64)
	command = base64.StdEncoding.AppendEncode(command, value)
	command = append(command, '\n')
	if len(command) > maxCommand {
		clear(command)
		return nil, &store.Error{Class: store.ErrTooLarge, Detail: fmt.Sprintf("the command would have %d bytes", len(command)),
			Remedy: fmt.Sprintf("security -i reads %d: use a shorter value", maxCommand)}
	}
	return command, nil
}

// quoted quotes a name so that security -i reads it as one word. Its words are not
// a shell's: a closing quote ends the word, and a backslash keeps the next byte
// inside quotes of either kind (SecurityTool/macOS/security.c, split_line).
func quoted(name string) string { return `"` + escapes.Replace(name) + `"` }

var escapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

func (t tool) remove(ctx context.Context, item store.Key) error {
	_, err := t.inTurn(ctx, item, mac.Writing, func() ([]byte, error) {
		_, err := t.run(ctx, nil, "delete-generic-password", "-s", item.Service, "-a", item.Account)
		if err != nil {
			err = unmade(err, "")
		}
		return nil, err
	})
	return err
}
