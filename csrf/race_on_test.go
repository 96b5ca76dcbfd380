//go:build race

package csrf_test

// raceDetector makes a sync.Pool forget what it holds.
const raceDetector = true
