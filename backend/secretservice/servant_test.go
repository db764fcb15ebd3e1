package secretservice

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"

	"github.com/kinring/kinring/internal/history"
	"github.com/kinring/kinring/store"
	"github.com/kinring/kinring/store/storetest"
)

// servantVariable makes this test program a servant: it opens the store and
// performs what it is told to, until its input ends.
const servantVariable = "KINRING_SECRETSERVICE_TEST_SERVANT"

func servantMain() {
	err := serve(os.Stdin, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func serve(in io.Reader, out io.Writer) error {
	s, err := Open(context.Background(), workerOptions())
	if err != nil {
		return err
	}
	requests, results := json.NewDecoder(in), json.NewEncoder(out)
	if err := results.Encode(history.Result{}); err != nil { // ready
		return err
	}
	for {
		var r history.Request
		switch err := requests.Decode(&r); {
		case errors.Is(err, io.EOF):
			return s.Close()
		case err != nil:
			return err
		}
		result, err := perform(context.Background(), s, r)
		if err != nil {
			return err
		}
		if err := results.Encode(result); err != nil {
			return err
		}
	}
}

// perform does one operation of a history on a store. A key that begins with "m"
// is deleted by a marker, as the engine does; others are removed.
func perform(ctx context.Context, s store.Store, r history.Request) (history.Result, error) {
	k := key(r.Key)
	switch r.Kind {
	case history.Get:
		i, err := s.Get(ctx, k)
		if errors.Is(err, store.ErrNotFound) || err == nil && i.Record.Kind == store.KindMarker {
			return history.Result{Outcome: history.Absent}, nil
		}
		return history.Result{Outcome: history.Done, Value: string(i.Value.Bytes())}, err
	case history.Set:
		_, err := s.Put(ctx, k, item(r.Value), store.Any())
		return history.Result{Outcome: history.Done}, err
	}
	if r.Key[0] == 'm' {
		_, err := s.Put(ctx, k, marker(), store.Any())
		return history.Result{Outcome: history.Gone}, err
	}
	err := s.Delete(ctx, k, store.Any())
	if errors.Is(err, store.ErrNotFound) {
		return history.Result{Outcome: history.Absent}, nil
	}
	return history.Result{Outcome: history.Done}, err
}

func marker() store.Item {
	return store.Item{Record: store.Record{Version: store.RecordVersion, Kind: store.KindMarker, Generation: 1}}
}

// servant is a process that performs requests.
type servant struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	pipe *os.File
	out  *json.Decoder
}

// hire starts a servant. It does not outlive the test.
func (d *desk) hire(t testing.TB) *servant {
	t.Helper()
	cmd := storetest.Reexec(t, append(d.environment(), servantVariable+"=1")...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, theirs, err := os.Pipe() // of our own, so that what was said is there after the end
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout = theirs
	err = cmd.Start()
	_ = theirs.Close() // the servant has it
	if err != nil {
		t.Fatal(err)
	}
	v := &servant{cmd, in, out, json.NewDecoder(out)}
	t.Cleanup(v.dismiss)
	return v
}

// ready waits until the servant has opened the store.
func (v *servant) ready(t testing.TB) {
	t.Helper()
	var r history.Result
	if err := v.out.Decode(&r); err != nil {
		t.Fatalf("a servant does not get ready: %v", err)
	}
}

func (v *servant) tell(r history.Request) error { return json.NewEncoder(v.in).Encode(r) }

func (v *servant) perform(_ context.Context, r history.Request) (history.Result, error) {
	var result history.Result
	if err := v.tell(r); err != nil {
		return result, err
	}
	return result, v.out.Decode(&result)
}

// kill ends the servant wherever it is.
func (v *servant) kill() {
	_ = v.cmd.Process.Kill() // it may have ended
	_ = v.cmd.Wait()         // it was killed, which is no failure
}

func (v *servant) dismiss() {
	_ = v.in.Close() // a servant that was killed has none
	v.kill()
	_ = v.pipe.Close()
}

type request = history.Request
