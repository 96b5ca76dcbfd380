package compat_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/panoplysec/panoply/certs"
	"github.com/panoplysec/panoply/internal/need"
)

// nginxConfig ends TLS and hands on with another Host, as many do, and with what a proxy
// should say of the client.
const nginxConfig = `daemon off;
master_process off;
pid %[1]s/pid;
error_log stderr error;
events {}
http {
  access_log off;
  client_body_temp_path %[1]s/body;
  proxy_temp_path %[1]s/proxy;
  fastcgi_temp_path %[1]s/fastcgi;
  uwsgi_temp_path %[1]s/uwsgi;
  scgi_temp_path %[1]s/scgi;
  map $http_upgrade $connection_upgrade { default upgrade; '' close; }
  server {
    listen 127.0.0.1:%[2]d ssl;
    ssl_certificate %[1]s/cert.pem;
    ssl_certificate_key %[1]s/key.pem;
    location / {
      proxy_pass https://127.0.0.1:%[3]d;
      proxy_http_version 1.1;
      proxy_ssl_server_name on;
      proxy_ssl_name app.localhost;
      proxy_set_header Host inner.localhost;
      proxy_set_header X-Forwarded-Host $http_host;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
    }
  }
}
`

// nginx starts a real one before the door at a port, and returns its own.
func nginx(t *testing.T, door int) int {
	t.Helper()
	port, _ := startNginx(t, nginxConfig, door)
	return port
}

// startNginx starts one whose configuration is given its folder, its port and another. Root
// is the file of the authority that signs its certificate, which is for app.localhost.
func startNginx(t *testing.T, config string, other int) (port int, root string) {
	t.Helper()
	program := need.Program(t, "nginx", "/usr/sbin/nginx")
	dir := t.TempDir()
	ca, err := certs.OpenLocalCA(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	cert, err := ca.GetCertificate(&tls.ClientHelloInfo{ServerName: "app.localhost"})
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	port = need.Port(t)
	for name, text := range map[string][]byte{
		"cert.pem":   pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]}),
		"key.pem":    pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}),
		"nginx.conf": fmt.Appendf(nil, config, dir, port, other),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	said := &noise{}
	cmd := exec.Command(program, "-p", dir, "-c", filepath.Join(dir, "nginx.conf"))
	cmd.Stderr = said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		if c, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			c.Close()
			return port, ca.RootFile()
		}
		if time.Now().After(end) {
			t.Fatalf("nginx does not answer: %s", said)
		}
	}
}
