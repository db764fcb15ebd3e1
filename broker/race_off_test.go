//go:build !race

package broker_test

// raceDetector says that the race detector watches this program.
const raceDetector = false
