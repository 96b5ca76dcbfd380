package mend_test

import (
	"crypto/tls"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/internal/tlsscan"
	"github.com/panoplysec/panoply/internal/tlsscan/mend"
	"github.com/panoplysec/panoply/internal/tlsscan/wire"
	"github.com/panoplysec/panoply/tlspolicy"
)

var findingName = regexp.MustCompile(`^(protocol|suite|kex|cert|ocsp|tls|http|target)\.[a-z0-9.-]+$`)

// reported are the names that the scan's source gives to findings: every literal of their
// form that is not given to note or skip and is no entry of the list of what is not built.
func reported(t *testing.T) map[string]bool {
	t.Helper()
	files, err := filepath.Glob("../*.go")
	if err != nil {
		t.Fatal(err)
	}
	names := make(map[string]bool)
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				s, ok := n.Fun.(*ast.SelectorExpr)
				return !ok || s.Sel.Name != "note" && s.Sel.Name != "skip"
			case *ast.ValueSpec:
				return n.Names[0].Name != "unbuilt"
			case *ast.IndexExpr:
				return false // what is looked up
			case *ast.RangeStmt:
				// A list that is only skipped through.
				if calls(n.Body, "skip") && !calls(n.Body, "say") {
					return false
				}
			case *ast.BasicLit:
				if text, err := strconv.Unquote(n.Value); n.Kind == token.STRING && err == nil && findingName.MatchString(text) {
					names[text] = true
				}
			}
			return true
		})
	}
	return names
}

func calls(body ast.Node, name string) (found bool) {
	ast.Inspect(body, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok && s.Sel.Name == name {
			found = true
		}
		return true
	})
	return found
}

// TestEveryFindingHasARow fails when the scan learns a finding that nobody can mend.
func TestEveryFindingHasARow(t *testing.T) {
	names := reported(t)
	for name := range names {
		if _, ok := mend.For(name); !ok {
			t.Errorf("%s has no row: say what is wrong, why, and the settings or what to do instead", name)
		}
	}
	seen := make(map[string]bool)
	for _, f := range mend.Faults() {
		if seen[f.Name] {
			t.Errorf("%s has two rows", f.Name)
		}
		seen[f.Name] = true
		if f.What == "" || f.Why == "" || f.Do == "" || strings.HasSuffix(f.What+f.Why+f.Do, ".") {
			t.Errorf("%s: want what, why and do, without full stops: %+v", f.Name, f)
		}
		if len(f.Settings) == 0 && f.Instead == "" {
			t.Errorf("%s has neither settings nor what to do instead", f.Name)
		}
		for _, s := range mend.Servers() {
			lines := f.Lines(s, false)
			if lines == "" {
				t.Errorf("%s for %s: neither lines nor a reason", f.Name, s)
			}
			if strings.Contains(lines, "tls.,") || strings.Contains(lines, "::") {
				t.Errorf("%s for %s has an empty name: %q", f.Name, s, lines)
			}
		}
	}
}

// TestListsAreThePolicys: what the lines say is what the door does.
func TestListsAreThePolicys(t *testing.T) {
	c := tlspolicy.Intermediate()
	older, _, groups := tlsscan.Guideline()
	var suites, openssl []string
	for _, id := range c.CipherSuites {
		suites = append(suites, tls.CipherSuiteName(id))
		openssl = append(openssl, mend.OpenSSLName(tls.CipherSuiteName(id)))
	}
	if !slices.Equal(older, suites) {
		t.Errorf("suites = %v, want the policy's %v", older, suites)
	}
	if !slices.EqualFunc(groups, c.CurvePreferences, func(a string, b tls.CurveID) bool { return a == wire.Group(b).String() }) {
		t.Errorf("groups = %v, want the policy's %v", groups, c.CurvePreferences)
	}
	const mozilla = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
	if got := strings.Join(openssl, ":"); got != mozilla {
		t.Errorf("OpenSSL's names = %s, want %s", got, mozilla)
	}
}

func TestRecognise(t *testing.T) {
	for banner, want := range map[string]mend.Server{
		"nginx": mend.Nginx, "nginx/1.22.1": mend.Nginx, "openresty/1.25": mend.Nginx, "Apache/2.4.62 (Debian)": mend.Apache, "Apache": mend.Apache, "Caddy": mend.Caddy,
		"Express": mend.Node, "": "", "nginxlike": "", "cloudflare": "", "Apache-Coyote/1.1": "", "gws": "",
	} {
		got, ok := mend.Recognise(banner)
		if got != want || ok != (want != "") {
			t.Errorf("Recognise(%q) = %q, %v, want %q", banner, got, ok, want)
		}
	}
}

func TestSnippet(t *testing.T) {
	r := &tlsscan.Report{
		Address: "127.0.0.1:8443", ServerName: "app.test", Suites: map[string][]string{"TLSv1.0": {"TLS_RSA_WITH_RC4_128_SHA"}},
		Findings: []string{"cert.expired", "cert.rsa-small", "http.hsts-missing", "kex.no-pq", "protocol.tls1.0", "suite.cbc", "suite.rc4", "tls.client-renegotiation"},
		Mozilla:  map[string]tlsscan.Verdict{"6.0/intermediate": {Reasons: []string{"protocols", "suites", "groups", "certificate_trust", "certificate_lifespan", "hsts"}}},
	}
	clean := &tlsscan.Report{Address: "127.0.0.1:8443", Groups: map[string][]string{"TLSv1.3": {"X25519MLKEM768"}}}
	var got strings.Builder
	for _, s := range mend.Servers() {
		got.WriteString("== " + string(s) + "\n" + mend.Snippet(s, r))
	}
	got.WriteString("== clean\n" + mend.Snippet(mend.Nginx, clean))
	// A server that has ML-KEM keeps it.
	clean.Mozilla = map[string]tlsscan.Verdict{"6.0/intermediate": {Reasons: []string{"groups"}}}
	got.WriteString("== hybrid\n" + mend.Snippet(mend.Nginx, clean))
	golden(t, filepath.Join("testdata", "snippets.txt"), got.String())
}

// TestPage holds the page of the documentation to the table.
func TestPage(t *testing.T) {
	golden(t, filepath.Join("..", "..", "..", "docs", "tls-fixes.md"), mend.Page())
}

func golden(t *testing.T, name, text string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil || string(want) != text {
		t.Errorf("%s is not what the table says (%v); run go test ./internal/tlsscan/mend -update, and read the difference", name, err)
	}
}
