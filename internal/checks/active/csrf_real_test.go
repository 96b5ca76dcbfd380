package active_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/checks/active"
	"github.com/panoplysec/panoply/internal/need"
)

// TestForgeriesOfExpress holds that what people use is told from nothing.
func TestForgeriesOfExpress(t *testing.T) {
	node := need.Program(t, "node")
	modules := need.Modules(t, "express", "express-session", "csurf", "cookie-parser", "ws")
	for _, tt := range []struct {
		csrf   string
		forge  check.Forge
		status check.Status
		want   []string
	}{
		{csrf: "", status: check.Broken, want: []string{"csrf/cross-site-form", "csrf/login", "csrf/websocket"}},
		{csrf: "session", status: check.Proved},
		{csrf: "cookie", status: check.Proved},
		// Its own pages send the token in a header, which nobody told the audit.
		{csrf: "session", forge: check.Forge{Routes: []string{"POST /api/cart"}, Format: "json", Fields: "id=3"}, status: check.Unproven},
	} {
		t.Run(tt.csrf+strings.Join(tt.forge.Routes, ""), func(t *testing.T) {
			cmd := exec.Command(node, filepath.Join("testdata", "shop.cjs"))
			cmd.Env = append(os.Environ(), "NODE_PATH="+modules)
			if tt.csrf != "" {
				cmd.Env = append(cmd.Env, "CSRF="+tt.csrf)
			}
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer cmd.Wait()
			defer cmd.Process.Kill()
			var port int
			if _, err := fmt.Fscanf(bufio.NewReader(out), "listening on %d\n", &port); err != nil {
				t.Fatalf("the shop does not listen: %v", err)
			}
			r, err := audit.Run(t.Context(), []check.Target{{URL: fmt.Sprintf("http://127.0.0.1:%d/", port), Forge: tt.forge}}, active.Checks()[:1], audit.Options{Active: true, Rate: 5000})
			if err != nil {
				t.Fatal(err)
			}
			p, _ := r.Practice("csrf")
			var got []string
			for _, f := range r.Findings {
				got = append(got, f.ID)
			}
			slices.Sort(got)
			if p.Status != tt.status || !slices.Equal(got, tt.want) {
				t.Errorf("csrf is %s (%s) with %v, want %s with %v", p.Status, p.Reason, got, tt.status, tt.want)
			}
		})
	}
}

// TestForgeriesOfWhoLoggedIn holds that a recorded login is played, and its cookies are
// what goes along.
func TestForgeriesOfWhoLoggedIn(t *testing.T) {
	for _, guard := range []func(http.ResponseWriter, *http.Request) bool{nil, strict} {
		s := &stall{private: true, guard: guard}
		app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/enter" {
				http.SetCookie(w, &http.Cookie{Name: "user", Value: "alice-77813377", SameSite: http.SameSiteLaxMode})
				w.WriteHeader(http.StatusNoContent)
				return
			}
			s.ServeHTTP(w, r)
		}))
		entry := map[string]any{
			"request":  map[string]any{"method": "POST", "url": app.URL + "/enter", "headers": []any{}, "postData": map[string]any{"mimeType": "application/x-www-form-urlencoded", "text": "name=alice&password=it-is-she"}},
			"response": map[string]any{"status": 204, "headers": []any{map[string]any{"name": "Set-Cookie", "value": "user=alice-77813377; SameSite=Lax"}}, "content": map[string]any{}},
		}
		text, err := json.Marshal(map[string]any{"log": map[string]any{"entries": []any{entry}}})
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "login.har")
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := audit.Run(t.Context(), []check.Target{{URL: app.URL, Login: file}}, active.Checks()[:1], audit.Options{Active: true, Rate: 5000})
		app.Close()
		if err != nil {
			t.Fatal(err)
		}
		p, _ := r.Practice("csrf")
		want := check.Broken
		if guard != nil {
			want = check.Proved
		}
		if p.Status != want || !strings.Contains(p.Reason, "POST /cart") {
			t.Errorf("csrf is %s: %s; want %s by POST /cart", p.Status, p.Reason, want)
		}
		if said := fmt.Sprintf("%+v", r); strings.Contains(said, "alice-7781") || strings.Contains(said, "it-is-she") {
			t.Error("the report tells what was logged in with")
		}
	}
}
