package demo

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// slowest is the longest that the slow pattern or a pretended sleep holds a request.
const slowest = 3 * time.Second

// ping is a tool for "is that host up?". BROKEN ON PURPOSE (command-injection): the
// line is joined from input and given to a shell. The shell is [pretend]: nothing is
// ever executed.
func (s *shop) ping(w http.ResponseWriter, r *http.Request) {
	data := struct{ Host, Line, Output string }{Host: r.URL.Query().Get("host")}
	if data.Host != "" {
		data.Line = "sh -c 'ping -c 1 " + data.Host + "'"
		data.Output = pretend(r.Context(), "ping -c 1 "+data.Host)
	}
	s.render(w, r, "ping", "Is it up?", data)
}

// pretend answers as a shell would for a handful of words, from fixed text. It reads
// the separators ; & | and newline, and executes nothing.
func pretend(ctx context.Context, line string) string {
	var out strings.Builder
	parts := strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(";&|\n", r) })
	for _, part := range parts[:min(len(parts), 8)] {
		words := strings.Fields(part)
		if len(words) == 0 {
			continue
		}
		switch words[0] {
		case "ping":
			target := "localhost"
			if len(words) > 3 {
				target = words[3]
			}
			out.WriteString("PING " + target + ": 56 data bytes\n64 bytes from " + target + ": icmp_seq=0 ttl=64 time=0.042 ms\n")
		case "id":
			out.WriteString("uid=1000(shop) gid=1000(shop) groups=1000(shop)\n")
		case "whoami":
			out.WriteString("shop\n")
		case "uname":
			out.WriteString("Linux shop 6.1.0 x86_64 GNU/Linux\n")
		case "ls":
			out.WriteString("app.js\nnode_modules\npackage.json\nroutes\n")
		case "cat":
			out.WriteString("root:x:0:0:root:/root:/bin/sh\nshop:x:1000:1000::/srv/shop:/bin/sh\n")
		case "echo":
			out.WriteString(strings.Join(words[1:], " ") + "\n")
		case "sleep":
			wait := time.Second
			if len(words) > 1 {
				if n, err := strconv.Atoi(words[1]); err == nil {
					wait = time.Duration(min(max(n, 0), int(slowest/time.Second))) * time.Second
				}
			}
			select {
			case <-time.After(wait):
			case <-ctx.Done():
			}
		default:
			out.WriteString("sh: 1: " + words[0] + ": not found\n")
		}
	}
	return out.String()
}

// newsletter checks an address with a pattern that backtracks. BROKEN ON PURPOSE
// (redos): a few dozen letters hold the only thread, and with it every visitor.
func (s *shop) newsletter(w http.ResponseWriter, r *http.Request) {
	data := struct {
		Email, Took string
		Valid       bool
	}{Email: r.PostFormValue("email")}
	if data.Email != "" {
		s.thread.Lock()
		start := time.Now()
		data.Valid = backtrack(data.Email, start.Add(slowest))
		data.Took = time.Since(start).Round(time.Millisecond).String()
		s.thread.Unlock()
	}
	s.render(w, r, "newsletter", "Newsletter", data)
}

// backtrack matches ^([a-z]+)+@[a-z.]+$ the way a backtracking engine does: for each
// length of the inner group it tries all ways of going on, so letters without an @
// cost 2ⁿ steps. It gives up at the deadline.
func backtrack(s string, deadline time.Time) bool {
	steps, late := 0, false
	var group func(rest string) bool
	group = func(rest string) bool {
		n := 0
		for n < len(rest) && rest[n] >= 'a' && rest[n] <= 'z' {
			n++
		}
		for ; n > 0 && !late; n-- {
			if steps++; steps%4096 == 0 {
				late = time.Now().After(deadline)
			}
			if group(rest[n:]) || domain(rest[n:]) {
				return true
			}
		}
		return false
	}
	return group(s)
}

func domain(rest string) bool {
	name, ok := strings.CutPrefix(rest, "@")
	return ok && name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz.") == ""
}
