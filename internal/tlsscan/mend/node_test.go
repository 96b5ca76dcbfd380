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

// TestNode mends a server of Node that is as bad as its OpenSSL lets it be.
func TestNode(t *testing.T) {
	t.Parallel()
	node := need.Program(t, "node")
	hybrid := openSSL35(t, node, "-p", "process.versions.openssl")
	s := newSite(t)
	options := []string{
		"minVersion: 'TLSv1',", "maxVersion: 'TLSv1.2',", "ciphers: 'ALL:COMPLEMENTOFALL:eNULL:@SECLEVEL=0',", "dhparam: require('node:fs').readFileSync('DIR/dh1024.pem'),",
		"ecdhCurve: 'prime192v1:prime256v1:secp521r1',", "cert: require('node:fs').readFileSync('DIR/cert.pem'),",
	}
	want := []string{
		"protocol.tls1.0", "protocol.tls1.1", "protocol.no-tls1.3", "suite.null", "suite.anon", "suite.cbc", "suite.no-forward-secrecy",
		"kex.dh-weak", "kex.curve-weak", "kex.no-pq", "cert.chain-incomplete", "http.hsts-missing", "tls.client-renegotiation",
	}
	bad{mend.Node, hybrid, want, func(t *testing.T, lines []string) (r *tlsscan.Report) {
		t.Helper()
		port := need.Port(t)
		handler, options := split(apply(options, lines, field), "res.")
		source := fmt.Sprintf(`require('node:https').createServer({
key: require('node:fs').readFileSync('DIR/key.pem'),
%s
}, (req, res) => {
%s
res.end('ok')
}).listen(%d, '127.0.0.1')
process.on('SIGTERM', () => process.exit())
`, options, handler, port)
		source = strings.NewReplacer("DIR/", s.dir+"/", "/etc/ssl/site/", s.dir+"/").Replace(source)
		name := filepath.Join(t.TempDir(), "server.js")
		must(t, os.WriteFile(name, []byte(source), 0o600))
		run(t, port, func() { r = s.scan(t, port) }, node, name)
		return r
	}}.prove(t)
}

// field is the name of an option of Node or of a field of Go.
func field(line string) string {
	name, _, _ := strings.Cut(line, ":")
	return name
}

// split parts the lines that begin with a word from the others.
func split(lines []string, begins string) (with, without string) {
	for _, l := range lines {
		if strings.HasPrefix(l, begins) {
			with += l + "\n"
		} else {
			without += l + "\n"
		}
	}
	return with, without
}
