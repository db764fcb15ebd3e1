package secretservice

import (
	"errors"
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"

	"github.com/kinring/kinring/internal/keyringtest"
	"github.com/kinring/kinring/store"
)

func newWallet(t *testing.T) (*keyringtest.KWallet, *keyring) {
	t.Helper()
	k := keyringtest.NewKWallet(t)
	s, err := open(t.Context(), optionsOn(k.Bus))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() }) // never fails
	return k, s
}

// TestKWalletLocked (I4): a locked wallet returns empty secrets without an error,
// and lets items be removed. Here it is locked, for values, markers and removals.
func TestKWalletLocked(t *testing.T) {
	k, s := newWallet(t)
	mustPut(t, s, "value", sentinel)
	mustPut(t, s, "empty", "")
	mustMark(t, s, "marker")
	k.Lock(t)
	for _, account := range []string{"value", "empty", "marker", "never written"} {
		_, err := s.Get(t.Context(), key(account))
		wantClass(t, "get "+account, err, store.ErrLocked)
		wantClass(t, "delete "+account, s.Delete(t.Context(), key(account), store.Any()), store.ErrLocked)
		_, err = s.Put(t.Context(), key(account), item("new"), store.Any())
		wantClass(t, "put "+account, err, store.ErrLocked)
	}
	items, err := s.conn.Search(t.Context(), wanted(key("value")))
	if err != nil || len(items) != 1 {
		t.Fatal(items, err)
	}
	_, err = s.conn.Secret(t.Context(), items[0])
	wantClass(t, "the secret of a locked item", err, store.ErrLocked)
	k.Unlock(t)
	wantValue(t, s, "value", sentinel)
	wantValue(t, s, "empty", "")
	if i, err := s.Get(t.Context(), key("marker")); err != nil || i.Record.Kind != store.KindMarker {
		t.Errorf("the marker is %v, %v", i.Record, err)
	}
}

// TestKWalletHidden (I4): a wallet that is closed may hide items: a list beside it
// is not the whole one, and what is not found is not absent.
func TestKWalletHidden(t *testing.T) {
	k, s := newWallet(t)
	mustPut(t, s, "value", sentinel)
	k.NewClosed(t, "second")
	wantValue(t, s, "value", sentinel)
	entries, err := s.List(t.Context(), "")
	wantClass(t, "list", err, store.ErrLocked)
	if len(entries) != 1 || entries[0].Key != key("value") {
		t.Errorf("listed %v", entries)
	}
	_, err = s.Get(t.Context(), key("never written"))
	wantClass(t, "get what is not found", err, store.ErrLocked)
	if !strings.Contains(err.Error(), "collection second") {
		t.Errorf("it is not said which wallet is closed: %v", err)
	}
	_, err = s.Put(t.Context(), key("never written"), item("new"), store.Absent())
	wantClass(t, "put under the condition that it is absent", err, store.ErrLocked)
}

// TestKWalletKilled: KWallet that is killed before it has saved shows an empty
// value. That is damage and no value, until it is written again.
func TestKWalletKilled(t *testing.T) {
	k, s := newWallet(t)
	mustPut(t, s, "value", sentinel)
	mustPut(t, s, "empty", "")
	k.Restart(t)
	i, err := s.Get(t.Context(), key("value"))
	if !errors.Is(err, store.ErrCorrupt) && (err != nil || string(i.Value.Bytes()) != sentinel) {
		t.Errorf("after it was killed: %d bytes, %v", i.Value.Len(), err)
	}
	wantValue(t, s, "empty", "")
	mustPut(t, s, "value", "again")
	wantValue(t, s, "value", "again")
	wantItems(t, s, "value", 1)
}

// TestKWalletNames: names that KWallet would change are refused, before it is
// touched.
func TestKWalletNames(t *testing.T) {
	_, s := newWallet(t)
	mustPut(t, s, "a", sentinel)
	for _, k := range []store.Key{{Service: key("a").Service, Account: "\ufeffa"}, {Service: "\ufeff" + key("a").Service, Account: "a"}} {
		_, err := s.Get(t.Context(), k)
		wantClass(t, "get", err, store.ErrUnsupported)
		_, err = s.Put(t.Context(), k, item("x"), store.Any())
		wantClass(t, "put", err, store.ErrUnsupported)
		wantClass(t, "delete", s.Delete(t.Context(), k, store.Any()), store.ErrUnsupported)
	}
	wantValue(t, s, "a", sentinel)
}

// TestKWalletKeys (I1): KWallet makes another key than the API says in one of a
// hundred sessions. Those are not used, and all others read what is there.
func TestKWalletKeys(t *testing.T) {
	_, s := newWallet(t)
	mustPut(t, s, "value", sentinel)
	items, err := s.conn.Search(t.Context(), wanted(key("value")))
	if err != nil || len(items) != 1 {
		t.Fatal(items, err)
	}
	const few = 5
	refused := 0
	err = s.conn.with(t.Context(), func(p *peer) error {
		for n := 0; refused < few || n < 100*few; n++ {
			agreed, err := p.agree(t.Context())
			if err != nil {
				return err
			}
			if agreed == nil {
				refused++
				continue
			}
			p.open = agreed
			secret, err := p.secret(t.Context(), dbus.ObjectPath(items[0].Path))
			if err != nil || string(secret.Value.Bytes()) != sentinel {
				t.Fatalf("session %d: %d bytes, %v", n, secret.Value.Len(), err)
			}
		}
		p.open = nil
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	wantValue(t, s, "value", sentinel)
}
