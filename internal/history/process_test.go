package history

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/kinring/kinring/backend/memory"
)

// Workers in other processes reach a store in this one over the loopback
// interface, and each writes a history of its own.

// The environment of a worker.
const (
	workerURL    = "KINRING_HISTORY_URL"
	workerNumber = "KINRING_HISTORY_WORKER"
	workerFile   = "KINRING_HISTORY_FILE"
)

func TestMain(m *testing.M) {
	if os.Getenv(workerURL) == "" {
		os.Exit(m.Run())
	}
	if err := work(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func work() error {
	number, err := strconv.Atoi(os.Getenv(workerNumber))
	if err != nil {
		return err
	}
	f, err := os.Create(os.Getenv(workerFile))
	if err != nil {
		return err
	}
	recorder := NewRecorder(f, WallClock)
	if err := load.work(context.Background(), number, recorder, post); err != nil {
		return err
	}
	if err := recorder.Err(); err != nil {
		return err
	}
	return f.Close()
}

// post performs a request in the process that holds the store.
func post(_ context.Context, r Request) (Result, error) {
	body, err := json.Marshal(r)
	if err != nil {
		return Result{}, err
	}
	resp, err := http.Post(os.Getenv(workerURL), "application/json", bytes.NewReader(body))
	if err != nil {
		return Result{}, err
	}
	defer resp.Body.Close()
	var result Result
	err = json.NewDecoder(resp.Body).Decode(&result)
	return result, err
}

// server performs what workers ask for. The victim's write number fatal waits
// until its process is gone, and takes place then.
type server struct {
	perform Perform
	victim  int
	fatal   int

	mu     sync.Mutex
	writes int
	hangs  chan struct{} // closed when the victim waits
	landed chan struct{} // closed when its write took place
}

func (s *server) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	var r Request
	if err := json.NewDecoder(req.Body).Decode(&r); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	_, _ = io.Copy(io.Discard, req.Body) // only then the server watches for the end of the client
	fatal := s.isFatal(r)
	if fatal {
		close(s.hangs)
		<-req.Context().Done()
	}
	result, err := s.perform(context.Background(), r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
	if fatal {
		close(s.landed)
	}
	_ = json.NewEncoder(w).Encode(result) // to nobody, if the worker is gone
}

func (s *server) isFatal(r Request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Worker != s.victim || r.Kind != Set {
		return false
	}
	s.writes++
	return s.writes == s.fatal
}

// TestProcesses lets several processes share a store and kills one in the middle
// of a write, which takes place after its death.
func TestProcesses(t *testing.T) {
	const workers, victim = 4, 2
	s := &server{perform: on(memory.New()), victim: victim, fatal: 5, hangs: make(chan struct{}), landed: make(chan struct{})}
	h := httptest.NewServer(s)
	defer h.Close()
	var files []string
	var processes []*exec.Cmd
	for n := range workers {
		file := filepath.Join(t.TempDir(), "history")
		files = append(files, file)
		processes = append(processes, startWorker(t, h.URL, n, file))
	}
	<-s.hangs
	if err := processes[victim].Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-s.landed
	for n, p := range processes {
		if err := p.Wait(); (err != nil) != (n == victim) {
			t.Errorf("worker %d: %v: %s", n, err, p.Stderr)
		}
	}
	check(t, files, workers)
}

func startWorker(t *testing.T, url string, n int, file string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := exec.Command(self)
	p.Env = append(os.Environ(), workerURL+"="+url, workerNumber+"="+strconv.Itoa(n), workerFile+"="+file)
	p.Stderr = &bytes.Buffer{}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Process.Kill() }) // it has ended, unless the test failed
	return p
}

// check reads the histories: one write is unknown, everything else has returned,
// and all of it is linearisable.
func check(t *testing.T, files []string, workers int) {
	t.Helper()
	var all []io.Reader
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		all = append(all, f)
	}
	ops, err := Read(all...)
	if err != nil {
		t.Fatal(err)
	}
	unknown := 0
	for _, o := range ops {
		if o.Outcome == Unknown {
			unknown++
		}
	}
	if unknown != 1 || len(ops) <= (workers-1)*load.Ops {
		t.Errorf("%d operations, %d unknown; want more than %d and one", len(ops), unknown, (workers-1)*load.Ops)
	}
	if err := Check(ops); err != nil {
		t.Error(err)
	}
}
