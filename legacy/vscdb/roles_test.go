package vscdb

const (
	roleVariable = "KINRING_TEST_VSCDB_ROLE"
	roleHome     = "KINRING_TEST_VSCDB_HOME"
)

// roles are what a process does that a test starts.
var roles = map[string]func(home string) error{}
