//go:build unix

package durable

import (
	"context"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// pollStep bounds how long a wait for a pipe overlooks the end of the context.
const pollStep = 20 * time.Millisecond

// hangupMeansWriter: Linux reports a hang-up on a pipe only after a writer was
// there. Elsewhere a pipe that nobody has opened yet looks the same as one that
// was closed without a word, so there an end without data is waited out.
const hangupMeansWriter = runtime.GOOS == "linux"

// readPipe reads until the writer closes its end.
func readPipe(ctx context.Context, path string, f *os.File, limit int64) ([]byte, error) {
	var data []byte
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		chunk, end, err := pipeStep(f, len(data) > 0 || inherited(path, Limits{Pipes: true}))
		if err != nil {
			return nil, err
		}
		if data = append(data, chunk...); int64(len(data)) > limit {
			return nil, tooLarge(path, limit)
		}
		if end {
			return data, nil
		}
	}
}

// pipeStep waits for at most pollStep and reads what is there. hadWriter says
// that somebody is known to have written.
func pipeStep(f *os.File, hadWriter bool) (chunk []byte, end bool, err error) {
	err = control(f, func(fd int) error {
		events, err := pollRead(fd)
		if err != nil || events == 0 {
			return err
		}
		chunk = make([]byte, 4096)
		n, err := unix.Read(fd, chunk)
		if err == unix.EAGAIN || err == unix.EINTR {
			n, err = 0, nil
		} else if n == 0 && err == nil {
			end = hadWriter || hangupMeansWriter && events&unix.POLLHUP != 0
		}
		chunk = chunk[:max(n, 0)]
		if n <= 0 && !end {
			pause()
		}
		return err
	})
	return chunk, end, err
}

func pollRead(fd int) (int16, error) {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	_, err := unix.Poll(fds, int(pollStep/time.Millisecond))
	if err == unix.EINTR {
		return 0, nil
	}
	return fds[0].Revents, err
}

// pause keeps a pipe without a writer, which some systems always report as
// readable, from being asked without rest.
func pause() { _, _ = unix.Poll(nil, int(pollStep/time.Millisecond)) }
