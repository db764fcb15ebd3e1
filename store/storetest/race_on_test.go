//go:build race

package storetest

// raceDetector says that the race detector watches this program.
const raceDetector = true
