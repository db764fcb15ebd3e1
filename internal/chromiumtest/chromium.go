// Package chromiumtest runs a real Chromium, without a window and with a profile
// of its own, for tests that read what it wrote and write what it is to read. It
// speaks to loopback only. What was started is stopped with the test, by its own
// process id.
package chromiumtest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/kinring/kinring/internal/child"
	"github.com/kinring/kinring/internal/require"
)

// Tool is what require.Variable calls Chromium.
const Tool = "chromium"

// Host is where pages are served, and what the cookies' host is.
const Host = "127.0.0.1"

// flags keep Chromium from everything but its pages. As root it has no sandbox.
var flags = []string{"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
	"--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
	"--remote-debugging-pipe"}

// Program returns Chromium's path. It skips the test, or fails it where Chromium
// is required, if there is none.
func Program(t testing.TB) string {
	t.Helper()
	path, err := exec.LookPath("chromium")
	require.Need(t, Tool, err == nil, "install the Debian package chromium")
	return path
}

// Profile is a user-data directory with the environment that Chromium gets.
type Profile struct {
	Dir string
	// Store is --password-store: basic, gnome-libsecret …
	Store string
	Env   []string
}

// Cookies returns the path of the profile's cookie database.
func (p Profile) Cookies() string { return filepath.Join(p.Dir, "Default", "Cookies") }

// Visit runs Chromium once: it opens the page, and when it has the page's answer,
// cookies and all, it ends as a person ends it, so that everything is on disk.
// The handler sees one request for / and leaves the body alone.
func (p Profile) Visit(t testing.TB, page http.HandlerFunc) {
	t.Helper()
	seen := make(chan struct{})
	var once sync.Once
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/":
			page(w, r)
			// That an answer was sent does not say that it was read. What is in it is
			// asked for by who read it.
			_, _ = io.WriteString(w, `<!DOCTYPE html><img src="/read">`)
		case "/read":
			once.Do(func() { close(seen) })
			w.WriteHeader(http.StatusNoContent)
		default:
			http.NotFound(w, r)
		}
	})
	b := p.start(t)
	b.send(t, "Target.createTarget", map[string]any{"url": url})
	b.await(t, seen)
	b.close(t)
}

func serve(t testing.TB, h http.HandlerFunc) string {
	t.Helper()
	l, err := net.Listen("tcp", Host+":0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(l) }() // ends with Close
	t.Cleanup(func() { _ = server.Close() })
	return "http://" + l.Addr().String() + "/"
}

// browser is a running Chromium.
type browser struct {
	cmd     *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
	ended   chan struct{}
	noise   bytes.Buffer
	request int
}

func (p Profile) start(t testing.TB) *browser {
	t.Helper()
	fromUs, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out, toUs, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	args := append(flags[:len(flags):len(flags)], "--user-data-dir="+p.Dir, "--password-store="+p.Store, "about:blank")
	b := &browser{cmd: exec.Command(Program(t), args...), in: in, out: bufio.NewReader(out), ended: make(chan struct{})}
	b.cmd.Env, b.cmd.Stderr, b.cmd.ExtraFiles = p.Env, &b.noise, []*os.File{fromUs, toUs}
	if err := child.Start(b.cmd); err != nil {
		t.Fatal(err)
	}
	_, _ = fromUs.Close(), toUs.Close()
	go func() {
		_ = b.cmd.Wait() // how it ended is told by what it wrote
		close(b.ended)
	}()
	t.Cleanup(func() {
		b.kill()
		_, _ = in.Close(), out.Close()
	})
	return b
}

// patience is a watchdog, no measure: a Chromium that neither answers, nor shows
// its page, nor ends fails the test after it. A busy machine is slow.
const patience = 5 * time.Minute

// send sends one command of the DevTools protocol and waits for its answer.
func (b *browser) send(t testing.TB, method string, params map[string]any) {
	t.Helper()
	defer time.AfterFunc(patience, b.kill).Stop() // its pipes end then, and the waiting with them
	b.tell(t, method, params)
	for {
		text, err := b.out.ReadBytes(0)
		if err != nil {
			t.Fatalf("%s: %v\n%s", method, err, b.complaints())
		}
		var answer struct {
			ID    int
			Error json.RawMessage
		}
		if err := json.Unmarshal(bytes.TrimSuffix(text, []byte{0}), &answer); err != nil {
			t.Fatal(err)
		}
		if answer.ID == b.request {
			if answer.Error != nil {
				t.Fatalf("%s: %s", method, answer.Error)
			}
			return
		}
	}
}

// tell sends one command.
func (b *browser) tell(t testing.TB, method string, params map[string]any) {
	t.Helper()
	b.request++
	text, err := json.Marshal(map[string]any{"id": b.request, "method": method, "params": params})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.in.Write(append(text, 0)); err != nil {
		t.Fatalf("%s: %v\n%s", method, err, b.complaints())
	}
}

func (b *browser) await(t testing.TB, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-b.ended:
		t.Fatalf("Chromium ended early\n%s", b.complaints())
	case <-time.After(patience):
		t.Fatalf("Chromium does not show its page\n%s", b.complaints())
	}
}

// close ends Chromium by its own command and waits for all it has to write. It
// may end before it answers.
func (b *browser) close(t testing.TB) {
	t.Helper()
	b.tell(t, "Browser.close", map[string]any{})
	select {
	case <-b.ended:
	case <-time.After(patience):
		t.Fatalf("Chromium does not end\n%s", b.complaints())
	}
}

func (b *browser) kill() {
	select {
	case <-b.ended:
	default:
		_ = b.cmd.Process.Kill() // it may end by itself just now
		<-b.ended
	}
}

// complaints returns what a Chromium that has ended wrote to its error output.
func (b *browser) complaints() string {
	b.kill()
	return fmt.Sprintf("its error output: %s", b.noise.Bytes())
}
