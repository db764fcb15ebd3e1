package secretservice

import (
	"context"
	"testing"

	"github.com/kinring/kinring/internal/history"
)

// TestManyProcesses (I1, I2, I3, I10): what 32 processes at once see and do to the
// same keys of a real keyring could have happened one after the other. Half of
// the keys are deleted by markers.
func TestManyProcesses(t *testing.T) {
	d := newDesk(t)
	processes, ops := 32, 12
	if testing.Short() {
		processes, ops = 6, 6
	}
	servants := make([]*servant, processes)
	for i := range servants {
		servants[i] = d.hire(t)
	}
	for _, v := range servants {
		v.ready(t)
	}
	load := history.Load{Workers: processes, Ops: ops, Keys: []string{"a", "b", "m1", "m2"}, Seed: 1}
	done, err := history.Drive(t.Context(), load, func(ctx context.Context, r history.Request) (history.Result, error) {
		return servants[r.Worker].perform(ctx, r)
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(done) != processes*ops {
		t.Fatalf("%d operations were recorded, not %d", len(done), processes*ops)
	}
	if err := history.Check(done); err != nil {
		t.Error(err)
	}
}
