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

// TestApache mends Debian's Apache, which leaves out suites without certificate or
// encryption whatever it is told, and finds primes of its own.
func TestApache(t *testing.T) {
	t.Parallel()
	apache := need.Program(t, "apache2")
	modules := filepath.Join(filepath.Dir(apache), "..", "lib", "apache2", "modules")
	s := newSite(t)
	config := []string{
		"SSLProtocol +TLSv1 +TLSv1.1 +TLSv1.2 -TLSv1.3", "SSLCipherSuite " + badSuites, "SSLHonorCipherOrder on",
		"SSLOpenSSLConfCmd DHParameters " + filepath.Join(s.dir, "dh1024.pem"), "SSLOpenSSLConfCmd Curves prime192v1:prime256v1:secp521r1", "SSLCertificateFile DIR/cert.pem",
	}
	want := []string{
		"protocol.tls1.0", "protocol.tls1.1", "protocol.no-tls1.3", "suite.cbc", "suite.no-forward-secrecy", "kex.curve-weak", "kex.no-pq", "cert.chain-incomplete", "http.hsts-missing",
	}
	bad{mend.Apache, false, want, func(t *testing.T, lines []string) (r *tlsscan.Report) {
		t.Helper()
		dir, port := t.TempDir(), need.Port(t)
		server, host := split(apply(config, lines, apacheDirective), "SSLStaplingCache")
		text := fmt.Sprintf(`ServerRoot %[1]s
DefaultRuntimeDir %[1]s
PidFile %[1]s/pid
ErrorLog /dev/stderr
ServerName app.test
LoadModule mpm_event_module %[2]s/mod_mpm_event.so
LoadModule authz_core_module %[2]s/mod_authz_core.so
LoadModule ssl_module %[2]s/mod_ssl.so
LoadModule headers_module %[2]s/mod_headers.so
LoadModule socache_shmcb_module %[2]s/mod_socache_shmcb.so
Listen 127.0.0.1:%[3]d
%[4]s<VirtualHost *:%[3]d>
DocumentRoot %[1]s
SSLEngine on
SSLCertificateKeyFile DIR/key.pem
%[5]s</VirtualHost>
`, dir, modules, port, server, host)
		text = strings.NewReplacer("DIR/", s.dir+"/", "/etc/ssl/site/", s.dir+"/").Replace(text)
		name := filepath.Join(dir, "apache.conf")
		must(t, os.WriteFile(name, []byte(text), 0o600))
		run(t, port, func() { r = s.scan(t, port) }, apache, "-X", "-f", name)
		return r
	}}.prove(t)
}

// apacheDirective is what may stand once in a virtual host.
func apacheDirective(line string) string {
	words := strings.Fields(line)
	switch {
	case words[0] == "Header":
		return strings.Join(words[:4], " ")
	case words[0] == "SSLOpenSSLConfCmd", words[0] == "SSLCipherSuite" && words[1] == "TLSv1.3":
		return strings.Join(words[:2], " ")
	}
	return words[0]
}
