package mirror_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/panoplysec/panoply/internal/osv/mirror"
)

// The proxy of the environment is asked for the source. Which it is, is read once in a
// process, so this takes another one.
func TestProxyOfTheEnvironment(t *testing.T) {
	if dir := os.Getenv("MIRROR_TEST_PROXIED"); dir != "" {
		_, err := mirror.Update(context.Background(), mirror.Options{Dir: dir, Source: "https://mirror.invalid", Ecosystems: []string{"npm"}})
		if err == nil {
			t.Error("Update through a proxy that lets nothing through gives no error")
		}
		return
	}
	heard := make(chan string, 100)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		heard <- r.Method + " " + r.Host
		w.WriteHeader(http.StatusForbidden)
	}))
	defer proxy.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	child := exec.CommandContext(ctx, os.Args[0], "-test.run", "^TestProxyOfTheEnvironment$")
	for _, e := range os.Environ() {
		if name, _, _ := strings.Cut(e, "="); !strings.HasSuffix(strings.ToLower(name), "_proxy") {
			child.Env = append(child.Env, e)
		}
	}
	child.Env = append(child.Env, "MIRROR_TEST_PROXIED="+t.TempDir(), "HTTPS_PROXY="+proxy.URL)
	if out, err := child.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	select {
	case got := <-heard:
		if got != "CONNECT mirror.invalid:443" {
			t.Errorf("the proxy heard %q", got)
		}
	default:
		t.Error("the proxy was not asked")
	}
}
