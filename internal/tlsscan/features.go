package tlsscan

import (
	"encoding/json"
	"slices"
)

// MarshalJSON writes an age of 0 where no page came, as where a page came without one:
// which of the two it is says the member page.
func (f Features) MarshalJSON() ([]byte, error) {
	type plain Features
	age := 0
	if f.HSTS != nil {
		age = *f.HSTS
	}
	return json.Marshal(struct {
		plain
		Age  int  `json:"hsts"`
		Page bool `json:"page"`
	}{plain(f), age, f.HSTS != nil})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (f *Features) UnmarshalJSON(text []byte) error {
	type plain Features
	page := struct {
		*plain
		Page bool `json:"page"`
	}{plain: (*plain)(f)}
	if err := json.Unmarshal(text, &page); err != nil {
		return err
	}
	if !page.Page {
		f.HSTS = nil
	}
	return nil
}

// choices are the protocols between which a client can choose. HTTP/1.1 is what every
// client speaks without asking, and its predecessors come with it: a server that has
// nothing else leaves no choice.
func choices(accepted []string) []string {
	out := []string{}
	for _, p := range accepted {
		if p != "http/1.0" && p != "http/0.9" {
			out = append(out, p)
		}
	}
	if slices.Equal(out, []string{"http/1.1"}) {
		return []string{}
	}
	return out
}

// ended notes how a whole handshake ended that this project computes. What a server
// refuses to finish for want of a certificate of ours is no breach of its word.
func (s *scan) ended(finished bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept = s.kept || finished
	s.broken = s.broken || !finished
}

// unkept takes back what a first flight only promised, when every handshake was then
// broken off: features are what a finished connection has.
func (s *scan) unkept() {
	if !s.broken || s.kept {
		return
	}
	const why = "the server breaks off every handshake after its first flight"
	if s.findings["tls.no-fallback-scsv"] != "" {
		delete(s.findings, "tls.no-fallback-scsv")
		s.skip("tls.no-fallback-scsv", why)
	}
	s.skip("features", why)
	s.features = Features{Staple: s.features.Staple, Heartbeat: s.features.Heartbeat}
}
