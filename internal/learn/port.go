package learn

import (
	"bytes"
	"cmp"
	"fmt"
	"net"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/panoplysec/panoply/internal/checks/source"
	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/draft"
	"github.com/panoplysec/panoply/internal/pattern"
)

var (
	// PORT=3000, --port 3000, -p 3000, localhost:3000.
	scriptPort = pattern.New(`(?:\bPORT=|--port[= ]|(?:^|\s)-p[= ]?|\blocalhost:|127\.0\.0\.1:)(\d{2,5})\b`)
	// node server.js, nodemon --watch x src/index.mjs, tsx app.ts.
	scriptFile = pattern.New(`(?:^|\s)((?:\./)?[\w][\w./-]*\.[cm]?[jt]s)\b`)
	// app.listen(3000, process.env.PORT || 3000, PORT ?? '3000'.
	listenPort = pattern.New(`\.listen\(\s*["']?(\d{2,5})\b|\bPORT\b["'\])]*\s*(?:\|\||\?\?)\s*["']?(\d{2,5})\b`)

	dockerPort   = pattern.New(`(?i)^\s*(?:ENV|ARG)\s+(?:.*\s)?PORT(?:=|\s+)["']?(\d{2,5})\b`)
	dockerExpose = pattern.New(`(?i)^\s*EXPOSE\s+(\d{2,5})\b`)
	dockerFrom   = pattern.New(`(?i)^\s*FROM\s`)
	composePort  = pattern.New(`^\s*(?:-\s*)?["']?PORT["']?\s*[:=]\s*["']?(\d{2,5})\b`)
	composeMap   = pattern.New(`^\s*-\s*["']?(?:[\d.]+:)?\d{2,5}:(\d{2,5})(?:/tcp)?["']?\s*$`)
	procfile     = pattern.New(`^web:.*\bPORT=(\d{2,5})\b|^web:.*(?:--port[= ]|\s-p )(\d{2,5})\b`)
	envName      = pattern.New(`^\s*(?:export\s+)?PORT\s*=`)
)

// ScriptPort is the port that a start script names, or "".
func ScriptPort(script string) string {
	if m := scriptPort.Get().FindStringSubmatch(script); m != nil {
		return m[1]
	}
	return ""
}

// ScriptFile is the file that a start script runs, or "".
func ScriptFile(script string) string {
	if m := scriptFile.Get().FindStringSubmatch(script); m != nil {
		return m[1]
	}
	return ""
}

// ListenPort is the port on which a source listens as far as a look at its text tells, or "".
func ListenPort(text string) string {
	if m := listenPort.Get().FindStringSubmatch(text); m != nil {
		return strings.TrimLeft(m[1]+m[2], "0")
	}
	return ""
}

// A place is where the app listens, by what says so.
type place struct {
	host, port, from string
}

// port finds out where the app listens.
func (f *folder) port() {
	p, ok := f.choose()
	n, err := strconv.Atoi(p.port)
	if !ok || err != nil || n < 1 || n > 65535 {
		f.d.Set("upstream", draft.Text(":3000").By("not learnt: most Express apps listen here; put your app's port"))
		n = 3000
	} else {
		f.d.Set("upstream", draft.Text(net.JoinHostPort(p.host, strconv.Itoa(n))).By(p.from))
	}
	f.apart(n)
	for _, name := range []string{".env", ".env.production"} {
		for i, line := range bytes.Split(f.read(name), []byte("\n")) {
			if envName.Get().Match(line) {
				f.d.Note(fmt.Sprintf("%s:%d sets PORT, and is not read for its value: the port may be another.", name, i+1))
			}
		}
	}
}

