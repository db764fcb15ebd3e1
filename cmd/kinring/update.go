package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"time"

	"github.com/spf13/cobra"

	"github.com/kinring/kinring"
	"github.com/kinring/kinring/store"
)

const updateLong = `Replace a value by what a command makes from it. The command gets the current
value on its standard input and prints the new one. While it runs no other
program of the family updates the key, and it is run at most once, with the
newest value that any store holds: what a refresh token that is good for one use
needs.

Empty output keeps the value. If the command fails nothing is changed; the exit
code is 125 and the message names the command's own. Its environment holds
KINRING_INTERRUPTED=1 if an update before this one ended in the middle.`

// setDocument serves update too: both tell of a written value.

func (a *app) updateCommand() *cobra.Command {
	var keys keyFlags
	cmd := &cobra.Command{
		Use:               "update KEY -- COMMAND [ARGUMENT...]",
		Short:             "Replace a value by what a command makes from it",
		Long:              updateLong,
		Example:           "  kinring --family codex update auth -- refresh-login",
		ValidArgsFunction: a.completeKey,
		Args: func(cmd *cobra.Command, args []string) error {
			dash := cmd.ArgsLenAtDash()
			if dash < 0 || dash == len(args) {
				return usage("update needs a command after --")
			}
			return keys.arguments(cmd, args[:dash])
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			dash := cmd.ArgsLenAtDash()
			if a.timeout == 0 {
				a.timeout = kinring.UpdateBudget
			}
			return a.with(cmd.Context(), func(ctx context.Context, ring *kinring.Ring) error {
				return a.update(ctx, ring, &keys, args[:dash], args[dash:])
			})
		},
	}
	keys.add(cmd)
	return cmd
}

func (a *app) update(ctx context.Context, ring *kinring.Ring, keys *keyFlags, args, command []string) error {
	key, name, err := keys.key(ring, args)
	if err != nil {
		return err
	}
	v, err := ring.UpdateKey(ctx, key, func(ctx context.Context, c kinring.Current) ([]byte, error) {
		return a.filter(ctx, c, command)
	})
	if err != nil {
		v, err = a.rescue(ctx, v, err)
	}
	if err != nil || !a.json {
		return err
	}
	return a.printJSON(setDocument{"kinring.set/1", name, string(v.Revision)})
}

// filter runs the command with the value on its standard input.
func (a *app) filter(ctx context.Context, c kinring.Current, command []string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.WaitDelay = time.Second
	if c.Interrupted {
		cmd.Env = append(cmd.Environ(), "KINRING_INTERRUPTED=1")
	}
	cmd.Stdin, cmd.Stderr = bytes.NewReader(c.Bytes()), a.err
	out := limited{limit: store.MaxValue}
	cmd.Stdout = &out
	err := cmd.Run()
	switch {
	case len(out.kept) > out.limit: // and whatever became of the command, that is the result
		return out.kept, nil
	case err != nil && ctx.Err() != nil:
		return nil, &commandError{command[0] + " was ended because its time was over; nothing was changed"}
	case err != nil:
		return nil, commandFailed(command[0], err)
	case len(out.kept) == 0:
		return nil, kinring.Keep
	}
	return out.kept, nil
}

// limited keeps what is written to it, up to a limit and one byte more, which
// shows that there was more. It is no bytes.Buffer, whose ReadFrom knows no limit.
type limited struct {
	kept  []byte
	limit int
}

func (l *limited) Write(p []byte) (int, error) {
	n := min(l.limit+1-len(l.kept), len(p))
	l.kept = append(l.kept, p[:n]...)
	if n < len(p) {
		return n, io.ErrShortWrite // and who goes on writing ends
	}
	return n, nil
}

// rescue tries a result that could not be written once more, and says so if it
// is lost after all.
func (a *app) rescue(ctx context.Context, v kinring.Value, err error) (kinring.Value, error) {
	var unsaved *kinring.Unsaved
	if !errors.As(err, &unsaved) {
		return v, err
	}
	saved, again := unsaved.Retry(context.WithoutCancel(ctx))
	if again == nil || errors.Is(again, kinring.ErrPartial) {
		return kinring.Value{Value: saved.Value, Revision: saved.Revision}, again
	}
	a.notice("the command's output could not be stored and is lost")
	return v, errors.Join(bare(err), unsaved.Discard())
}

// bare returns why a result could not be written, without what only a program can
// do about it.
func bare(err error) error {
	var kept *kinring.Error
	if !errors.As(err, &kept) {
		return err
	}
	cause, own := kept.Cause().(*kinring.Error)
	if !own {
		return err
	}
	e := *cause
	e.Op, e.Key = kept.Op, kept.Key
	return &e
}

// commandError is the failure of a command that kinring ran.
type commandError struct{ what string }

func (e *commandError) Error() string { return e.what }

func commandFailed(name string, err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() {
		return &commandError{fmt.Sprintf("%s failed with exit code %d; nothing was changed", name, exit.ExitCode())}
	}
	return &commandError{fmt.Sprintf("%s could not be run to its end: %v; nothing was changed", name, err)}
}
