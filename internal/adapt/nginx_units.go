package adapt

import (
	"strconv"
	"strings"
	"time"
)

func decimal(n int64) string { return strconv.FormatInt(n, 10) }

// nginxSize reads a size: 512, 8k, 1m, 1g.
func nginxSize(s string) (int64, bool) {
	factor := int64(1)
	if s != "" {
		switch s[len(s)-1] {
		case 'k', 'K':
			factor = 1 << 10
		case 'm', 'M':
			factor = 1 << 20
		case 'g', 'G':
			factor = 1 << 30
		}
		if factor > 1 {
			s = s[:len(s)-1]
		}
	}
	n, ok := number(s)
	return n * factor, ok
}

// nginxUnits are nginx's units of time, longest first.
var nginxUnits = []struct {
	name string
	unit time.Duration
}{
	{"ms", time.Millisecond}, {"y", 365 * 24 * time.Hour}, {"M", 30 * 24 * time.Hour}, {"w", 7 * 24 * time.Hour},
	{"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second},
}

// nginxTime reads a time: 60, 60s, 1h30m, "1h 30m".
func nginxTime(s string) (time.Duration, bool) {
	total := time.Duration(0)
	s = strings.ReplaceAll(s, " ", "")
	if s == "" {
		return 0, false
	}
	for s != "" {
		end := strings.IndexFunc(s, func(c rune) bool { return c < '0' || c > '9' })
		if end < 0 {
			end = len(s)
		}
		n, ok := number(strings.TrimLeft(s[:end], "0"))
		if !ok && strings.Trim(s[:end], "0") != "" || end == 0 {
			return 0, false
		}
		s = s[end:]
		unit := time.Second
		for _, u := range nginxUnits {
			if rest, found := strings.CutPrefix(s, u.name); found {
				unit, s = u.unit, rest
				break
			}
		}
		if n > int64(100*365*24*time.Hour/unit) {
			return 0, false
		}
		if total += time.Duration(n) * unit; total > 100*365*24*time.Hour {
			return 0, false
		}
	}
	return total, true
}
