package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Duration is a time.Duration written as "10s", "5m" or "7d"; a day is 24 hours and
// stands first, as in "1d12h".
type Duration time.Duration

const day = 24 * time.Hour

// String writes the shortest form that reads back: "7d", "1d12h", "5m", "0s".
func (d Duration) String() string {
	t := time.Duration(d)
	if t < 0 || t < day {
		return trimUnits(t.String())
	}
	days := strconv.FormatInt(int64(t/day), 10) + "d"
	if rest := t % day; rest != 0 {
		return days + trimUnits(rest.String())
	}
	return days
}

// trimUnits drops the trailing zero units that time.Duration writes: 5m0s is 5m.
func trimUnits(s string) string {
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// MarshalText writes String.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what String writes and everything that time.ParseDuration does.
// A number without a unit is refused: nobody knows whether it means seconds.
func (d *Duration) UnmarshalText(text []byte) error {
	s := string(text)
	var days time.Duration
	rest := s
	if before, after, found := strings.Cut(s, "d"); found {
		n, err := strconv.ParseUint(before, 10, 31)
		if err != nil || n > uint64(1<<63-1)/uint64(day) {
			return errDuration(s)
		}
		days, rest = time.Duration(n)*day, after
		if rest == "" {
			*d = Duration(days)
			return nil
		}
		if rest[0] == '-' || rest[0] == '+' {
			return errDuration(s)
		}
	}
	t, err := time.ParseDuration(rest)
	if err != nil || (days > 0 && days+t < days) {
		return errDuration(s)
	}
	*d = Duration(days + t)
	return nil
}

func errDuration(s string) error {
	return fmt.Errorf("is %s, must be a duration with a unit, such as 10s, 5m or 7d", quoted(s))
}
