//go:build !race

package csrf_test

const raceDetector = false
