package wire_test

import (
	"crypto/x509"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/panoplysec/panoply/audit"
	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/checks/wire"
)

// TestGrades holds scores that the Observatory itself gave to the same answers.
func TestGrades(t *testing.T) {
	redirect := func(front string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, front+r.URL.Path, http.StatusMovedPermanently)
		}
	}
	for _, tt := range []struct {
		name, scorer string
		handler      http.HandlerFunc
		tls, plain   bool
		want         string
	}{
		{"no headers over https", "v6", app("<p>hello"), true, true, "30 D"},
		{"no headers over https, older", "v4", app("<p>hello"), true, true, "30 D"},
		{"helmet", "v6", app("<p>hello", append(helmet, "Strict-Transport-Security: max-age=31536000; includeSubDomains")...), true, true, "130 A+"},
		{"helmet, older", "v4", app("<p>hello", append(helmet, "Strict-Transport-Security: max-age=31536000; includeSubDomains")...), true, true, "120 A+"},
		{"express over http only", "v6", app("<p>hello", "X-Powered-By: Express"), false, false, "10 F"},
		{"missing", "v6", http.NotFound, true, false, ""},
		{"the landing page counts", "v6", site(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/home", http.StatusFound) },
			map[string]http.HandlerFunc{"/home": app("<p>hello", append(helmet, "Strict-Transport-Security: max-age=31536000; includeSubDomains")...)}), true, true, "130 A+"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := httptest.NewUnstartedServer(tt.handler)
			s.Config.ErrorLog = quiet
			o := audit.Options{Rate: 1000, RequestTimeout: 5 * time.Second, Scorer: tt.scorer}
			if tt.tls {
				s.StartTLS()
				o.Roots = []*x509.Certificate{s.Certificate()}
			} else {
				s.Start()
			}
			defer s.Close()
			target := check.Target{URL: s.URL}
			if tt.plain {
				p := httptest.NewServer(redirect(s.URL))
				defer p.Close()
				target.Plain = p.Listener.Addr().String()
			}
			r, err := audit.Run(t.Context(), []check.Target{target}, wire.Checks()[1:2], o)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for _, g := range rowOf(t, r, "headers").Grades {
				got = fmt.Sprintf("%d %s", g.Score, g.Grade)
				if want := "MDN HTTP Observatory " + tt.scorer; g.Scale != want {
					t.Errorf("scale = %q, want %q", g.Scale, want)
				}
				for _, l := range g.Lines {
					t.Logf("%-32s %-60s %v %d", l.Test, l.Result, l.Pass, l.Modifier)
				}
			}
			if got != tt.want {
				t.Errorf("grade = %q, want %q", got, tt.want)
			}
		})
	}
}
