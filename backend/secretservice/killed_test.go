package secretservice

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/godbus/dbus/v5"

	"github.com/kinring/kinring/internal/history"
	"github.com/kinring/kinring/internal/keyringtest"
	"github.com/kinring/kinring/store"
)

// TestKilledInFlight (I1, I2, I3, I10): a process that dies with its CreateItem in
// flight, while others get, delete and set the key. It dies when the call has
// reached the bus; every other time the keyring is stopped before that, in the
// middle of what it is doing, until the others have begun. What all see could
// have happened one after the other; the next write wins for good and leaves
// nothing else behind. KINRING_LONG=1 does it ten thousand times.
func TestKilledInFlight(t *testing.T) {
	times := 120
	switch {
	case os.Getenv("KINRING_LONG") == "1":
		times = 10_000
	case testing.Short():
		times = 10
	}
	d := newDesk(t)
	s := d.open(t)
	created := d.Bus.Overhear(t, "CreateItem")
	died := 0
	next := d.hire(t)
	for n := range times {
		victim := next
		next = d.hire(t) // gets ready meanwhile
		victim.ready(t)
		round := inFlight{t: t, d: d, s: s, key: fmt.Sprintf("%c%d", "mk"[n%2], n), stops: n/2%2 == 0}
		if round.run(victim, created) {
			died++
		}
		victim.dismiss()
		if t.Failed() {
			t.Fatalf("in round %d", n)
		}
	}
	t.Logf("%d processes were killed, %d of them before they were told how their write ended", times, died)
	if died < times/10 {
		t.Error("hardly any process was killed with its call in flight")
	}
}

// inFlight is one round.
type inFlight struct {
	t     *testing.T
	d     *desk
	s     *keyring
	key   string
	stops bool // the keyring

	log      bytes.Buffer
	recorder *history.Recorder
}

// run reports whether the victim died before it was told how its write ended.
func (f *inFlight) run(victim *servant, created *keyringtest.Observer) bool {
	f.recorder = history.NewRecorder(&f.log, history.Monotonic())
	f.do("before", history.Set, "before")
	end := f.recorder.Begin("victim", history.Set, f.key, "victim's")
	told := make(chan bool, 1)
	go func() {
		answer, err := victim.perform(f.t.Context(), history.Request{Kind: history.Set, Key: f.key, Value: "victim's"})
		if err == nil {
			end(answer.Outcome, answer.Value)
		}
		told <- err == nil
	}()
	sent := make(chan struct{})
	go func() {
		created.Next(f.isVictims)
		close(sent)
	}()
	select {
	case <-sent:
	case acknowledged := <-told:
		if !acknowledged {
			f.t.Fatal("the victim ended by itself")
		}
		told <- acknowledged
		<-sent // so that what is overheard is the next round's
	}
	thaw := func() {}
	if f.stops {
		thaw = f.d.Freeze(f.t)
	}
	victim.kill()
	acknowledged := <-told
	var all sync.WaitGroup
	for client, kind := range map[string]history.Kind{"getter": history.Get, "other getter": history.Get, "setter": history.Set, "deleter": history.Delete} {
		all.Go(func() { f.do(client, kind, client+"'s") })
	}
	thaw()
	all.Wait()
	f.settle()
	ops, err := history.Read(&f.log)
	if err == nil {
		err = history.Check(ops)
	}
	if err != nil {
		f.t.Error(err)
	}
	return !acknowledged
}

// isVictims recognises the second write of the round's key.
func (f *inFlight) isVictims(m *dbus.Message) bool {
	properties, _ := m.Body[0].(map[string]dbus.Variant)
	attributes, _ := properties[itemIface+"Attributes"].Value().(map[string]string)
	return attributes[attrAccount] == f.key && attributes[attrNumber] == "2"
}

// settle sees that the next write is the last word, and leaves nothing behind.
func (f *inFlight) settle() {
	f.do("after", history.Set, "final")
	if got := f.do("after", history.Get, ""); got.Value != "final" {
		f.t.Errorf("after an acknowledged set: %+v", got)
	}
	f.wantItems(1)
	f.do("after", history.Delete, "")
	if got := f.do("after", history.Get, ""); got.Outcome != history.Absent {
		f.t.Errorf("after an acknowledged delete: %+v", got)
	}
	if err := f.s.Delete(f.t.Context(), key(f.key), store.Any()); f.key[0] == 'm' && err != nil {
		f.t.Error(err)
	}
	f.wantItems(0)
}

func (f *inFlight) do(client string, kind history.Kind, value string) history.Result {
	if kind != history.Set {
		value = ""
	}
	end := f.recorder.Begin(client, kind, f.key, value)
	r, err := perform(context.Background(), f.s, history.Request{Kind: kind, Key: f.key, Value: value})
	if err != nil {
		f.t.Errorf("%s by %s: %v", kind, client, err)
	}
	end(r.Outcome, r.Value)
	return r
}

func (f *inFlight) wantItems(want int) {
	items, err := f.s.conn.Search(f.t.Context(), wanted(key(f.key)))
	if err != nil || len(items) != want {
		f.t.Errorf("%d items of the key, %v; want %d", len(items), err, want)
	}
}
