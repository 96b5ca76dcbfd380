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

// TestNginx mends servers of Debian's nginx that are as bad as its OpenSSL lets them be.
func TestNginx(t *testing.T) {
	nginx := need.Program(t, "nginx")
	hybrid := openSSL35(t, nginx, "-V")
	for _, tt := range []struct {
		name   string
		config []string
		want   []string
	}{
		{"old", []string{
			"ssl_protocols TLSv1 TLSv1.1 TLSv1.2;", "ssl_ciphers ALL:COMPLEMENTOFALL:eNULL:@SECLEVEL=0;", "ssl_prefer_server_ciphers on;",
			"ssl_dhparam DIR/dh1024.pem;", "ssl_ecdh_curve prime192v1:prime256v1:secp521r1;", "ssl_certificate DIR/cert.pem;",
		}, []string{
			"protocol.tls1.0", "protocol.tls1.1", "protocol.no-tls1.3", "suite.null", "suite.anon", "suite.cbc", "suite.no-forward-secrecy",
			"kex.dh-weak", "kex.curve-weak", "kex.no-pq", "cert.chain-incomplete", "http.hsts-missing",
		}},
		{"TLS 1.0 only", []string{"ssl_protocols TLSv1;", "ssl_ciphers AES128-SHA:AES256-SHA:ECDHE-RSA-AES128-SHA:@SECLEVEL=0;", "ssl_certificate DIR/fullchain.pem;"},
			[]string{"protocol.tls1.0", "protocol.no-tls1.3", "suite.cbc", "suite.no-forward-secrecy", "http.hsts-missing"}},
		{"without encryption or certificate", []string{"ssl_protocols TLSv1.2;", "ssl_ciphers eNULL:aNULL:ECDHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0;", "ssl_dhparam DIR/dh1024.pem;", "ssl_certificate DIR/fullchain.pem;"},
			[]string{"suite.null", "suite.anon", "suite.cbc", "suite.no-forward-secrecy", "kex.dh-weak", "protocol.no-tls1.3", "http.hsts-missing"}},
		{"Diffie-Hellman only", []string{"ssl_protocols TLSv1.2;", "ssl_ciphers DHE-RSA-AES128-GCM-SHA256:@SECLEVEL=0;", "ssl_dhparam DIR/dh1024.pem;", "ssl_certificate DIR/fullchain.pem;"},
			[]string{"kex.dh-weak", "protocol.no-tls1.3", "http.hsts-missing"}},
		{"early data", []string{
			"ssl_protocols TLSv1.2 TLSv1.3;", "ssl_ciphers HIGH;", "ssl_early_data on;", "ssl_conf_command Ciphersuites TLS_AES_128_CCM_SHA256:TLS_AES_128_GCM_SHA256;",
			"ssl_certificate DIR/turned.pem;", "add_header Strict-Transport-Security max-age=0;",
		}, []string{"tls.early-data", "cert.chain-order", "cert.chain-has-root", "suite.cbc", "http.hsts-missing"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.turned(t)
			bad{mend.Nginx, hybrid, tt.want, func(t *testing.T, lines []string) *tlsscan.Report {
				t.Helper()
				var r *tlsscan.Report
				s.withNginx(t, nginx, apply(tt.config, lines, directive), func(port int) { r = s.scan(t, port) })
				return r
			}}.prove(t)
		})
	}
}

// directive is what may stand once in a server block.
func directive(line string) string {
	name, rest, _ := strings.Cut(line, " ")
	if name == "add_header" || name == "ssl_conf_command" {
		field, _, _ := strings.Cut(rest, " ")
		name += " " + field
	}
	return name
}

// withNginx runs f with nginx at port.
func (s *site) withNginx(t *testing.T, nginx string, config []string, f func(port int)) {
	t.Helper()
	dir, port := t.TempDir(), need.Port(t)
	text := fmt.Sprintf(`daemon off; master_process off; pid %[1]s/pid; error_log stderr error; events {}
http { access_log off; client_body_temp_path %[1]s; proxy_temp_path %[1]s; fastcgi_temp_path %[1]s; uwsgi_temp_path %[1]s; scgi_temp_path %[1]s;
server { listen 127.0.0.1:%[2]d ssl; server_name app.test; ssl_certificate_key DIR/key.pem;
%[3]s
location / { return 200 ok; } } }
`, dir, port, strings.Join(config, "\n"))
	text = strings.NewReplacer("DIR/", s.dir+"/", "/etc/ssl/site/", s.dir+"/").Replace(text)
	name := filepath.Join(dir, "nginx.conf")
	must(t, os.WriteFile(name, []byte(text), 0o600))
	run(t, port, func() { f(port) }, nginx, "-c", name, "-e", "stderr", "-p", dir)
}
