package secretservice

import (
	"testing"

	"github.com/kinring/kinring/store"
)

func key(account string) store.Key {
	return store.Key{Service: "secretservice test", Account: account}
}

func item(value string) store.Item {
	return store.Item{Value: store.NewValue([]byte(value)), Record: store.Record{Version: store.RecordVersion, Generation: 1}}
}

func mustPut(t testing.TB, s store.Store, account, value string) store.Revision {
	t.Helper()
	rev, err := s.Put(t.Context(), key(account), item(value), store.Any())
	if err != nil {
		t.Fatal(err)
	}
	return rev
}

func wantValue(t testing.TB, s store.Store, account, want string) {
	t.Helper()
	got, err := s.Get(t.Context(), key(account))
	if err != nil || string(got.Value.Bytes()) != want {
		t.Fatalf("%s: %d bytes, %v; want %d bytes", account, got.Value.Len(), err, len(want))
	}
}

func mustClose(t testing.TB, s store.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
