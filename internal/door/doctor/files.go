package doctor

import (
	"context"
	"errors"
	"fmt"
)

// errUnknown is what a system cannot tell.
var errUnknown = errors.New("this system does not tell")

const (
	// fewFiles are too few for any public door: two for a client, and some.
	fewFiles = 1024
	// enoughFiles are enough for thirty thousand clients.
	enoughFiles = 65536
)

// checkFiles looks at how many connections the door may have open.
func checkFiles(_ context.Context, o *Options) []Line {
	l := Line{Check: "files"}
	if o.Running != nil {
		n, err := limitOf(o.Socket)
		l.files(n, err, "the running door")
	} else {
		n, err := o.FileLimit()
		l.files(n, err, "a process that is started from here")
	}
	return []Line{l}
}

func (l *Line) files(n uint64, err error, whose string) {
	if err != nil {
		l.Verdict, l.Found = NotChecked, fmt.Sprintf("how many files %s may have open is not known: %v", whose, err)
		return
	}
	l.Verdict, l.Found = OK, fmt.Sprintf("%s may have %d files open", whose, n)
	const mend = "LimitNOFILE=1048576 in the systemd unit, ulimit -n elsewhere"
	switch {
	case n <= fewFiles:
		l.Verdict, l.Do = Problem, mend
		l.Found += fmt.Sprintf(", which is enough for about %d clients at once", n/2)
	case n < enoughFiles:
		l.Verdict, l.Do = Warning, mend
		l.Found += fmt.Sprintf(", which is enough for about %d clients at once", n/2)
	}
}
