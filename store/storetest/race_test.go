package storetest

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/kinring/kinring/backend/memory"
	"github.com/kinring/kinring/store"
)

// racingVariable makes TestRacingStore run the store with the race itself.
const racingVariable = "KINRING_STORETEST_RACING"

// TestRacingStore runs the suite on a store that counts its calls without a
// lock. Only the race detector can see that, and it fails the whole program, so
// the run is another process.
func TestRacingStore(t *testing.T) {
	if os.Getenv(racingVariable) != "" {
		calls := 0
		caseNamed(t, "duty/concurrent").try(t, inMemory(func(s store.Store) store.Store {
			racing := within(func(ctx context.Context, do func(context.Context) error) error {
				calls++
				return do(ctx)
			})(s)
			return &racing
		}), memory.Capabilities())
		return
	}
	if !raceDetector {
		t.Skip("needs the race detector: run with -race")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run=^TestRacingStore$")
	cmd.Env = append(os.Environ(), racingVariable+"=1")
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "DATA RACE") {
		t.Errorf("the suite passes a store with a data race: %v\n%s", err, out)
	}
}
