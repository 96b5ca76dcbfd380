package lockwatch_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/door/lockwatch"
	"github.com/panoplysec/panoply/internal/osv"
)

const (
	lock = `{"lockfileVersion": 3, "packages": {"": {"name": "shop"},
		"node_modules/qs": {"version": "6.7.0"},
		"node_modules/a/node_modules/qs": {"version": "6.7.0", "dev": true},
		"node_modules/dev": {"version": "1.0.0", "dev": true},
		"node_modules/safe": {"version": "1.0.0"}}}`
	mended = `{"lockfileVersion": 3, "packages": {"": {"name": "shop"}, "node_modules/safe": {"version": "1.0.0"}}}`
	first  = `{"id":"T-1","modified":"2026-01-01T00:00:00Z","aliases":["CVE-1"],"severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H"}],"affected":[{"package":{"ecosystem":"npm","name":"qs"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"6.7.3"}]}]}]}
{"id":"T-2","modified":"2026-01-02T00:00:00Z","affected":[{"package":{"ecosystem":"npm","name":"qs"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}]}]}
`
	second = first + `{"id":"T-3","modified":"2026-01-03T00:00:00Z","database_specific":{"severity":"LOW"},"affected":[{"package":{"ecosystem":"npm","name":"dev"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}]}]}
`
)

// A yard has a lockfile, advisories, and a watch of both that remembers what it told.
type yard struct {
	*lockwatch.Watch
	t    *testing.T
	o    lockwatch.Options
	mu   sync.Mutex
	told []string
	kept []string
}

func (y *yard) write(path, text string) {
	y.t.Helper()
	// As a package manager does, and with a size or time that differs.
	if err := os.WriteFile(path+".tmp", []byte(text), 0o600); err != nil {
		y.t.Fatal(err)
	}
	if err := os.Rename(path+".tmp", path); err != nil {
		y.t.Fatal(err)
	}
}

func (y *yard) note(format string, args ...any) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.told = append(y.told, fmt.Sprintf(format, args...))
}

// await waits until the n-th thing was told, and returns it.
func (y *yard) await(n int) string {
	y.t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		y.mu.Lock()
		if len(y.told) >= n {
			defer y.mu.Unlock()
			return y.told[n-1]
		}
		y.mu.Unlock()
	}
	y.mu.Lock()
	defer y.mu.Unlock()
	y.t.Fatalf("told %q, want %d", y.told, n)
	return ""
}

func ids(all []lockwatch.Finding) string {
	var out []string
	for _, f := range all {
		out = append(out, f.ID())
	}
	return strings.Join(out, ", ")
}

// open starts a watch of first and lock.
func open(t *testing.T, change func(*yard, *lockwatch.Hooks)) *yard {
	t.Helper()
	dir := t.TempDir()
	y := &yard{t: t, o: lockwatch.Options{Lockfile: filepath.Join(dir, "package-lock.json"), Advisories: filepath.Join(dir, "all.jsonl"), Poll: 10 * time.Millisecond}}
	y.write(y.o.Lockfile, lock)
	y.write(y.o.Advisories, first)
	h := lockwatch.Hooks{
		Tell: func(s *lockwatch.Status, fresh, gone []lockwatch.Finding) {
			y.note("err %v; new %s; gone %s", s.Err != nil, ids(fresh), ids(gone))
		},
		Keep: func(known []string) error {
			y.mu.Lock()
			defer y.mu.Unlock()
			y.kept = known
			return nil
		},
		Failed: func(err error) { y.note("failed: %v", err) },
	}
	if change != nil {
		change(y, &h)
	}
	y.Watch = lockwatch.New(h)
	y.Pauses(5*time.Millisecond, 5*time.Millisecond)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		y.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return y
}

