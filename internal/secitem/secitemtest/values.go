package secitemtest

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kinring/kinring/internal/secitem"
)

// bytesToKeep come back as they were: a secret is not a text.
func bytesToKeep() map[string][]byte {
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	return map[string][]byte{
		"empty": {}, "one NUL": {0}, "every byte": every, "no UTF-8": {0xff, 0xfe}, "a newline at the end": []byte("secret\n"),
		"1 MiB": bytes.Repeat(every, 4096),
	}
}

// textsToKeep come back as they were, and are told apart: nothing normalises
// them.
var textsToKeep = []string{"plain", "Übergröße", "U\u0308bergro\u0308ße", "\U0001f511 key", "a\x00b", "a|b%2F/c", " ", "汉字", "\ufeffplain", strings.Repeat("k", 1024)}

// ValuesComeBack checks that values and attributes come back as they went in, from both
// keychains.
func ValuesComeBack(t *testing.T, open Open) {
	for name, base := range map[string]secitem.Query{"data-protection": Item(), "login": LoginItem()} {
		for kind, want := range bytesToKeep() {
			t.Run(name+"/"+kind, func(t *testing.T) { keepsValue(Stage{t, open(t, Group)}, base, want) })
		}
		t.Run(name+"/texts", func(t *testing.T) { keepsTexts(Stage{t, open(t, Group)}, base) })
		t.Run(name+"/attributes", func(t *testing.T) { keepsAttributes(Stage{t, open(t, Group)}, base) })
	}
}

func keepsValue(s Stage, q secitem.Query, want []byte) {
	add := q
	add.Value, add.Generic = want, want
	if err := s.Add(add.Dict()); err != nil {
		s.Fatal(err)
	}
	q.ReturnData, q.ReturnAttributes = true, true
	items, err := s.CopyMatching(q.Dict())
	if err != nil || len(items) != 1 || !bytes.Equal(items[0].Data, want) || !bytes.Equal(items[0].Attributes.Bytes(secitem.KeyGeneric), want) {
		s.Errorf("%d bytes came back as %v, %v", len(want), items, err)
	}
	if len(items) == 1 && items[0].Attributes[secitem.KeyValueData] != nil {
		s.Error("the value is among the attributes")
	}
}

func keepsTexts(s Stage, q secitem.Query) {
	for i, text := range textsToKeep {
		q.Account, q.Label = text, text
		s.Make(q, fmt.Sprint(i))
	}
	for i, text := range textsToKeep {
		q.Account, q.Label = text, ""
		s.Finds(Data(q).Dict(), fmt.Sprint(i))
		q.ReturnAttributes = true
		items, err := s.CopyMatching(q.Dict())
		if err != nil || len(items) != 1 || items[0].Attributes.String(secitem.KeyAccount) != text || items[0].Attributes.String(secitem.KeyLabel) != text {
			s.Errorf("%q came back as %v, %v", text, items, err)
		}
		q.ReturnAttributes = false
	}
	q.Account = "\xff\xfe"
	if err := s.Add(q.Dict()); err != secitem.ErrParam {
		s.Errorf("an account that is no UTF-8: %v", err)
	}
}

func keepsAttributes(s Stage, q secitem.Query) {
	s.Make(q, "v", "desc", "a description", "icmt", "a comment", "gena", []byte{0, 1})
	q.ReturnAttributes = true
	items, err := s.CopyMatching(q.Dict())
	if err != nil || len(items) != 1 {
		s.Fatalf("got %v, %v", items, err)
	}
	a := items[0].Attributes
	created, isTime := a[secitem.KeyCreated].(time.Time)
	modified, _ := a[secitem.KeyModified].(time.Time)
	if !isTime || created.IsZero() || modified.Before(created) {
		s.Errorf("created %v, modified %v", a[secitem.KeyCreated], a[secitem.KeyModified])
	}
	if a.String(secitem.KeyDescription) != "a description" || a.String(secitem.KeyComment) != "a comment" || !bytes.Equal(a.Bytes(secitem.KeyGeneric), []byte{0, 1}) {
		s.Errorf("got %v", a)
	}
}

// OneWins checks what kinring's conditions rest on: of many Adds of one key one
// wins (I3), and of many Updates that match an old attribute one changes it (I1).
func OneWins(t *testing.T, open Open) {
	const programs, rounds = 8, 20
	s := Stage{t, open(t, Group)}
	var won, changed atomic.Int64
	var wg sync.WaitGroup
	for p := range programs {
		wg.Go(func() {
			add := Item()
			add.Value, add.Generic = []byte("0"), []byte("0")
			if s.Add(add.Dict()) == nil {
				won.Add(1)
			}
			for round := range rounds {
				match := Item()
				match.Generic = fmt.Append(nil, round)
				next := secitem.Change{Value: fmt.Append(nil, p), Generic: fmt.Append(nil, round+1)}
				switch err := s.Update(match.Dict(), next.Dict()); err {
				case nil:
					changed.Add(1)
				case secitem.ErrItemNotFound:
				default:
					t.Errorf("update: %v", err)
				}
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 || changed.Load() != rounds {
		t.Errorf("%d Adds and %d Updates won, want 1 and %d", won.Load(), changed.Load(), rounds)
	}
}

// ListsWithoutValues checks a list of all items of a service: it has attributes
// and no values.
func ListsWithoutValues(t *testing.T, open Open) {
	const many = 50
	s := Stage{t, open(t, Group)}
	for name, q := range map[string]secitem.Query{"data-protection": Item(), "login": LoginItem()} {
		for i := range many {
			s.Make(q, "secret", "acct", fmt.Sprint(i))
		}
		s.Make(q, "secret", "svce", "another")
		q.Account, q.All, q.ReturnAttributes = "", true, true
		items, err := s.CopyMatching(q.Dict())
		seen := map[string]bool{}
		for _, i := range items {
			seen[i.Attributes.String(secitem.KeyAccount)] = true
			if i.Data != nil {
				t.Errorf("%s: an item comes with its value", name)
			}
		}
		if err != nil || len(items) != many || len(seen) != many {
			t.Errorf("%s: %d items, %d accounts, %v", name, len(items), len(seen), err)
		}
	}
}

// All runs everything.
func All(t *testing.T, open Open) {
	t.Run("states", func(t *testing.T) { Run(t, DataProtection, open); Run(t, Login, open) })
	t.Run("values", func(t *testing.T) { ValuesComeBack(t, open) })
	t.Run("one wins", func(t *testing.T) { OneWins(t, open) })
	t.Run("list", func(t *testing.T) { ListsWithoutValues(t, open) })
}
