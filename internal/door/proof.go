package door

import (
	"fmt"
	"net/http"

	"github.com/panoplysec/panoply/clientip"
	"github.com/panoplysec/panoply/internal/config"
	"github.com/panoplysec/panoply/internal/proof"
)

// auditKey is the key with which the door proves to an audit whose it is: the file
// named, or one of its own in the state folder.
func auditKey(cfg *config.Config, stateDir string) ([]byte, error) {
	read := proof.ReadKey
	name := cfg.Audit.Key
	if name == "" {
		read, name = proof.OpenKey, stateDir
	}
	key, err := read(name)
	if err != nil {
		return nil, fmt.Errorf("door: audit.key: %w", err)
	}
	return key, nil
}

// proof answers whoever asks for the proof of control. The host has been judged by
// sanity before, so it is one of the door's own. A site in production answers no: the
// probes that would follow are not for it.
func (d *Door) proof(w http.ResponseWriter, r *http.Request) {
	g := requestOf(r.Context()).g
	nonce, ok := proof.Nonce(r)
	switch {
	case r.Method != http.MethodGet:
		w.Header().Set("Allow", http.MethodGet)
		g.guards.conceal.Page(w, r, http.StatusMethodNotAllowed)
	case g.cfg.Audit.Production:
		g.guards.conceal.Page(w, r, http.StatusForbidden)
	case !ok:
		g.guards.conceal.Page(w, r, http.StatusBadRequest)
	default:
		client := clientip.Of(r)
		host, port, ok := splitHost(client.Host)
		if !ok {
			g.guards.conceal.Page(w, r, http.StatusBadRequest)
			return
		}
		if port == "" {
			port = map[string]string{"http": "80", "https": "443"}[client.Scheme]
		}
		proof.Write(w, g.auditKey, host, port, nonce)
	}
}
