package storetest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"

	"github.com/kinring/kinring/store"
)

// workerVariable holds the job of a worker process, as JSON.
const workerVariable = "KINRING_STORETEST_WORKER"

// ready is what a worker says once it has opened the store.
const ready = "ready"

// Reexec returns a command that runs this test program again with env added to
// its environment and no test of its own. Target.Spawn is made from it.
func Reexec(t testing.TB, env ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatalf("the test program cannot find itself: %v", err)
	}
	cmd := exec.Command(self, "-test.run=^$")
	cmd.Env = append(os.Environ(), env...)
	return cmd
}

// WorkerMain returns at once in the test program itself. In a process that the
// suite has spawned, it opens the store, does its share of a case and exits.
// TestMain calls it before anything else.
func WorkerMain(open func() (store.Store, error)) {
	text, isWorker := os.LookupEnv(workerVariable)
	if !isWorker {
		return
	}
	if err := work(text, open, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "worker: %v\n", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// work opens the store, says that it is ready, waits for a line, does the job
// and writes the results.
func work(text string, open func() (store.Store, error), in io.Reader, out io.Writer) error {
	var j job
	if err := json.Unmarshal([]byte(text), &j); err != nil {
		return fmt.Errorf("%s holds no job: %w", workerVariable, err)
	}
	s, err := open()
	if err != nil {
		return fmt.Errorf("opening the store: %w", err)
	}
	if _, err := fmt.Fprintln(out, ready); err != nil {
		return err
	}
	if _, err := bufio.NewReader(in).ReadString('\n'); err != nil {
		return fmt.Errorf("waiting for the start: %w", err)
	}
	results := j.run(context.Background(), s, func(int) {})
	if err := s.Close(); err != nil {
		return fmt.Errorf("closing the store: %w", err)
	}
	return json.NewEncoder(out).Encode(results)
}

// worker is a spawned process.
type worker struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	stderr *bytes.Buffer
}

// processes is a contest among processes.
func processes(p *trial, jobs []job) [][]result {
	var workers []*worker
	for _, j := range jobs {
		workers = append(workers, p.spawn(j))
	}
	for _, w := range workers {
		w.await(p)
	}
	for _, w := range workers {
		if _, err := io.WriteString(w.in, "go\n"); err != nil {
			p.Fatalf("starting a worker: %v", err)
		}
	}
	var results [][]result
	for _, w := range workers {
		results = append(results, w.finish(p))
	}
	return results
}

// spawn starts a worker. It does not outlive the test.
func (p *trial) spawn(j job) *worker {
	p.Helper()
	text, err := json.Marshal(j)
	if err != nil {
		p.Fatal(err)
	}
	w := &worker{cmd: p.target.Spawn(p, p.s, workerVariable+"="+string(text)), stderr: &bytes.Buffer{}}
	w.cmd.Stderr = w.stderr
	var out io.ReadCloser
	if w.in, err = w.cmd.StdinPipe(); err == nil {
		out, err = w.cmd.StdoutPipe()
	}
	if err == nil {
		err = w.cmd.Start()
	}
	if err != nil {
		p.Fatalf("spawning a worker: %v", err)
	}
	p.Cleanup(func() {
		_ = w.cmd.Process.Kill() // it has ended, unless the test failed
		_ = w.cmd.Wait()
	})
	w.out = bufio.NewReader(out)
	return w
}

func (w *worker) await(p *trial) {
	p.Helper()
	line, err := w.out.ReadString('\n')
	if err != nil || line != ready+"\n" {
		w.gaveUp(p, fmt.Sprintf("said %q instead of %q; does TestMain call WorkerMain?", line, ready))
	}
}

func (w *worker) finish(p *trial) (results []result) {
	p.Helper()
	if err := json.NewDecoder(w.out).Decode(&results); err != nil {
		w.gaveUp(p, "left no results: "+err.Error())
	}
	if err := w.cmd.Wait(); err != nil {
		p.Errorf("a worker ended with %v: %s", err, w.stderr)
	}
	return results
}

// gaveUp ends the test with what the worker had to say.
func (w *worker) gaveUp(p *trial, what string) {
	p.Helper()
	_ = w.in.Close()
	_ = w.cmd.Wait() // also waits until stderr is complete
	p.Fatalf("a worker %s: %s", what, w.stderr)
}
