package admin

import (
	"time"

	"github.com/panoplysec/panoply/internal/door/ledger"
)

// ReadyAfter is how many requests a guard must have observed before its silence means
// something.
const ReadyAfter = 100

// Status is what panoply status shows.
type Status struct {
	Version  string    `json:"version"` // of this structure: "1"
	Listen   []string  `json:"listen"`
	Ports    []string  `json:"ports"` // all that is listened on, plain and admin too
	Upstream string    `json:"upstream"`
	Since    time.Time `json:"since"`
	Requests uint64    `json:"requests"`
	Streams  int       `json:"streams"` // open WebSockets and event streams
	// Kind is what the application behind is taken for.
	Kind Kind `json:"kind"`
	// Problems are what the hard checks found; empty means ready.
	Problems []string      `json:"problems"`
	Hints    []string      `json:"hints,omitempty"`
	Guards   []GuardStatus `json:"guards"`
	// Upstreams are the applications, first the one for what no route names.
	Upstreams []UpstreamStatus `json:"upstreams,omitempty"`
	// Reports counts the CSP reports by directive.
	Reports map[string]uint64 `json:"csp_reports,omitempty"`
}

// Kind is what an application is taken for, which decides the form of the door's own pages.
type Kind struct {
	Kind string `json:"kind"` // auto, pages, spa or api
	// By is "configuration", "found" or "default"; Why says what was found.
	By  string `json:"by"`
	Why string `json:"why,omitempty"`
}

// UpstreamStatus is one application at its addresses.
type UpstreamStatus struct {
	Name    string `json:"name"`
	Balance string `json:"balance"`
	// Repeated counts requests sent to a second address, since the last reload.
	Repeated uint64         `json:"repeated"`
	Members  []MemberStatus `json:"members"`
}

// MemberStatus is one address. The counts are since the door's start.
type MemberStatus struct {
	Address string `json:"address"`
	// Up tells that requests go there; Why, why not: lost, slow, down, or several.
	Up       bool   `json:"up"`
	Why      string `json:"why,omitempty"`
	InFlight int64  `json:"in_flight"`
	Requests uint64 `json:"requests"`
	Failures uint64 `json:"failures"`
}

// GuardStatus is one guard: what it saw and did, and whether it could enforce.
type GuardStatus struct {
	ledger.Guard
	// Mode is what holds now; Configured what the configuration says.
	Mode       string `json:"mode"`
	Configured string `json:"configured"`
	// Ready tells that a guard which observes has seen enough and would have refused
	// nothing. Why says it in words.
	Ready bool   `json:"ready"`
	Why   string `json:"why"`
}

// Judge fills Ready and Why.
func (g *GuardStatus) Judge() {
	switch {
	case g.Mode == "off":
		g.Why = "off"
	case g.Mode == "enforce" && g.WouldDeny == 0 && g.WouldMend == 0:
		g.Ready, g.Why = true, "enforces"
	case g.Mode == "enforce":
		g.Ready, g.Why = true, "enforces; some rules only observe"
	case g.WouldDeny > 0:
		g.Why = "would have blocked; look at the examples"
	case g.Seen < ReadyAfter:
		g.Why = "has seen too little"
	default:
		g.Ready, g.Why = true, "ready to enforce"
	}
}

// An Order is what the socket takes for POST /switch.
type Order struct {
	Guard string `json:"guard"`
	// Mode is off, observe, enforce, or on: what the configuration says.
	Mode string `json:"mode"`
}

// A CookieOrder is what the socket takes for POST /cookies.
type CookieOrder struct {
	// Restore gives session cookies the application's own names back; false renames
	// them again.
	Restore bool `json:"restore"`
}
