package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLogin(t *testing.T) {
	dir := t.TempDir()
	secret, short := filepath.Join(dir, "secret"), filepath.Join(dir, "short")
	for name, text := range map[string]string{secret: "0123456789abcdef\n", short: "no"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	good := `login:
  auto: on
  routes:
    - route: POST /login
      success: {status: [302], location: /home}
    - {route: POST /api/*, user: mail, observe: true}
limits: {redis: ["127.0.0.1:6379"], instances: 3, secret: ` + secret + `}
`
	cfg, problems := load(t, good, nil)
	if problems != "" {
		t.Fatal(problems)
	}
	routes := cfg.Login.ShieldRoutes()
	if len(routes) != 2 || routes[0].Success.Status[0] != 302 || routes[1].User != "mail" || !routes[1].Observe {
		t.Errorf("ShieldRoutes = %+v", routes)
	}
	again, problems := load(t, string(cfg.YAML()), nil)
	if problems != "" || len(again.Login.Routes) != 2 || again.Login.Routes[0].Success.Location != "/home" {
		t.Errorf("what YAML writes reads as %+v, %v", again, problems)
	}

	bad := `login:
  find: off
  auto: on
  routes: [{route: login}, {route: POST /ok, success: {status: [7]}}]
limits: {instances: 0, redis_tls: maybe, redis_user: x, secret: ` + short + `}
`
	_, problems = load(t, bad, nil)
	for _, want := range []string{"login.auto", "login.routes[0]", "login.routes[1]", "limits.instances", "limits.redis_tls", "limits.redis:", "limits.secret"} {
		if !strings.Contains(problems, want) {
			t.Errorf("problems = %s, want one with %s", problems, want)
		}
	}

	redis := `limits:
  redis: ["redis://127.0.0.1:6379", "127.0.0.1", "[::1]:6379", ":6379", "127.0.0.1:70000", /run/redis.sock]
  redis_user: x
  secret: ` + secret + `
`
	_, problems = load(t, redis, nil)
	for _, want := range []string{"redis[0]", "redis[1]", "redis[3]", "redis[4]", "redis[5]", "limits.redis_password"} {
		if !strings.Contains(problems, want) {
			t.Errorf("problems = %s, want one with %s", problems, want)
		}
	}
	if strings.Contains(problems, "redis[2]") {
		t.Errorf("problems = %s, want none with redis[2]", problems)
	}
}
