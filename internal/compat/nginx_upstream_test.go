package compat_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/internal/config"
)

// nginxUpstream speaks HTTP/2 and HTTP/1.1 over TLS, and says what it saw.
const nginxUpstream = `daemon off;
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
  server {
    listen 127.0.0.1:%[2]d ssl http2;
    ssl_certificate %[1]s/cert.pem;
    ssl_certificate_key %[1]s/key.pem;
    client_max_body_size 0;
    # What was uploaded goes to the port of nobody, so that it is read to its end first.
    location /upload { proxy_pass http://127.0.0.1:%[3]d; }
    location / { return 200 "$server_protocol $ssl_server_name $http_x_forwarded_proto $request_uri"; }
  }
}
`

// TestNginxBehindTheDoor: the door verifies a real nginx over https, speaks HTTP/2 to it, and
// takes no other name for it.
func TestNginxBehindTheDoor(t *testing.T) {
	port, root := startNginx(t, nginxUpstream, 1)
	run := func(name string) *http.Response {
		t.Helper()
		cfg := configFor(t, port)
		u := config.DefaultUpstream()
		u.Name, u.To = "web", []string{fmt.Sprintf("https://127.0.0.1:%d", port)}
		u.TLS = config.UpstreamTLS{CA: root, Name: name}
		cfg.Upstream, cfg.Upstreams = "web", []config.Upstream{u}
		openDoor(t, cfg)
		client, base := doorClient(t, cfg).client, "https://"+cfg.Listen
		res, err := client.Get(base + "/a%2Fb?c")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { res.Body.Close() })
		if res.StatusCode == 200 {
			up, err := client.Post(base+"/upload", "application/octet-stream", io.LimitReader(zeros{}, 5<<20))
			if err != nil {
				t.Fatal(err)
			}
			up.Body.Close()
			if up.StatusCode != 502 {
				t.Errorf("POST /upload = %d, want nginx's 502 from nobody behind it", up.StatusCode)
			}
		}
		return res
	}
	res := run("app.localhost")
	body, _ := io.ReadAll(res.Body)
	if want := "HTTP/2.0 app.localhost https /a%2Fb?c"; string(body) != want {
		t.Errorf("nginx saw %q, want %q", body, want)
	}
	res = run("other.localhost")
	if body, _ := io.ReadAll(res.Body); res.StatusCode != 502 || strings.Contains(string(body), "HTTP/2.0") {
		t.Errorf("an nginx of another name = %d %q, want 502", res.StatusCode, body)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }
