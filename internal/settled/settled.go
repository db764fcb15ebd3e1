// Package settled reads files that other programs write in place. Such a
// program empties its file and then fills it, so that whoever reads in between
// finds nothing, a part, or the beginning of one version before the end of
// another. Here a file counts as read when two reads agree and the content is
// whole.
package settled

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/kinring/kinring/internal/durable"
	"github.com/kinring/kinring/store"
)

const (
	// budget is how long a file may keep changing under a caller whose context
	// lives longer: no call may hang.
	budget = 2 * time.Second
	// grace is how long content that is not whole may stay as it is before it
	// counts as damaged, not as being written. Between emptying and filling lie
	// microseconds, and what else a busy machine does.
	grace = 100 * time.Millisecond
	// firstPause and lastPause bound the pauses between reads, which double.
	firstPause = time.Millisecond
	lastPause  = 16 * time.Millisecond
)

// File says which file to read and how to know that it is whole.
type File struct {
	Path   string
	Limits durable.Limits
	// Whole returns nil if data is a whole version of the file, and else what is
	// wrong with it, without quoting it. Nil takes everything for whole.
	Whole func(data []byte) error
	// Quiet is how long ago the last write must be. It is for formats in which a
	// part can look whole.
	Quiet time.Duration
	// AtOnce reports whether a version is known to have been written in one step,
	// so that it counts however young it is: else a reader would starve beside a
	// writer that is always busy. Nil knows of none.
	AtOnce func(durable.Stamp) bool
}

// Read returns the content and the stamp of the file. A file that is not whole
// and stays so is store.ErrCorrupt; one that keeps changing until the context
// ends is store.ErrUnavailable; neither is ever store.ErrNotFound.
func (f File) Read(ctx context.Context) ([]byte, durable.Stamp, error) {
	bounded, cancel := context.WithTimeout(ctx, budget)
	defer cancel()
	var seen damage
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		v, err := f.twice(ctx)
		if err != nil && pause > firstPause && ctx.Err() != nil {
			return nil, durable.Stamp{}, f.unsettled(ctx)
		}
		if err != nil {
			return nil, durable.Stamp{}, err
		}
		if v.agreed {
			if v.problem = f.problem(v.data); v.problem == nil && f.quiet(v.stamp) {
				return v.data, v.stamp, nil
			}
		}
		if seen.lasts(v) {
			return nil, durable.Stamp{}, f.corrupt(v.problem)
		}
		if !Pause(bounded, pause) {
			return nil, durable.Stamp{}, f.unsettled(ctx)
		}
	}
}

// version is what two reads, one after the other, found.
type version struct {
	data    []byte
	stamp   durable.Stamp
	agreed  bool
	problem error // of what was agreed
}

func (f File) twice(ctx context.Context) (version, error) {
	first, before, err := durable.ReadFile(ctx, f.Path, f.Limits)
	if err != nil {
		return version{}, err
	}
	second, after, err := durable.ReadFile(ctx, f.Path, f.Limits)
	if err != nil {
		return version{}, err
	}
	return version{data: second, stamp: after, agreed: before == after && bytes.Equal(first, second)}, nil
}

func (f File) problem(data []byte) error {
	if f.Whole == nil {
		return nil
	}
	return f.Whole(data)
}

// quiet reports whether the last write is over: it was one step, or is long
// enough ago. A time in the future says nothing: then the clock was set.
func (f File) quiet(s durable.Stamp) bool {
	if f.AtOnce != nil && f.AtOnce(s) {
		return true
	}
	age := time.Since(time.Unix(0, s.Modified))
	return age < 0 || age >= f.Quiet
}

// damage watches how long one version stays that is not whole.
type damage struct {
	stamp durable.Stamp
	since time.Time
}

func (d *damage) lasts(v version) bool {
	if v.problem == nil {
		*d = damage{}
		return false
	}
	if d.since.IsZero() || d.stamp != v.stamp {
		*d = damage{v.stamp, time.Now()}
	}
	return time.Since(d.since) >= grace
}

// Pause waits, and reports whether the context outlived the wait.
func Pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (f File) corrupt(problem error) error {
	return &store.Error{Class: store.ErrCorrupt, Op: "read", Store: f.Path, Detail: problem.Error(),
		Remedy: "let the program that it belongs to write it anew, or move it away"}
}

func (f File) unsettled(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return store.At(store.FromContext(ctx), "read", f.Path, store.Key{})
	}
	return &store.Error{Class: store.ErrUnavailable, Op: "read", Store: f.Path, Err: ctx.Err(),
		Detail: "the file keeps changing while it is read", Remedy: "wait until the program that writes it is done, and try again"}
}
