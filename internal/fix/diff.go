package fix

import (
	"bytes"
	"fmt"
	"strings"
)

// around is how many unchanged lines a diff shows, maxEdits how far apart texts may be
// before they are taken for two that have nothing in common in the middle.
const (
	around   = 3
	maxEdits = 2000
)

// diff is the unified diff of two texts; empty where they are the same.
func diff(name string, old, new []byte) string {
	if bytes.Equal(old, new) {
		return ""
	}
	a, b := splitLines(old), splitLines(new)
	script := edits(a, b)
	var out strings.Builder
	fmt.Fprintf(&out, "--- a/%s\n+++ b/%s\n", name, name)
	for i := 0; i < len(script); {
		if script[i].kind == ' ' {
			i++
			continue
		}
		start := max(0, i-around)
		end, quiet := i, 0
		for ; end < len(script) && quiet <= 2*around; end++ {
			if quiet++; script[end].kind != ' ' {
				quiet = 0
			}
		}
		end -= max(0, quiet-around)
		hunk(&out, script[start:end])
		i = end
	}
	return out.String()
}

type edit struct {
	kind byte
	text string
	// a and b are the numbers of the lines, from 1, at which it stands.
	a, b int
}

func hunk(out *strings.Builder, part []edit) {
	olds, news := 0, 0
	for _, e := range part {
		if e.kind != '+' {
			olds++
		}
		if e.kind != '-' {
			news++
		}
	}
	first := part[0]
	fmt.Fprintf(out, "@@ -%d,%d +%d,%d @@\n", first.a-btoi(olds == 0), olds, first.b-btoi(news == 0), news)
	for _, e := range part {
		out.WriteByte(e.kind)
		out.WriteString(e.text)
		if !strings.HasSuffix(e.text, "\n") {
			out.WriteString("\n\\ No newline at end of file\n")
		}
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func splitLines(text []byte) []string {
	var lines []string
	for line := range strings.Lines(string(text)) {
		lines = append(lines, line)
	}
	return lines
}

// edits is a shortest way from one text to another (Myers, "An O(ND) Difference
// Algorithm"), what is equal at both ends put aside.
func edits(a, b []string) []edit {
	var script []edit
	x, y := 0, 0
	keep := func() { script = append(script, edit{' ', a[x], x + 1, y + 1}); x++; y++ }
	drop := func() { script = append(script, edit{'-', a[x], x + 1, y + 1}); x++ }
	add := func() { script = append(script, edit{'+', b[y], x + 1, y + 1}); y++ }
	for x < len(a) && y < len(b) && a[x] == b[y] {
		keep()
	}
	tail := 0
	for tail < len(a)-x && tail < len(b)-y && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	for _, move := range shortest(a[x:len(a)-tail], b[y:len(b)-tail]) {
		switch move {
		case ' ':
			keep()
		case '-':
			drop()
		default:
			add()
		}
	}
	for x < len(a) {
		keep()
	}
	return script
}

func shortest(a, b []string) []byte {
	n, m := len(a), len(b)
	var trace [][]int
	at := map[int]int{1: 0}
	for d := 0; d <= n+m; d++ {
		if d > maxEdits {
			return append(bytes.Repeat([]byte{'-'}, n), bytes.Repeat([]byte{'+'}, m)...)
		}
		row := make([]int, 2*d+1)
		for k := -d; k <= d; k += 2 {
			x := at[k+1]
			if k != -d && (k == d || at[k-1] >= at[k+1]) {
				x = at[k-1] + 1
			}
			y := x - k
			for x < n && y < m && a[x] == b[y] {
				x, y = x+1, y+1
			}
			at[k], row[k+d] = x, x
			if x >= n && y >= m {
				return back(append(trace, row), n, m)
			}
		}
		trace = append(trace, row)
	}
	return nil
}

// back walks from the ends to the start.
func back(trace [][]int, x, y int) []byte {
	var moves []byte
	for d := len(trace) - 1; d > 0; d-- {
		row := trace[d-1]
		get := func(k int) int {
			if k < -(d-1) || k > d-1 {
				return -1
			}
			return row[k+d-1]
		}
		k := x - y
		down := k == -d || k != d && get(k-1) < get(k+1)
		px := get(k-1) + 1
		if down {
			px = get(k + 1)
		}
		for x > px && x-k > 0 && x > 0 {
			moves = append(moves, ' ')
			x--
		}
		y = x - k
		if down {
			moves = append(moves, '+')
			y--
		} else {
			moves = append(moves, '-')
			x--
		}
	}
	for x > 0 {
		moves = append(moves, ' ')
		x--
	}
	for i, j := 0, len(moves)-1; i < j; i, j = i+1, j-1 {
		moves[i], moves[j] = moves[j], moves[i]
	}
	return moves
}
