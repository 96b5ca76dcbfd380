package mend_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/internal/need"
	"github.com/panoplysec/panoply/internal/tlsscan"
	"github.com/panoplysec/panoply/internal/tlsscan/mend"
)

// badSuites is all that Debian's OpenSSL can do.
const badSuites = "ALL:COMPLEMENTOFALL:eNULL:@SECLEVEL=0"

// TestHAProxy mends Debian's HAProxy.
func TestHAProxy(t *testing.T) {
	t.Parallel()
	haproxy := need.Program(t, "haproxy")
	s := newSite(t)
	bundle(t, s, "site.pem", "fullchain.pem", "key.pem")
	config := []string{
		"ssl-default-bind-options ssl-min-ver TLSv1.0", "ssl-default-bind-options ssl-max-ver TLSv1.2", "ssl-default-bind-ciphers " + badSuites,
		"ssl-default-bind-curves prime192v1:prime256v1:secp521r1",
	}
	want := []string{
		"protocol.tls1.0", "protocol.tls1.1", "protocol.no-tls1.3", "suite.null", "suite.anon", "suite.cbc", "suite.no-forward-secrecy",
		"kex.curve-weak", "kex.no-pq", "http.hsts-missing",
	}
	bad{mend.HAProxy, openSSL35(t, haproxy, "-vv"), want, func(t *testing.T, lines []string) (r *tlsscan.Report) {
		t.Helper()
		port := need.Port(t)
		frontend, global := split(apply(config, lines, option), "http-after-response")
		text := fmt.Sprintf(`%s
defaults
	mode http
	timeout client 20s
	timeout server 20s
	timeout connect 20s
frontend tls
	bind 127.0.0.1:%d ssl crt %s
	%s
	default_backend app
backend app
	http-request return status 200 content-type text/plain string ok
`, "global\n"+strings.ReplaceAll(global, "global\n", ""), port, filepath.Join(s.dir, "site.pem"), frontend)
		name := filepath.Join(t.TempDir(), "haproxy.cfg")
		must(t, os.WriteFile(name, []byte(text), 0o600))
		run(t, port, func() { r = s.scan(t, port) }, haproxy, "-db", "-f", name)
		return r
	}}.prove(t)
}

// option is what may stand once in HAProxy's section global.
func option(line string) string {
	words := strings.Fields(line)
	if words[0] == "ssl-default-bind-options" {
		return strings.Join(words[:2], " ")
	}
	return words[0]
}

// bundle puts files of the site together into one.
func bundle(t *testing.T, s *site, name string, parts ...string) {
	t.Helper()
	var all []byte
	for _, part := range parts {
		text, err := os.ReadFile(filepath.Join(s.dir, part))
		must(t, err)
		all = append(all, text...)
	}
	must(t, os.WriteFile(filepath.Join(s.dir, name), all, 0o600))
}
