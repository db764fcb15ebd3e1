package crashdisk

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// Call is what SQLite asked the system to do to a file.
type Call string

// The calls that change files, and the mark that a test sets.
const (
	Write    Call = "write"
	Truncate Call = "truncate"
	Sync     Call = "sync"
	Mark     Call = "mark"
)

// Event is one call, or a mark.
type Event struct {
	Call   Call
	File   string // name in the directory
	Offset int64  // of a write; the size for a truncation
	Data   []byte
	// Aside is the content of the files that the test watches, before the call.
	Aside Image
}

// Image is what a directory holds: content by name.
type Image map[string][]byte

// Recording is what happened to a directory.
type Recording struct {
	dir    string
	aside  []string
	Before Image
	Events []Event
}

// Record notes down what SQLite does to the files of a directory until Stop. The
// files named aside are read before each call: what others than SQLite do to
// them, or to memory that they share. One recording is on at a time.
func Record(t testing.TB, dir string, aside ...string) *Recording {
	t.Helper()
	install()
	r := &Recording{dir: dir, aside: aside}
	before, err := Take(dir)
	if err != nil {
		t.Fatal(err)
	}
	r.Before = before
	installed.mu.Lock()
	defer installed.mu.Unlock()
	if installed.into != nil {
		t.Fatal("a recording is on already")
	}
	installed.into = r
	t.Cleanup(r.Stop)
	return r
}

// Stop ends the recording.
func (r *Recording) Stop() {
	installed.mu.Lock()
	defer installed.mu.Unlock()
	if installed.into == r {
		installed.into = nil
	}
}

// Mark sets a mark, say that something was acknowledged.
func (r *Recording) Mark() {
	installed.mu.Lock()
	defer installed.mu.Unlock()
	r.Events = append(r.Events, Event{Call: Mark, Aside: r.lookAside()})
}

// add is called with the shim locked.
func (r *Recording) add(path string, e Event) {
	if filepath.Dir(path) != r.dir {
		return
	}
	e.File, e.Aside = filepath.Base(path), r.lookAside()
	r.Events = append(r.Events, e)
}

func (r *Recording) lookAside() Image {
	image := Image{}
	for _, path := range r.aside {
		if data, err := os.ReadFile(path); err == nil {
			image[path] = data
		}
	}
	return image
}

// Take reads the files of a directory.
func Take(dir string) (Image, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	image := Image{}
	for _, e := range entries {
		if !e.Type().IsRegular() {
			continue
		}
		if image[e.Name()], err = os.ReadFile(filepath.Join(dir, e.Name())); err != nil {
			return nil, err
		}
	}
	return image, nil
}

// Lay writes an image into a directory, each file for its owner alone.
func (i Image) Lay(t testing.TB, dir string) {
	t.Helper()
	for name, data := range i {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func (i Image) clone() Image {
	c := Image{}
	for name, data := range i {
		c[name] = slices.Clone(data)
	}
	return c
}

// apply does to the image what a call does to the files.
func (i Image) apply(e Event) {
	switch e.Call {
	case Truncate:
		i[e.File] = resized(i[e.File], int(e.Offset))
	case Write:
		end := int(e.Offset) + len(e.Data)
		i[e.File] = resized(i[e.File], max(end, len(i[e.File])))
		copy(i[e.File][e.Offset:], e.Data)
	}
}

func resized(data []byte, size int) []byte {
	if size <= len(data) {
		return data[:size]
	}
	return append(data, make([]byte, size-len(data))...)
}

// Killed is what a process leaves that is killed before call n, after the first
// bytes of that call if torn is not 0: then of a write half is done.
func (r *Recording) Killed(n int, torn bool) Image {
	image := r.Before.clone()
	for _, e := range r.Events[:n] {
		image.apply(e)
	}
	if torn && n < len(r.Events) && r.Events[n].Call == Write {
		e := r.Events[n]
		e.Data = e.Data[:len(e.Data)/2]
		image.apply(e)
	}
	return image
}

// PowerLost is what a disk holds after the power went before call n: what was
// synced, and of the calls since then, which keep is asked about, those that it
// keeps.
func (r *Recording) PowerLost(n int, keep func(n int) bool) Image {
	synced := map[string]int{} // by file, the last call that is surely on the disk
	for i, e := range r.Events[:n] {
		if e.Call == Sync {
			synced[e.File] = i
		}
	}
	image := r.Before.clone()
	for i, e := range r.Events[:n] {
		if last, ok := synced[e.File]; ok && i <= last || keep(i) {
			image.apply(e)
		}
	}
	return image
}

// Files names the files that calls changed, sorted.
func (r *Recording) Files() []string {
	names := map[string]bool{}
	for _, e := range r.Events {
		if e.File != "" {
			names[e.File] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}
