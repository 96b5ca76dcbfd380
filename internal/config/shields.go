package config

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/shield"
)

// Shield stands before a known hole of the application until it is mended; see package
// shield. After its day it stays: what is over is the promise to mend the hole by then.
type Shield struct {
	// ID is the advisory's, such as CVE-2022-24999, or a name of your own.
	ID string `yaml:"id" doc:"name of the advisory, or one of your own" required:"yes"`
	// Reason says why the hole is not mended.
	Reason string `yaml:"reason" doc:"why the hole is not mended" required:"yes"`
	// Until is the day by which it is to be. The shield stays in force after it, and is told.
	Until string `yaml:"until" doc:"day by which the hole is to be mended, such as 2026-12-31; the shield stays after it" required:"yes"`
	// Mode is enforce (default), observe or off.
	Mode guard.Mode `yaml:"mode" doc:"enforce, observe or off"`
	// Routes are those that it is for: "POST /login", "/api/". Empty: all.
	Routes []string `yaml:"routes" doc:"methods and paths that it is for, such as POST /api/; empty: all"`
	// Only must all hold of the head of a request, for the shield to look at it.
	Only []Condition `yaml:"only" doc:"conditions that all hold of the requests it is for"`
	// Refuse is what is refused: one of them is enough.
	Refuse []Condition `yaml:"refuse" doc:"conditions of which one is enough to refuse" required:"yes"`
	// Look is how many bytes of a body are looked at; longer ones are refused where a
	// condition asks for them. Default 0: 1048576.
	Look int64 `yaml:"look" doc:"bytes of a body that are looked at, longer ones are refused; 0: 1048576"`
}

// Condition is one shield.Condition: what is set holds of one thing in the place.
type Condition struct {
	In        string `yaml:"in" doc:"place" enum:"path,segment,header,cookie,field,query,form,json,multipart,file,part,body" required:"yes"`
	Name      string `yaml:"name" doc:"name of the header, cookie or field (a.b: b within a; .a: an outermost a), with * for any text"`
	Matches   string `yaml:"matches" doc:"expression (RE2) that the value has"`
	Unlike    string `yaml:"unlike" doc:"expression (RE2) that the value has not"`
	Longer    int64  `yaml:"longer" doc:"bytes that the value is longer than"`
	More      int64  `yaml:"more" doc:"number that there are more of"`
	Deeper    int64  `yaml:"deeper" doc:"levels that the field is nested deeper than"`
	Malformed bool   `yaml:"malformed" doc:"the body is not what its Content-Type says"`
}

// ShieldOptions are the shields as package shield takes them.
func (c *Config) ShieldOptions() []shield.Shield {
	all := make([]shield.Shield, len(c.Shields))
	for i := range c.Shields {
		s := &c.Shields[i]
		all[i] = shield.Shield{ID: s.ID, Mode: s.Mode, Routes: s.Routes, Only: conditionsOf(s.Only), Refuse: conditionsOf(s.Refuse), Look: s.Look}
	}
	return all
}

func conditionsOf(all []Condition) []shield.Condition {
	out := make([]shield.Condition, len(all))
	for i, c := range all {
		out[i] = shield.Condition(c)
	}
	return out
}

// shieldFields are the names of the fields of shield.Options in the file.
var shieldFields = regexp.MustCompile(`[A-Z][A-Za-z]*`)

func (k *checker) shields() {
	_, err := shield.New(shield.Options{Shields: k.cfg.ShieldOptions()})
	for _, e := range guard.OptionErrors(err) {
		k.bad(shieldFields.ReplaceAllStringFunc(e.Field, strings.ToLower), e.Value, shieldFields.ReplaceAllStringFunc(e.Allowed, func(s string) string {
			if s == "Shields" {
				return "shields"
			}
			return s
		}), e.Hint)
	}
	for i, s := range k.cfg.Shields {
		at := fmt.Sprintf("shields[%d]", i)
		if strings.TrimSpace(s.Reason) == "" {
			k.bad(at+".reason", s.Reason, "a reason", "")
		}
		if _, err := time.Parse(time.DateOnly, s.Until); err != nil {
			k.bad(at+".until", s.Until, "a day such as 2026-12-31", "")
		}
	}
}

// Overdue says whether the day of a shield has passed.
func (s *Shield) Overdue(now time.Time) bool {
	last, err := time.ParseInLocation(time.DateOnly, s.Until, now.Location())
	return err != nil || !now.Before(last.AddDate(0, 0, 1))
}

// OverdueShields are lines for a person about shields whose day has passed.
func (c *Config) OverdueShields(now time.Time) []string {
	var all []string
	for i := range c.Shields {
		if s := &c.Shields[i]; s.Overdue(now) {
			all = append(all, fmt.Sprintf("shields[%d] (%s): its day was %s; it stays in force, and the hole behind it is to be mended", i, s.ID, s.Until))
		}
	}
	return all
}