func TestWatch(t *testing.T) {
	y := open(t, nil)
	if y.Status() != nil {
		t.Error("there is a status of nothing")
	}
	y.Set(y.o)
	if got, want := y.await(1), "err false; new qs@6.7.0 T-1, qs@6.7.0 T-2; gone "; got != want {
		t.Errorf("told %q, want %q", got, want)
	}
	s := y.Status()
	if s == nil || s.Packages != 3 || s.Vulnerable[osv.High] != 1 || len(s.Vulnerable) != 1 || s.Findings[0].Dev || s.Advisories.Newest.Day() != 2 {
		t.Errorf("Status = %+v, want one of three packages, with the worse of its holes, not for development alone", s)
	}
	y.write(y.o.Advisories, second)
	if got, want := y.await(2), "err false; new dev@1.0.0 T-3; gone "; got != want {
		t.Errorf("told %q, want %q", got, want)
	}
	y.write(y.o.Lockfile, lock[:60])
	if got, want := y.await(3), "err true; new ; gone dev@1.0.0 T-3, qs@6.7.0 T-1, qs@6.7.0 T-2"; got != want {
		t.Errorf("told %q, want %q", got, want)
	}
	if err := os.Remove(y.o.Lockfile); err != nil {
		t.Fatal(err)
	}
	y.await(4) // another error
	y.write(y.o.Lockfile, mended)
	if got, want := y.await(5), "err false; new ; gone "; got != want {
		t.Errorf("told %q, want %q", got, want)
	}
	// What is not watched any more is not told of.
	y.Set(lockwatch.Options{})
	y.write(y.o.Lockfile, lock)
	if s := y.Status(); s != nil {
		t.Errorf("Status = %+v, want none", s)
	}
	y.Set(y.o)
	if got := y.await(6); !strings.HasPrefix(got, "err false; new dev@1.0.0") {
		t.Errorf("told %q, want what is there now", got)
	}
}

// With nothing changed it is looked again as often as it was said.
func TestEvery(t *testing.T) {
	y := open(t, nil)
	y.o.Every = 20 * time.Millisecond
	y.Set(y.o)
	y.await(1)
	first := y.Status().At
	for end := time.Now().Add(20 * time.Second); y.Status().At.Equal(first); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("there is no second look")
		}
	}
}

func TestWhatCannotBeLookedUp(t *testing.T) {
	y := open(t, nil)
	for name, c := range map[string]struct {
		o    lockwatch.Options
		want string
	}{
		"folder":        {lockwatch.Options{Lockfile: t.TempDir(), Advisories: y.o.Advisories}, "is no file"},
		"other file":    {lockwatch.Options{Lockfile: y.o.Advisories, Advisories: y.o.Advisories}, "no lockfile of a kind that is known"},
		"no advisories": {lockwatch.Options{Lockfile: y.o.Lockfile}, "no advisories are named"},
		"absent":        {lockwatch.Options{Lockfile: y.o.Lockfile, Advisories: "/absent"}, "absent"},
	} {
		y.Set(c.o)
		for end := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
			if s := y.Status(); s != nil && s.Err != nil && strings.Contains(s.Err.Error(), c.want) {
				break
			} else if time.Now().After(end) {
				t.Fatalf("%s: Status = %+v, want an error with %q", name, s, c.want)
			}
		}
	}
}

// A hook is a webhook that answers as it is told, and notes what it got.
type hook struct {
	*httptest.Server
	got chan map[string]any
	mu  sync.Mutex
	// refuse is how often it answers 500 before it takes something.
	refuse int
}

func newHook(t *testing.T) *hook {
	t.Helper()
	h := &hook{got: make(chan map[string]any, 100)}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		h.refuse--
		refused := h.refuse >= 0
		h.mu.Unlock()
		text, err := io.ReadAll(r.Body)
		var m map[string]any
		if err != nil || json.Unmarshal(text, &m) != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("the webhook got %s %q, %v", r.Method, text, err)
		}
		if refused {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		h.got <- m
	}))
	t.Cleanup(h.Close)
	return h
}

func (h *hook) next(t *testing.T) map[string]any {
	t.Helper()
	select {
	case m := <-h.got:
		return m
	case <-time.After(20 * time.Second):
		t.Fatal("the webhook is told nothing")
		return nil
	}
}

