// Package exceptions makes the narrowest exception that lets one refused request pass, for a
// time.
//
//	e, err := exceptions.For(refusal, time.Now().Add(7*24*time.Hour), know)
//
// It is for one route, and for one origin (csrf) or one client's network (login); never for a
// site, and never for longer than [Longest]. An exception that is over is over: it expires into
// safety. What has no such narrow exception is refused, with what to do in its place.
//
// What cookies do on a route can be forged by the origin that it lets in, which is why one of
// csrf wants to be known.
package exceptions

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/panoplysec/panoply/clientip"
	"github.com/panoplysec/panoply/csrf"
	"github.com/panoplysec/panoply/internal/door/crosssite"
	"github.com/panoplysec/panoply/internal/door/refusals"
)

const (
	// Longest is the longest life of an exception.
	Longest = 30 * 24 * time.Hour
	// Max is how many there may be.
	Max = 64
)

// The guards that know exceptions.
const (
	CSRF  = "csrf"
	Login = "login"
)

// An Exception lets requests like one that was refused pass.
type Exception struct {
	// ID is that of the request, as far as it is needed to tell exceptions apart.
	ID    string `json:"id"`
	Guard string `json:"guard"`
	Rule  string `json:"rule"`
	// Route is one method and one path.
	Route string `json:"route"`
	// Origin is from where it may come, for CSRF.
	Origin string `json:"origin,omitempty"`
	// Client is whose it is, for Login: an address, or the /64 of one.
	Client string    `json:"client,omitempty"`
	Made   time.Time `json:"made"`
	Until  time.Time `json:"until"`
}

// Live tells whether the exception still holds.
func (e *Exception) Live(now time.Time) bool { return now.Before(e.Until) }

// String says what is let pass.
func (e *Exception) String() string {
	switch e.Guard {
	case CSRF:
		return fmt.Sprintf("%s from %s", e.Route, e.Origin)
	case Login:
		return fmt.Sprintf("%s by %s, without a count of failures", e.Route, e.Client)
	}
	return e.Route
}

// Matches tells whether a request by a client is one that a Login exception is for.
func (e *Exception) Matches(method, path string, client netip.Addr) bool {
	network, err := netip.ParsePrefix(e.Client)
	return err == nil && e.Route == method+" "+path && network.Contains(client)
}

// ErrKnow says that an exception lets an origin do what the visitor's cookies can.
var ErrKnow = errors.New("whatever the visitor's cookies may do on this route, that origin may do then; say that you know: --i-know")

// idLen is how many digits of a request's id name its exception.
const idLen = 12

// For makes the exception for a refusal, or says why there is none.
func For(r refusals.Refusal, now, until time.Time, know bool) (Exception, error) {
	e := Exception{ID: r.ID[:min(len(r.ID), idLen)], Guard: r.Guard, Rule: r.Rule, Made: now.UTC().Truncate(time.Second), Until: until.UTC().Truncate(time.Second)}
	switch {
	case !until.After(now):
		return e, errors.New("the end lies in the past")
	case until.Sub(now) > Longest+time.Minute:
		return e, fmt.Errorf("an exception lasts 30 days at most; what is meant to stay belongs into panoply.yaml")
	}
	path, _, _ := strings.Cut(r.Path, "?")
	if strings.Contains(path, "…") || strings.ContainsAny(path, "?{}") {
		return e, errors.New("the path is too long or odd for an exception")
	}
	e.Route = r.Method + " " + path
	switch r.Guard {
	case CSRF:
		return e, forCSRF(&e, r, know)
	case Login:
		addr, err := netip.ParseAddr(r.Client)
		if err != nil {
			return e, errors.New("the client's address is not known")
		}
		_, network := clientip.Network(addr)
		e.Client = network.String()
		return e, nil
	case "bounds":
		return e, errors.New("the bounds section of panoply.yaml has the limit: there is no exception for one request")
	case "shields":
		return e, errors.New("shields of panoply.yaml says which requests: narrow it there by routes, only or another condition, or let it observe")
	case "sanity":
		return e, errors.New("no correct client sends this, so there is no exception; a host of yours belongs into sites")
	case "":
		return e, errors.New("it was not refused: the application, or the way to it, failed")
	}
	return e, fmt.Errorf("the guard %s knows no exceptions; panoply off %s takes it out of the way", r.Guard, r.Guard)
}

func forCSRF(e *Exception, r refusals.Refusal, know bool) error {
	switch r.Rule {
	case csrf.RuleCrossSite, csrf.RuleSameSite, csrf.RuleForeignOrigin, csrf.RuleForeignReferer, csrf.RuleWebSocket, crosssite.RuleLogin:
	default:
		return fmt.Errorf("there is no narrow exception for the rule %s; panoply csrf shows the line for panoply.yaml, where there is one", r.Rule)
	}
	if clean, why := csrf.CleanOrigin(r.From); clean != r.From || clean == "" {
		return fmt.Errorf("no origin can be let pass for it: it came from %q (%s)", r.From, why)
	}
	e.Origin = r.From
	if _, err := csrf.New(csrf.Options{Routes: []csrf.Route{e.CSRFRoute()}}); err != nil {
		return fmt.Errorf("the path may be read in two ways, so nothing can be let pass there: %w", err)
	}
	if !know {
		return ErrKnow
	}
	return nil
}

// CSRFRoute is a CSRF exception as package csrf has it.
func (e *Exception) CSRFRoute() csrf.Route {
	route := e.Route
	if strings.HasSuffix(route, "/") {
		route += "{$}" // this path, and not all below it
	}
	return csrf.Route{Pattern: route, TrustedOrigins: []string{e.Origin}}
}
