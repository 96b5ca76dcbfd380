package active

import (
	"net/url"
	"time"
)

// Compare says what the times of two kinds of answers show: whether they differ, and
// whether they show that they do not.
func Compare(a, b []time.Duration) (differs, tells bool) {
	t := compare(a, b)
	return t.differs(), t.tells()
}

// Claim is the header lines of the i-th address that is made up.
func Claim(i int) string { return claim(claims, i) }

// OpenedBy are the paths of the WebSockets that a script of the address opens.
func OpenedBy(script, address string) []string {
	u, err := url.Parse(address)
	if err != nil {
		panic(err)
	}
	return openedBy(script, u)
}
