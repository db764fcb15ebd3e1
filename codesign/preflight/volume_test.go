package preflight

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/kinring/kinring/codesign/bundle"
	"github.com/kinring/kinring/internal/signfixture"
)

// largeSize is that of each executable: 300 of them are 2 GB.
const largeSize = 7 << 20

// block is the unit in which empty parts of a file are left out on disk.
const block = 4096

// large is a signed executable whose code is empty pages, so that it takes
// little room on disk.
func (k *kit) large() []byte {
	program, err := signfixture.Grow(signfixture.Program(k, "arm64"), largeSize)
	if err != nil {
		k.Fatal(err)
	}
	clear(program[16<<10:])
	return signfixture.Sign(k, program, k.signing("large", nil))
}

// writeLarge puts an app with n further executables on disk.
func (k *kit) writeLarge(n int) (dir string) {
	k.Helper()
	data, at := k.large(), func(i int) string { return fmt.Sprintf("MacOS/tool%03d", i) }
	app := k.app(func(b *bdl) {
		b.Seal = func(files dict) {
			for i := range n {
				files[at(i)] = dict{"cdhash": signfixture.CDHash(data), "requirement": `identifier "large"`}
			}
		}
	}).Build(k)
	dir = k.TempDir()
	app.Write(k, dir)
	for i := range n {
		if err := writeSparse(filepath.Join(dir, "Demo.app", "Contents", filepath.FromSlash(at(i))), data); err != nil {
			k.Fatal(err)
		}
	}
	return dir
}

// writeSparse writes a file without its empty blocks.
func writeSparse(name string, data []byte) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Truncate(int64(len(data))); err != nil {
		return err
	}
	for at := 0; at < len(data); at += block {
		part := data[at:min(at+block, len(data))]
		if len(bytes.Trim(part, "\x00")) == 0 {
			continue
		}
		if _, err := f.WriteAt(part, int64(at)); err != nil {
			return err
		}
	}
	return nil
}

// judge loads and checks the app in dir, and returns the bytes that it read.
func (k *kit) judge(dir string, executables int) int64 {
	k.Helper()
	in, err := Load("Demo.app", os.DirFS(dir), "Demo.app", bundle.Options{Roots: k.roots()}, false)
	if err != nil {
		k.Fatal(err)
	}
	r := Check([]Input{in}, options())
	if len(r.Findings) > 0 || len(r.Executables) != executables {
		k.Fatalf("%d executables, want %d; findings: %s", len(r.Executables), executables, describe(r))
	}
	return in.Read
}

// TestReadsHeadersAndSignaturesOnly bounds what is read of large executables:
// their signatures are about a hundredth of them.
func TestReadsHeadersAndSignaturesOnly(t *testing.T) {
	const n = 8
	k := newKit(t)
	read := k.judge(k.writeLarge(n), n+1)
	if limit := int64(n * largeSize / 50); read > limit {
		t.Errorf("read %d bytes of %d executables, more than %d", read, n, limit)
	}
}

// BenchmarkBundleOf300 judges an app with 300 executables of 2 GB together.
func BenchmarkBundleOf300(b *testing.B) {
	const n = 299
	k := newKit(b)
	dir := k.writeLarge(n)
	b.ReportAllocs()
	var read int64
	for b.Loop() {
		read = k.judge(dir, n+1)
	}
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/bundle")
	b.ReportMetric(float64(read)/(1<<20), "MB-read")
	b.ReportMetric(float64(n*largeSize)/(1<<20), "MB-of-code")
	b.ReportMetric(float64(memory.Sys)/(1<<20), "MB-memory")
}
