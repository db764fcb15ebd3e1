//go:build !race

package vault

// raceDetector says that the race detector watches this program.
const raceDetector = false
