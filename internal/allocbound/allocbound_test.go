package allocbound

import (
	"testing"
)

// probe is a test that only records whether it failed.
type probe struct {
	testing.TB
	failed bool
}

func (p *probe) Helper()               {}
func (p *probe) Errorf(string, ...any) { p.failed = true }

var sink []byte

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		name   string
		size   int
		failed bool
	}{
		{"nothing allocated", 0, false},
		{"inside the multiple", 10 << 20, false},
		{"beyond the multiple", 40 << 20, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &probe{TB: t}
			Check(p, 1<<20, 16, func() { sink = make([]byte, c.size) })
			if p.failed != c.failed {
				t.Errorf("allocating %d bytes for 1 MiB at 16 times: failed = %v, want %v", c.size, p.failed, c.failed)
			}
		})
	}
}
