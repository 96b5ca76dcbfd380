//go:build race

package limit_test

// raceDetector makes everything ten times slower.
const raceDetector = true
