package framework

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/kinring/kinring/internal/secitem"
	"github.com/kinring/kinring/internal/secitem/secitemtest"
)

// The tests above are worth what the double notices. These are mistakes that a
// binding can make; the double has to end the process at each, or count a leak.

const mistakeVariable = "KINRING_TEST_MISTAKE"

var mistakes = []struct {
	name, says string
	make       func(d *double)
}{
	{"released twice", "CFRelease: an object that was released to its end", func(d *double) {
		v := d.f.dataCreate(0, new(byte), 1)
		d.f.release(v)
		d.f.release(v)
	}},
	{"used after release", "CFDataGetLength: an object that was released to its end", func(d *double) {
		v := d.f.dataCreate(0, new(byte), 1)
		d.f.release(v)
		d.f.dataLength(v)
	}},
	{"taken for another type", "CFDataGetLength: an object of another type", func(d *double) { d.f.dataLength(d.yes) }},
	{"null", "CFGetTypeID: a null pointer", func(d *double) { d.f.getTypeID(0) }},
	{"a symbol's address taken for the constant", "CFGetTypeID: not an object", func(d *double) { d.f.getTypeID(ref(d.keyCallBacks)) }},
	{"a dictionary that does not retain", "CFDictionaryCreateMutable: not the callbacks that retain", func(d *double) { d.f.dictCreate(0, 0, 0, 0) }},
	{"a constant released", "released to its end", func(d *double) {
		d.f.release(d.constants["svce"])
		_ = d.Add(item().Dict())
	}},
	{"a borrowed member released", "released to its end", func(d *double) {
		p := d.pool()
		list, _ := d.array(p, []any{"a"})
		d.f.release(d.f.arrayAt(list, 0))
		p.release()
	}},
	{"an index outside", "CFArrayGetValueAtIndex: an index outside of the array", func(d *double) {
		list, _ := d.array(d.pool(), nil)
		d.f.arrayAt(list, 0)
	}},
}

func TestDoubleIsStrict(t *testing.T) {
	open(t).needCounts(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mistakes {
		t.Run(m.name, func(t *testing.T) {
			child := exec.Command(self)
			child.Env = append(os.Environ(), mistakeVariable+"="+m.name, "GOTRACEBACK=none")
			out, err := child.CombinedOutput()
			if err == nil || !strings.Contains(string(out), m.says) {
				t.Errorf("ended with %v and said\n%s", err, out)
			}
		})
	}
}

// mistake makes one, in a process of its own.
func mistake(name string) {
	d, err := loaded()
	for _, m := range mistakes {
		if m.name == name && err == nil {
			m.make(d)
		}
	}
	fmt.Println("it passed unnoticed", err)
}

// TestLeaksAreCounted: a reference that is not given back shows in the count,
// whichever kind it is of.
func TestLeaksAreCounted(t *testing.T) {
	d := open(t, groups...)
	d.needCounts(t)
	secitemtest.Stage{TB: t, Mac: d}.Make(item(), "one")
	for name, leak := range map[string]func(p *pool) ref{
		"data":     func(*pool) ref { return d.f.dataCreate(0, new(byte), 1) },
		"a string": func(p *pool) ref { v, _ := d.pool().string("x"); return v },
		"a number": func(p *pool) ref { v, _ := d.pool().value(int64(1)); return v },
		"a query": func(p *pool) ref {
			v, _ := d.pool().dict(secitem.Dict{secitem.KeyMatchLimit: secitem.MatchLimitAll})
			return v
		},
		"an answer": func(p *pool) ref {
			var v ref
			q, _ := p.dict(secitemtest.Data(item()).Dict())
			d.f.copyMatching(q, &v)
			return v
		},
		"a task":     func(*pool) ref { return d.f.taskSelf(0) },
		"a keychain": func(*pool) ref { var v ref; d.f.keychain(&v); return v },
	} {
		before := d.live()
		p := d.pool()
		leaked := leak(p)
		p.release()
		after := d.live()
		if name != "an answer" && after != before+1 || leaked == 0 {
			t.Errorf("%s: %d objects more", name, after-before)
		}
		d.f.release(leaked)
		if d.live() != before {
			t.Errorf("%s: %d objects more after its release", name, d.live()-before)
		}
	}
}