func TestWebhook(t *testing.T) {
	h := newHook(t)
	h.refuse = 2
	y := open(t, nil)
	y.o.Webhook = h.URL + "/s3cret"
	y.Set(y.o)
	m := h.next(t)
	if fmt.Sprint(m["vulnerable"]) != "map[high:1]" || m["packages"] != 3.0 || m["event"] != "dependencies" || m["lockfile"] != y.o.Lockfile || m["error"] != nil || len(m["new"].([]any)) != 2 {
		t.Errorf("the webhook got %v", m)
	}
	one := m["new"].([]any)[0].(map[string]any)
	if one["package"] != "qs" || one["version"] != "6.7.0" || one["advisory"] != "T-1" || one["severity"] != "high" || fmt.Sprint(one["fixed"], one["aliases"]) != "[6.7.3] [CVE-1]" {
		t.Errorf("the webhook got %v as the first", one)
	}
	if got := y.await(2); got != "failed: the webhook at "+strings.TrimPrefix(h.URL, "http://")+" answers 500 Internal Server Error" {
		t.Errorf("told %q, want the failure once, without the path", got)
	}
	y.write(y.o.Advisories, second)
	if m := h.next(t); len(m["new"].([]any)) != 1 || len(m["gone"].([]any)) != 0 {
		t.Errorf("the webhook got %v, want what is new", m)
	}
	y.write(y.o.Lockfile, "{")
	if m := h.next(t); m["error"] == nil || len(m["new"].([]any)) != 0 || len(m["gone"].([]any)) != 0 {
		t.Errorf("the webhook got %v, want an error and nothing gone", m)
	}
	y.write(y.o.Lockfile, mended)
	if m := h.next(t); m["error"] != nil || len(m["gone"].([]any)) != 3 {
		t.Errorf("the webhook got %v, want three gone", m)
	}
}

// A restart is no news, and neither is a clean beginning.
func TestWebhookKnows(t *testing.T) {
	h := newHook(t)
	kept := []string{"qs@6.7.0 T-1", "qs@6.7.0 T-2"}
	y := open(t, func(_ *yard, hooks *lockwatch.Hooks) { hooks.Kept = kept })
	y.o.Webhook = h.URL
	y.Set(y.o)
	y.await(1)
	y.write(y.o.Advisories, second)
	if m := h.next(t); fmt.Sprint(m["new"].([]any)[0].(map[string]any)["package"]) != "dev" || len(m["new"].([]any)) != 1 {
		t.Errorf("the webhook got %v first, want what a restart did not know", m)
	}
	want := append([]string{"dev@1.0.0 T-3"}, kept...)
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		y.mu.Lock()
		same := slices.Equal(y.kept, want)
		y.mu.Unlock()
		if same {
			break
		} else if time.Now().After(end) {
			t.Fatalf("kept %q, want %q", y.kept, want)
		}
	}
}

// A webhook that never takes anything is told so much, and no more until the next look.
func TestWebhookGivesUp(t *testing.T) {
	elsewhere := newHook(t)
	h := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	defer h.Close()
	y := open(t, nil)
	y.o.Webhook = h.URL
	y.Set(y.o)
	for i := 2; i <= 3; i++ {
		if got := y.await(i); !strings.HasSuffix(got, "answers 307 Temporary Redirect") {
			t.Errorf("told %q, want the redirect that was not followed", got)
		}
	}
	select {
	case m := <-elsewhere.got:
		t.Errorf("the redirect's end got %v", m)
	default:
	}
}

// However much there is to tell, a message is bounded.
func TestMessageIsBounded(t *testing.T) {
	h := newHook(t)
	y := open(t, nil)
	var packages, advisories strings.Builder
	packages.WriteString(`{"lockfileVersion": 3, "packages": {"": {}`)
	for i := range 1500 {
		name := fmt.Sprintf("p-%d-%s", i, strings.Repeat("x", 150))
		fmt.Fprintf(&packages, `,"node_modules/%s":{"version":"1.0.0"}`, name)
		fmt.Fprintf(&advisories, `{"id":"T-%d","affected":[{"package":{"ecosystem":"npm","name":%q},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"}]}]}]}`+"\n", i, name)
	}
	packages.WriteString("}}")
	y.write(y.o.Lockfile, packages.String())
	y.write(y.o.Advisories, advisories.String())
	y.o.Webhook = h.URL
	y.Set(y.o)
	m := h.next(t)
	if len(m["new"].([]any)) != lockwatch.MaxTold || m["more"] != float64(1500-lockwatch.MaxTold) || fmt.Sprint(m["vulnerable"]) != "map[unknown:1500]" {
		t.Errorf("the webhook got %d new, %v more, %v", len(m["new"].([]any)), m["more"], m["vulnerable"])
	}
}
