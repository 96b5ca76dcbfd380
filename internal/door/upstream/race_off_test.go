//go:build !race

package upstream_test

const race = false
