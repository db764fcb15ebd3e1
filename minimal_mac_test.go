package kinring_test

import (
	"strings"
	"testing"
)

// maxOnMac is how large the smallest useful program for a Mac may be when it is
// stripped: 4 MB for the processors that Macs have now, 4 MiB for Intel's.
var maxOnMac = map[string]int64{"arm64": 4_000_000, "amd64": 4 << 20}

func TestMinimalProgramOnMacs(t *testing.T) {
	for arch, most := range maxOnMac {
		t.Run(arch, func(t *testing.T) {
			if size := minimalSize(t, "darwin", arch); size > most {
				t.Errorf("it has %d bytes, more than %d", size, most)
			}
		})
	}
}

// TestMinimalProgramLinksNoOtherSystem: on a Mac, neither the shared store nor the
// older builds' items bring in what only other systems have, nor the engines that
// a program of one key has no use for.
func TestMinimalProgramLinksNoOtherSystem(t *testing.T) {
	unwanted := []string{"github.com/godbus/", "modernc.org/", "filippo.io/", "github.com/spf13/", "golang.org/x/crypto/",
		"github.com/kinring/kinring/backend/secretservice", "github.com/kinring/kinring/backend/vault"}
	programs := map[string][]string{
		"./testdata/minimal":     append(unwanted, "regexp", "github.com/kinring/kinring/legacy/"),
		"./legacy/loginkeychain": append(unwanted, "net", "regexp"),
	}
	for program, unwanted := range programs {
		deps := strings.Fields(goFor(t, "darwin", "arm64", "list", "-deps", program))
		if len(deps) < 50 {
			t.Errorf("%s has only %d dependencies", program, len(deps))
		}
		for _, dep := range deps {
			for _, u := range unwanted {
				if dep == u || strings.HasSuffix(u, "/") && strings.HasPrefix(dep, u) {
					t.Errorf("%s links %s", program, dep)
				}
			}
		}
	}
}
