package preflight

import (
	"bytes"
	"fmt"
	"runtime"
	"sync"
	"testing"

	"github.com/kinring/kinring/codesign/bundle"
	"github.com/kinring/kinring/internal/signfixture"
)

// flipStep is how many bytes a short run skips between two flips.
const flipStep = 97

// TestNoByteOfASignatureChangesUnseen flips one bit of every byte of what signs
// a good bundle: the signature in the executable, the resource seal, and the
// profile. Each flip must be a finding, or make something unreadable. The first
// two are those of an app without a profile, which would be verified anew for
// each of their bytes. The program is a small one: every byte of every structure
// is flipped, and of page hashes there are few.
func TestNoByteOfASignatureChangesUnseen(t *testing.T) {
	k := newKit(t)
	plain, full := k.plain(tiny).Build(k), k.app(tiny).Build(k)
	offset, size := signfixture.SignatureRange(plain[mainExe].Data)
	seal, profile := "Demo.app/Contents/_CodeSignature/CodeResources", "Demo.app/Contents/embedded.provisionprofile"
	for _, c := range []struct {
		good     tree
		name     string
		from, to int
	}{
		{plain, mainExe, offset, offset + size},
		{plain, seal, 0, len(plain[seal].Data)},
		{full, profile, 0, len(full[profile].Data)},
	} {
		t.Run(c.name, func(t *testing.T) {
			if r := k.check(c.good, options()); len(r.Findings) > 0 {
				t.Fatalf("unchanged: %s", describe(r))
			}
			flipAll(t, c.good, c.name, [2]int{c.from, c.to})
		})
	}
}

// flipAll spreads the flips of one region over the processors.
func flipAll(t *testing.T, good tree, name string, region [2]int) {
	step := 1
	if testing.Short() {
		step = flipStep
	}
	offsets := make(chan int, 1024)
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			f := newFlipper(t, good, name)
			for at := range offsets {
				if err := f.flip(at); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for at := region[0]; at < region[1]; at += step {
		offsets <- at
	}
	close(offsets)
	workers.Wait()
	t.Logf("%d of %d bytes flipped, one bit each", (region[1]-region[0]+step-1)/step, region[1]-region[0])
}

// flipper owns a copy of the tree in which it changes one byte at a time.
type flipper struct {
	k    *kit
	tree tree
	name string
	data []byte
}

func newFlipper(t *testing.T, good tree, name string) *flipper {
	f := &flipper{newKit(t), good.Clone(), name, bytes.Clone(good[name].Data)}
	e := f.tree[name]
	e.Data = f.data
	f.tree[name] = e
	return f
}

// flip changes one bit, judges the bundle, and changes the bit back.
func (f *flipper) flip(at int) error {
	bit := byte(1) << (at % 8)
	f.data[at] ^= bit
	defer func() { f.data[at] ^= bit }()
	in, err := Load("flipped", f.tree.FS(), ".", bundle.Options{Roots: f.k.roots()}, false)
	if err != nil {
		return nil // unreadable as a whole
	}
	if r := Check([]Input{in}, options()); len(r.Findings) == 0 {
		return fmt.Errorf("byte %d of %s: bit %#x flipped, and no findings", at, f.name, bit)
	}
	return nil
}
