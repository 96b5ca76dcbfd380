package wire

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/audit/check"
)

var methodsRules = check.Rules{
	{ID: "methods/write", Title: "anybody can write or delete by HTTP method alone", Severity: check.High, CWE: 650, ASVS: []string{"4.1.4"},
		Why: "A server that stores what PUT sends to any path lets a stranger place a page of their own.",
		Bad: "PUT /anything.html → 201 Created", Good: "PUT /anything.html → 404 or 405"},
	{ID: "methods/unknown", Title: "a method that nobody implements is answered like GET", Severity: check.Info, CWE: 650, ASVS: []string{"4.1.4"},
		Why: "A check that names methods is walked around by one that it does not name.",
		Bad: "app.all('/admin', page)", Good: "app.get('/admin', page)"},
}

var methodsCheck = check.Check{
	ID: "methods", Practice: "errors", Title: "Methods are answered by those routes that mean them",
	Why:      "What is reachable by a method that nobody thought of is protected by nobody.",
	Severity: check.Medium, Needs: check.Wire, Alone: true, Rules: methodsRules, Run: runMethods,
	Probes: "PUT, DELETE and PATCH of /panoply-audit-probe/file.txt, a path that should not exist; what PUT may have stored there is deleted again",
	Bad:    "app.all('*', (req, res) => res.send(page))",
	Good:   "app.get('/', (req, res) => res.send(page))",
}

// marker is a path that no app has, and that says who asked.
const (
	marker     = "/panoply-audit-probe/file.txt"
	markerBody = "written by panoply audit; safe to delete\n"
)

func runMethods(ctx context.Context, s *check.Session) check.Result {
	root := s.URL.RequestURI()
	all, err := fetch(ctx, s, check.Request{Path: root}, check.Request{Path: root, Method: "PANOPLY"})
	if len(all) < 2 {
		return check.NotProven(fmt.Sprintf("the methods could not be tried: %v", err))
	}
	var found []check.Finding
	plain, odd := all[0], all[1]
	if plain.Status == http.StatusOK && odd.Status == http.StatusOK && len(odd.Body) > 0 && bytes.Equal(plain.Body, odd.Body) {
		found = append(found, methodsRules.Find("methods/unknown", "PANOPLY", odd.Evidence("Allow")).Saying("the method PANOPLY is answered like GET"))
	}
	if !s.Active {
		return check.Conclude("GET and a method that nobody implements; PUT, DELETE and PATCH are tried by active audits only", found)
	}
	written, err := writes(ctx, s)
	found = append(found, written...)
	if err != nil {
		return check.NotProven(err.Error(), found...)
	}
	return check.Conclude("GET, a method that nobody implements, and PUT, DELETE and PATCH of a path that does not exist", found)
}

// writes sends PUT, DELETE and PATCH to a path that should not exist. What PUT stored is
// looked for and deleted again.
func writes(ctx context.Context, s *check.Session) ([]check.Finding, error) {
	before, err := s.Wire.Do(ctx, check.Request{Path: marker})
	if err != nil {
		return nil, err
	}
	var said []*check.Exchange
	for _, method := range []string{http.MethodPut, http.MethodPatch} {
		x, err := s.Wire.Do(ctx, check.Request{Method: method, Path: marker, Headers: "Content-Type: text/plain", Body: markerBody, Active: true})
		if err != nil {
			return nil, err
		}
		said = append(said, x)
	}
	after, err := s.Wire.Do(ctx, check.Request{Path: marker, Turn: 1})
	if err != nil {
		return nil, err
	}
	gone, err := s.Wire.Do(ctx, check.Request{Method: http.MethodDelete, Path: marker, Active: true})
	if err != nil {
		return nil, err
	}
	stored := bytes.Contains(after.Body, []byte(strings.TrimSpace(markerBody))) && !bytes.Contains(before.Body, []byte(strings.TrimSpace(markerBody)))
	created := slices.IndexFunc(said, func(x *check.Exchange) bool { return x.Status == http.StatusCreated })
	switch {
	case stored:
		e := after.Evidence("Content-Type")
		return []check.Finding{methodsRules.Find("methods/write", "PUT", said[0].Evidence("Location"), e, gone.Evidence()).
			Saying("PUT stored a file that GET returned")}, nil
	case created >= 0:
		x := said[created]
		return []check.Finding{methodsRules.Find("methods/write", x.Request.Method, x.Evidence("Location")).With(check.Firm).
			Saying("%s of a path that does not exist is answered with 201 Created", x.Request.Method)}, nil
	}
	return nil, nil
}
