package coexist_test

import (
	"context"
	"testing"

	"github.com/kinring/kinring/coexist"
	"github.com/kinring/kinring/store"
)

// getBrokenOff is get of a program that has time to migrate two keys.
func (w *world) getBrokenOff() string {
	w.t.Helper()
	w.config.Grace = func(ctx context.Context) (context.Context, context.CancelFunc) {
		return context.WithCancel(context.WithoutCancel(ctx))
	}
	ctx, cancel := context.WithCancel(w.t.Context())
	defer cancel()
	w.config.BulkTime = func(context.Context) (context.Context, context.CancelFunc) { return ctx, func() {} }
	told := 0
	w.config.BulkTell = func(coexist.Progress) {
		if told++; told == 2 {
			cancel()
		}
	}
	defer func() { w.config.BulkTime, w.config.BulkTell = nil, nil }()
	return w.get()
}

// TestI6MigrationGoesOnOverTheSameKeys: where older builds signed in and out while
// a migration was broken off, as many keys as before are not the same keys. It is
// complete only when each of them was verified.
func TestI6MigrationGoesOnOverTheSameKeys(t *testing.T) {
	w := newWorld(t, coexist.PresetDualWrite, 1)
	w.config.Leases = &freeLeases{}
	w.withOthers(4)
	w.getBrokenOff()
	late := store.Key{Service: service, Account: "other 000 and a half"}
	if err := w.legacy[0].Delete(t.Context(), other(0), store.Any()); err != nil {
		t.Fatal(err)
	}
	if _, err := w.legacy[0].Put(t.Context(), late, store.Item{Value: store.NewValue([]byte("late"))}, store.Any()); err != nil {
		t.Fatal(err)
	}
	w.get()
	_, err := w.inner.Get(t.Context(), late)
	if p, ran, migrated := w.process().Migrated(t.Context()); migrated != nil || !ran || !p.Complete || p.Verified != 4 || err != nil {
		t.Errorf("%+v, %v, %v; the late key: %v", p, ran, migrated, err)
	}
}