// apart moves a listener of the door away from the app's port.
func (f *folder) apart(port int) {
	def := config.Default()
	for _, l := range []struct{ path, address string }{{"listen", def.Listen}, {"redirect", def.Redirect}, {"admin.listen", def.Admin.Listen}} {
		host, number, err := net.SplitHostPort(l.address)
		if n, bad := strconv.Atoi(number); err == nil && bad == nil && n == port {
			f.d.Set(l.path, draft.Text(net.JoinHostPort(host, strconv.Itoa(n+1))).By(fmt.Sprintf("the app listens on %d, the door's default", n)))
		}
	}
}

// choose weighs what the folder says: first what nothing overrides, last what is only a
// framework's default.
func (f *folder) choose() (place, bool) {
	entry, main := "", ""
	for _, m := range f.all {
		script, from := m.start()
		if port := ScriptPort(script); port != "" {
			return place{"", port, from}, true
		}
		if file := ScriptFile(script); file != "" && entry == "" {
			entry = path.Join(m.folder, file)
		}
		if m.Main != "" && main == "" {
			main = path.Join(m.folder, m.Main)
		}
	}
	entry = cmp.Or(entry, main)
	listens := slices.Clone(f.setup.Listens)
	slices.SortStableFunc(listens, func(a, b source.Listen) int {
		first := func(l source.Listen) int {
			if l.Pos.File == entry {
				return 0
			}
			return 1
		}
		return first(a) - first(b)
	})
	listens = slices.DeleteFunc(listens, func(l source.Listen) bool { return l.Port == 0 })
	for i, l := range listens {
		if i > 0 && l.Port != listens[0].Port && i < 6 {
			f.d.Note(fmt.Sprintf("Something also listens on %d (%s).", l.Port, at(l.Pos)))
		}
	}
	if len(listens) > 0 && !listens[0].Fallback {
		l := listens[0]
		return place{hostOf(l.Host), strconv.Itoa(l.Port), at(l.Pos)}, true
	}
	if p, ok := f.outside(); ok {
		return p, true
	}
	if len(listens) > 0 {
		l := listens[0]
		return place{hostOf(l.Host), strconv.Itoa(l.Port), at(l.Pos) + ", unless PORT is set"}, true
	}
	if entry != "" {
		text := string(f.read(path.Clean(entry)))
		if port := ListenPort(text); port != "" {
			return place{"", port, entry}, true
		}
	}
	if p, ok := f.lines("Dockerfile", dockerExpose); ok {
		return p, true
	}
	for _, name := range composeFiles {
		if p, ok := f.lines(name, composeMap); ok {
			return p, true
		}
	}
	for _, m := range f.all {
		for _, one := range frameworks {
			if _, ok := m.Dependencies[one.name]; ok && one.port > 0 {
				return place{"", strconv.Itoa(one.port), m.line(one.name) + ", the default of " + one.name}, true
			}
		}
	}
	return place{}, false
}

// hostOf is the host at which the door reaches an app that listens on this one.
func hostOf(host string) string {
	if ip := net.ParseIP(host); ip != nil && !ip.IsUnspecified() {
		return ip.String()
	}
	return ""
}

var composeFiles = []string{"compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"}

// outside is the PORT that is set where the app is started.
func (f *folder) outside() (place, bool) {
	if p, ok := f.lines("Procfile", procfile); ok {
		return p, true
	}
	for _, name := range composeFiles {
		if p, ok := f.lines(name, composePort); ok {
			return p, true
		}
	}
	return f.lines("Dockerfile", dockerPort)
}

// lines finds the first line that names a port; in a Dockerfile the last stage counts.
func (f *folder) lines(name string, p pattern.Pattern) (found place, ok bool) {
	for i, line := range bytes.Split(f.read(name), []byte("\n")) {
		if name == "Dockerfile" && dockerFrom.Get().Match(line) {
			found, ok = place{}, false
		}
		if m := p.Get().FindSubmatch(line); m != nil && !ok {
			found, ok = place{"", strings.TrimLeft(string(bytes.Join(m[1:], nil)), "0"), fmt.Sprintf("%s:%d", name, i+1)}, true
		}
	}
	return found, ok
}
