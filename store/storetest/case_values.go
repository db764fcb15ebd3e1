package storetest

import (
	"bytes"
	"slices"
	"strings"

	"github.com/kinring/kinring/store"
)

// awkwardValues are bytes that some keyring is known to change: text keyrings
// trim, C strings end at a NUL, others decode what they take for an encoding.
func awkwardValues() map[string][]byte {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	return map[string][]byte{
		"one byte":        {'x'},
		"a NUL":           {0},
		"NUL at the end":  []byte("secret\x00"),
		"NUL at the head": []byte("\x00secret"),
		"NUL inside":      []byte("sec\x00ret"),
		"newline at end":  []byte("secret\n"),
		"CRLF":            []byte("one\r\ntwo\r\n"),
		"only spaces":     []byte("  \t "),
		"spaces around":   []byte(" secret "),
		"not UTF-8":       {0xff, 0xfe, 's', 0xc3, 0x28, 0xed, 0xa0, 0x80},
		"every byte":      all,
		"byte order mark": []byte("\xef\xbb\xbfsecret"),
		"UTF-16":          []byte("s\x00e\x00c\x00r\x00e\x00t\x00"),
		"decomposed":      []byte("cafe\u0301"),
		"hexadecimal":     []byte("0x736563726574"),
		"base64":          []byte("c2VjcmV0Cg=="),
		"JSON":            []byte("{ \"a\" : 1,\n\t\"b\": null }\n"),
		"quotes":          []byte(`"'` + "`" + `\%s%00$HOME;--`),
		"64 KiB":          pattern(1 << 16),
	}
}

// pattern returns n bytes without a period that a block size could hide.
func pattern(n int) []byte {
	b := make([]byte, n)
	x := uint32(1)
	for i := range b {
		x = x*1664525 + 1013904223 // a linear congruential generator: Numerical Recipes, §7.1
		b[i] = byte(x >> 24)
	}
	return b
}

func valueBytes(p *trial) {
	for name, v := range awkwardValues() {
		if len(v) > p.caps.ValueLimit() {
			continue
		}
		k := key("value: " + name)
		p.put(k, store.Item{Value: store.NewValue(v)}, store.Any())
		p.wantValue(k, v)
	}
	for name, v := range awkwardValues() {
		if len(v) <= p.caps.ValueLimit() {
			p.wantValue(key("value: "+name), v)
		}
	}
}

func emptyValue(p *trial) {
	for name, v := range map[string]store.Value{"zero": {}, "empty": store.NewValue(nil)} {
		k := key(name)
		rev := p.put(k, store.Item{Value: v}, store.Any())
		i, err := p.get(k)
		if err != nil {
			p.Errorf("get %s after an empty value was put: %v", show(k), err)
			continue
		}
		if i.Value.Len() != 0 || i.Revision != rev {
			p.Errorf("get %s: got %s, revision %q, want nothing, %q", show(k), brief(i.Value.Bytes()), i.Revision, rev)
		}
		if _, ok := p.list(k.Service)[k]; !ok {
			p.Errorf("list leaves out %s, whose value is empty", show(k))
		}
		_, err = p.s.Put(p.ctx, k, value("over the empty value"), store.Absent())
		if !p.refused(err, store.Absent()) {
			p.wantClass(err, "put under absent over an empty value", store.ErrConflict)
		}
		if err := p.s.Delete(p.ctx, k, store.Any()); err != nil {
			p.Errorf("delete %s, whose value is empty: %v", show(k), err)
		}
		p.wantAbsent(k)
	}
}

// overwrite goes from long to short and back, because what is overwritten in
// place shows its old end.
func overwrite(p *trial) {
	k := key("overwritten")
	for _, v := range []string{strings.Repeat("long ", 200), "short", "", "other", strings.Repeat("long ", 100)} {
		p.putValue(k, v)
		p.wantValue(k, []byte(v))
		p.wantValue(k, []byte(v))
	}
	p.wantListed(k.Service, k)
}

func deleteRemoves(p *trial) {
	gone := key("gone")
	near := []store.Key{key("gone "), key("gon"), {Service: gone.Service + "!", Account: gone.Account}}
	for _, k := range append(near, gone) {
		p.putValue(k, k.Service+k.Account)
	}
	if err := p.s.Delete(p.ctx, gone, store.Any()); err != nil {
		p.Fatalf("delete %s: %v", show(gone), err)
	}
	p.wantAbsent(gone)
	p.wantListed("", near...)
	p.wantClass(p.s.Delete(p.ctx, gone, store.Any()), "delete what was deleted", store.ErrNotFound)
	for _, k := range near {
		p.wantValue(k, []byte(k.Service+k.Account))
	}
	p.putValue(gone, "anew")
	p.wantValue(gone, []byte("anew"))
	p.wantListed("", append(near, gone)...)
}

func missing(p *trial) {
	there := p.existing()
	k := store.Key{Service: there.Service, Account: "never written"}
	p.wantAbsent(k)
	allowed := p.allow(VerbDelete, store.ErrNotFound)
	p.wantClass(p.s.Delete(p.ctx, k, store.Any()), "delete what was never there", allowed...)
	p.wantAbsent(k)
	if _, ok := p.list(there.Service)[there]; !ok {
		p.Errorf("list leaves out %s", show(there))
	}
}

func valueLimit(p *trial) {
	limit := p.caps.ValueLimit()
	most := pattern(limit)
	more := store.Item{Value: store.NewValue(append(slices.Clone(most), 'x'))}
	k, fresh := key("at the limit"), key("over the limit")
	p.put(k, store.Item{Value: store.NewValue(most)}, store.Any())
	p.wantValue(k, most)
	before := p.state(k)
	for _, over := range []store.Item{more, {Value: store.NewValue(bytes.Repeat([]byte("x"), store.MaxValue+1))}} {
		for _, at := range []store.Key{k, fresh} {
			_, err := p.s.Put(p.ctx, at, over, store.Any())
			p.wantClass(err, "put more than the limit", store.ErrTooLarge)
		}
	}
	p.wantState(k, "after a value that is too large", before)
	p.wantAbsent(fresh)
	p.wantListed("", k)
}
