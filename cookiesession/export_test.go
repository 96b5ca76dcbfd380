package cookiesession

import "time"

// SetClock makes the package's dates those of f, and returns what undoes that.
func SetClock(f func() time.Time) func() {
	was := clock
	clock = f
	return func() { clock = was }
}

// Decode reads a session's value as a mode does, and returns its JSON.
func Decode(value string, mode Mode) (string, bool) {
	o, ok := decode(value, mode)
	return string(o.AppendTo(nil, nil)), ok
}
