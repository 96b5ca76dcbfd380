package proxy

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/panoplysec/panoply/bench/internal/proc"
)

// names and values of the headers that each proxy sets.
var headers = [][2]string{
	{"Content-Security-Policy", "object-src 'none';base-uri 'self';frame-ancestors 'self'"},
	{"Cross-Origin-Opener-Policy", "same-origin"},
	{"Cross-Origin-Resource-Policy", "same-origin"},
	{"Origin-Agent-Cluster", "?1"},
	{"Referrer-Policy", "strict-origin-when-cross-origin"},
	{"Strict-Transport-Security", "max-age=31536000; includeSubDomains"},
	{"X-Content-Type-Options", "nosniff"},
	{"X-DNS-Prefetch-Control", "off"},
	{"X-Download-Options", "noopen"},
	{"X-Frame-Options", "SAMEORIGIN"},
	{"X-Permitted-Cross-Domain-Policies", "none"},
	{"X-XSS-Protection", "0"},
}

// Nginx runs nginx as a proxy with as many workers as there are processors, kept
// connections to the upstream, and a buffered access log.
func Nginx(dir, upstream, cert, key string) (*Proxy, error) {
	addr := proc.FreeAddr()
	_, port, _ := splitPort(addr)
	var add strings.Builder
	for _, h := range headers {
		fmt.Fprintf(&add, "\t\tadd_header %s %q always;\n", h[0], h[1])
	}
	text := fmt.Sprintf(`worker_processes auto;
pid %[1]s/nginx.pid;
error_log %[1]s/error.log;
events { worker_connections 4096; }
http {
	access_log %[1]s/access.log combined buffer=64k flush=1s;
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
	keepalive_requests 100000000;
	server_tokens off;
	upstream app { server %[2]s; keepalive 64; keepalive_requests 100000000; }
	server {
		listen 127.0.0.1:%[3]s ssl http2;
		server_name localhost;
		ssl_certificate %[4]s;
		ssl_certificate_key %[5]s;
		ssl_protocols TLSv1.2 TLSv1.3;
%[6]s		location / {
			proxy_pass http://app;
			proxy_http_version 1.1;
			proxy_set_header Connection "";
			proxy_set_header Host $http_host;
			proxy_set_header X-Forwarded-For $remote_addr;
			proxy_set_header X-Forwarded-Proto $scheme;
			proxy_set_header X-Forwarded-Host $http_host;
			proxy_hide_header X-Powered-By;
		}
	}
}
`, dir, upstream, port, cert, key, add.String())
	p, err := runNginx("nginx", dir, addr, text)
	if err != nil {
		return nil, err
	}
	return &Proxy{Name: "nginx", Proc: p, URL: "https://localhost:" + port + "/"}, nil
}

// NginxUpstream answers with the JSON document answer, and with as little time as can be.
func NginxUpstream(dir, answer string) (*proc.Process, string, error) {
	addr := proc.FreeAddr()
	text := fmt.Sprintf(`worker_processes auto;
pid %[1]s/nginx.pid;
error_log %[1]s/error.log;
events { worker_connections 4096; }
http {
	access_log off;
	keepalive_requests 100000000;
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
	server {
		listen %[2]s;
		location / {
			default_type "application/json; charset=utf-8";
			add_header X-Powered-By Express;
			return 200 '%[3]s';
		}
	}
}
`, dir, addr, answer)
	p, err := runNginx("upstream", dir, addr, text)
	return p, addr, err
}

func runNginx(name, dir, addr, text string) (*proc.Process, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, err
	}
	return proc.Start(name, addr, nil, "nginx", "-c", file, "-e", filepath.Join(dir, "error.log"), "-g", "daemon off; user root;")
}
