package framework

import (
	"encoding/binary"
	"math"
	"testing"
	"time"

	"github.com/kinring/kinring/internal/secitem"
	"github.com/kinring/kinring/internal/secitem/secitemtest"
)

// source turns bytes into choices; an empty one chooses 0.
type source []byte

func (s *source) next(n int) int {
	if len(*s) == 0 {
		return 0
	}
	b := (*s)[0]
	*s = (*s)[1:]
	return int(b) % n
}

func (s *source) bytes() []byte {
	n := min(s.next(40), len(*s))
	out := append([]byte{}, (*s)[:n]...)
	*s = (*s)[n:]
	if s.next(32) == 31 {
		out = append(out, make([]byte, 1<<20)...) // huge
	}
	return out
}

func (s *source) number() uint64 {
	var b [8]byte
	copy(b[:], s.bytes())
	return binary.LittleEndian.Uint64(b[:])
}

var fuzzKeys = []string{"class", "nleg", "agrp", "svce", "acct", "labl", "gena", "sync", "pdmn", "cdat", "mdat", "u_AuthUI", "m_Limit",
	"r_Attributes", "r_Data", "r_Ref", "v_Data", "genp", "syna", "m_LimitAll", "ak", "abcd", "x", ""}

func (s *source) key() string {
	if s.next(8) == 0 {
		return string(s.bytes())
	}
	return fuzzKeys[s.next(len(fuzzKeys))]
}

// scalar is a value of a secitem.Dict, or one that it may not hold.
func (s *source) scalar() any {
	switch s.next(10) {
	case 0:
		return string(s.bytes())
	case 1:
		return s.bytes()
	case 2:
		return s.next(2) == 0
	case 3:
		return int64(s.number())
	case 4:
		return time.Unix(int64(s.number()), 0)
	case 5:
		return secitem.Null{}
	case 6:
		return secitem.Constant(s.key())
	case 7:
		return struct{}{}
	}
	return secitemtest.Group
}

// tree is what a call may answer.
func (s *source) tree(depth int) any {
	switch kind := s.next(8); {
	case kind == 0 && depth > 0:
		list := make([]any, s.next(5))
		for i := range list {
			list[i] = s.tree(depth - 1)
		}
		return list
	case kind < 4 && depth > 0:
		dict := map[any]any{}
		for range s.next(6) {
			if s.next(10) == 0 {
				dict[int64(s.number())] = s.tree(depth - 1)
			} else {
				dict[s.key()] = s.tree(depth - 1)
			}
		}
		return dict
	case kind == 4:
		return math.Float64frombits(s.number())
	}
	return s.scalar()
}

// FuzzAnswers: whatever the frameworks answer, nothing crashes and nothing leaks,
// and success comes with items.
func FuzzAnswers(f *testing.F) {
	for _, seed := range []string{"", "\x00\x03\x01\x02abc", "\x01\x02\x01\x10\x06secret\x04\x01\x01", "\x04\xff\xff\xff\xff\xff\xff\xff\xff"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d := open(t, groups...)
		s := source(data)
		p := d.pool()
		made, err := d.build(p, s.tree(10))
		if err == nil && made != 0 {
			d.answer(made)
			d.information(made)
			d.named(t, "x", made)
		}
		p.release()
		for _, query := range []secitem.Query{{}, {ReturnData: true}, {ReturnAttributes: true, All: true}, {Keychain: secitem.Login, ReturnData: true, ReturnAttributes: true}} {
			if items, err := d.CopyMatching(query.Dict()); (err != nil) != (len(items) == 0) {
				t.Errorf("%d items and the error %v", len(items), err)
			}
		}
		_, _ = d.Entitlement("x")
		_, _ = d.Identity()
	})
}

// FuzzQueries: whatever a caller passes, nothing crashes and nothing leaks.
func FuzzQueries(f *testing.F) {
	for _, seed := range []string{"", "\x09\x01\x11\x06\x02\x01\x08\x01\x03", "\x03\x04abcd\x08\x02\x02\x05\x01\x10\x01\x05value\x01\x0d\x02\x00"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d := open(t, groups...)
		s := source(data)
		query := item().Dict()
		for range s.next(8) {
			query[secitem.Key(s.key())] = s.scalar()
		}
		changes := secitem.Dict{}
		for range s.next(4) {
			changes[secitem.Key(s.key())] = s.scalar()
		}
		for range 2 {
			_ = d.Add(query)
			_, _ = d.CopyMatching(query)
			_ = d.Update(query, changes)
		}
		_ = d.Delete(query)
		_, _ = d.Entitlement(s.key())
	})
}
