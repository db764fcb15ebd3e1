package vscdb

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/kinring/kinring/internal/litedb"
	"github.com/kinring/kinring/legacy/safestorage"
	"github.com/kinring/kinring/store"
)

const (
	roleVariable = "KINRING_TEST_VSCDB_ROLE"
	roleHome     = "KINRING_TEST_VSCDB_HOME"
)

// roles are what a process does that a test starts.
var roles = map[string]func(home string) error{
	"app":     runApp,
	"holder":  runHolder,
	"counter": runCounter,
	"logger":  runLogger,
}

// process is one that a test started. It answers each line with a line.
type process struct {
	t   *testing.T
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func (h *home) spawn(t *testing.T, role string) *process {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, cmd: exec.CommandContext(t.Context(), exe)}
	p.cmd.Env = append(os.Environ(), roleVariable+"="+role, roleHome+"="+h.dir)
	p.cmd.Stderr = os.Stderr
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.out = bufio.NewReader(out)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

// line returns the next line that the process says.
func (p *process) line() string {
	p.t.Helper()
	line, err := p.out.ReadString('\n')
	if err != nil {
		p.t.Fatalf("%v", err)
	}
	return strings.TrimSuffix(line, "\n")
}

func (p *process) ask(line string) string {
	p.t.Helper()
	if _, err := io.WriteString(p.in, line+"\n"); err != nil {
		p.t.Fatal(err)
	}
	return p.line()
}

// end lets the process end as it does by itself.
func (p *process) end() {
	p.t.Helper()
	if err := errors.Join(p.in.Close(), p.cmd.Wait()); err != nil {
		p.t.Fatal(err)
	}
}

// claim takes the app's socket, where it has one; on Windows it has a pipe.
func claim(dir string) (io.Closer, error) {
	if runtime.GOOS == "windows" {
		return io.NopCloser(nil), nil
	}
	return net.Listen("unix", filepath.Join(dir, "1.99-main.sock"))
}

// runApp behaves as VS Code does: it claims its socket, writes code.lock, reads
// the whole table once, answers from memory, and writes what it is told to set,
// that alone.
func runApp(dir string) error {
	l, err := claim(dir)
	if err != nil {
		return err
	}
	lock := filepath.Join(dir, lockFile)
	if err := os.WriteFile(lock, []byte(strconv.Itoa(os.Getpid())), 0o600); err != nil {
		return err
	}
	db, err := litedb.Open(context.Background(), litedb.Address(Database(dir), "mode=rw"))
	if err != nil {
		return err
	}
	memory := map[string]string{}
	err = db.Query("SELECT key, CAST(value AS TEXT) FROM ItemTable", nil, func(c litedb.Columns) error {
		memory[c[0].(string)] = c[1].(string)
		return nil
	})
	if err != nil {
		return err
	}
	fmt.Println("started")
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		fmt.Println(obey(db, memory, in.Text()))
	}
	return errors.Join(os.Remove(lock), db.Close(), l.Close())
}

func obey(db *litedb.Conn, memory map[string]string, line string) string {
	verb, rest, _ := strings.Cut(line, " ")
	account, value, _ := strings.Cut(rest, " ")
	if verb == "set" {
		memory[prefix+account] = mustSeal(value)
		if err := db.Script("INSERT INTO ItemTable VALUES (?, ?)", prefix+account, memory[prefix+account]); err != nil {
			return err.Error()
		}
		return "set"
	}
	text, ok := memory[prefix+account]
	if !ok {
		return "absent"
	}
	b, err := decodeBuffer([]byte(text))
	if err != nil {
		return err.Error()
	}
	plain, err := safestorage.LinuxKeyring.Open([]byte(itemKey), b)
	if err != nil {
		return err.Error()
	}
	return string(plain)
}

// runHolder holds a write transaction until its input ends.
func runHolder(dir string) error {
	db, err := litedb.Open(context.Background(), litedb.Address(Database(dir), "mode=rw"))
	if err != nil {
		return err
	}
	if err := errors.Join(db.Script("BEGIN EXCLUSIVE"), db.Script("INSERT INTO ItemTable VALUES ('workbench.busy', 'x')")); err != nil {
		return err
	}
	fmt.Println("holding")
	_, err = io.Copy(io.Discard, os.Stdin)
	return errors.Join(err, db.Script("COMMIT"), db.Close())
}

// runLogger starts and ends as an app does that keeps a write-ahead log, again and
// again until its input ends: the log comes and goes.
func runLogger(dir string) error {
	ended := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, os.Stdin)
		ended <- err
	}()
	fmt.Println("logging")
	for {
		db, err := litedb.Open(context.Background(), litedb.Address(Database(dir), "mode=rw", "busy_timeout(10000)", "journal_mode(wal)", "synchronous(off)"))
		if err != nil {
			return err
		}
		if err := errors.Join(db.Script("INSERT INTO ItemTable VALUES ('workbench.busy', hex(randomblob(3000)))"), db.Close()); err != nil {
			return err
		}
		select {
		case err := <-ended:
			return err
		default:
		}
	}
}

// counts is how often each counter counts.
const counts = 25

// runCounter raises a number in the database, by reading it and writing the next
// one if nobody else did.
func runCounter(dir string) error {
	s := newSource(Database(dir), service, app{userData: dir}, &safestorage.Safe{GOOS: "linux", Keys: &fixed{secret: itemKey}})
	fmt.Println("counting")
	for range counts {
		if err := raise(s); err != nil {
			return err
		}
	}
	fmt.Println("done")
	return nil
}

func raise(s *source) error {
	ctx := context.Background()
	for {
		item, err := s.Get(ctx, githubKey)
		if err != nil {
			return err
		}
		n, err := strconv.Atoi(string(item.Value.Bytes()))
		if err != nil {
			return err
		}
		_, err = s.Put(ctx, githubKey, store.Item{Value: store.NewValue([]byte(strconv.Itoa(n + 1)))}, store.Match(item.Revision))
		if !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
}
