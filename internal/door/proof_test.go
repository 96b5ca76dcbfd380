package door_test

import (
	"net/http"
	"testing"

	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/proof"
)

func TestProofOfControl(t *testing.T) {
	asked := false
	app := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { asked = asked || r.URL.Path == proof.Path })
	h := build(t, app, nil)
	key, err := proof.ReadKey(proof.KeyFile(h.cfg.State))
	if err != nil {
		t.Fatal(err)
	}
	nonce := proof.NewNonce()
	for _, tt := range []struct {
		name, query, method string
		want                int
	}{
		{"right", "?nonce=" + nonce, "GET", 200},
		{"no nonce", "", "GET", 400},
		{"chosen by a stranger", "?nonce=admin", "GET", 400},
		{"more than the nonce", "?nonce=" + nonce + "&x=1", "GET", 400},
		{"another method", "?nonce=" + nonce, "POST", 405},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req, err := http.NewRequest(tt.method, h.url(proof.Path+tt.query), nil)
			if err != nil {
				t.Fatal(err)
			}
			res, body := h.do(req)
			if res.StatusCode != tt.want {
				t.Errorf("status = %d, want %d", res.StatusCode, tt.want)
			}
			if want := proof.Answer(key, "localhost", h.port(), nonce); tt.want == 200 && body != want {
				t.Errorf("body = %q, want %q", body, want)
			}
		})
	}
	if asked {
		t.Error("the application was asked for the door's own address")
	}
}

func TestProductionRefusesTheProof(t *testing.T) {
	h := build(t, http.NotFoundHandler(), func(cfg *config.Config) { cfg.Audit.Production = true })
	res, _ := h.get(proof.Path + "?nonce=" + proof.NewNonce())
	if res.StatusCode != http.StatusForbidden {
		t.Errorf("status = %d, want 403: a site in production is not to be probed", res.StatusCode)
	}
}
