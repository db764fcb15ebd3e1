// Package require lets a test say which outside tool it needs, so that a
// machine with nothing but Go skips it with a reason while continuous
// integration, which installs the tool, fails when it is missing.
package require

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// Variable names the environment variable that lists, separated by commas, the
// tools whose absence fails a test instead of skipping it.
const Variable = "KINRING_REQUIRE"

// Need returns when have is true. Otherwise it skips the test with the reason,
// or fails it when Variable lists the tool.
func Need(t testing.TB, tool string, have bool, reason string) {
	t.Helper()
	if have {
		return
	}
	if Required(tool) {
		t.Fatalf("%s=%s, but %s is missing: %s", Variable, os.Getenv(Variable), tool, reason)
	}
	t.Skipf("needs %s: %s", tool, reason)
}

// Required reports whether the environment says that the tool must be there.
func Required(tool string) bool {
	return slices.Contains(strings.Split(os.Getenv(Variable), ","), tool)
}
