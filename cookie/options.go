package cookie

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/panoplysec/panoply/guard"
)

// DefaultMigrate is how long an application's own cookie name is still accepted.
const DefaultMigrate = 7 * 24 * time.Hour

// MaxNames is how many names a guard renames at most. Further session cookies keep
// their names, and that is told.
const MaxNames = 64

// minKey is the least length of Rename.Key: 128 bits.
const minKey = 16

// maxNameLen bounds the cookie names that are renamed, so that what is kept stays small.
const maxNameLen = 128

// Options configure a Guard. The zero value mends every cookie and renames none, for
// want of a key.
type Options struct {
	// Mode: Enforce (the zero value), Observe tells what it would have done and changes
	// nothing, Off does nothing. Rename.Restore works in every mode.
	Mode guard.Mode
	// Sink receives the events; nil means guard.Log. Events carry the names of cookies,
	// never their values.
	Sink guard.Sink
	// Session names the application's session cookies that no shape gives away. They
	// get HttpOnly. Case-sensitive, as cookie names are.
	Session []string
	// Script names cookies that scripts read: they never get HttpOnly nor a new name.
	// Names that hold "csrf" or "xsrf" count as such unless Session says otherwise.
	Script []string
	// CrossSite names cookies that must come along when another site posts a form here,
	// as the state of an older SAML login does: SameSite stays as the application set
	// it. Without SameSite browsers send such a cookie across sites for its first two
	// minutes; with an explicit Lax they do not. SameSite=None is the application's mend.
	CrossSite []string
	// Rename says how session cookies get their new names.
	Rename Rename
	// Seen is what an earlier guard of the same upstream knew, from its Seen method. Of
	// a name missing here, clients that hold the renamed cookie are logged out until
	// the application sets it again. At most MaxNames.
	Seen []Seen
	// OnSeen is called with what Seen would return whenever that has changed, so that
	// it can be kept over a restart. One call at a time, on the goroutine of a request
	// whose answer waits for it; it must not call the guard. Nil: nothing is called.
	OnSeen func([]Seen)
}

// Rename configures the names of session cookies.
type Rename struct {
	// Off leaves every name as the application gave it.
	Off bool
	// Key is the secret from which the new names are made, 16 bytes or more, and must
	// outlive the process: with another key every client is logged out. Empty means
	// that nothing is renamed.
	Key []byte
	// Shared says that other guards have the same Key and Site, for the same upstream. Then
	// a client may bring a name that one of them made of a cookie which this guard has not
	// seen yet; those of Options.Session and of frameworks are recognised, others only once
	// the upstream has set them here.
	Shared bool
	// Site keeps two doors on one host apart, since cookie jars ignore ports: host and
	// port of the site, such as "localhost:8443". Required with a Key.
	Site string
	// Migrate is how long, from the day a name was first renamed, the application's own
	// name is still accepted from a client that has no new one. Zero means
	// DefaultMigrate; negative accepts it never, which logs out whoever is logged in.
	Migrate time.Duration
	// Restore undoes the renaming: a renamed cookie that comes in is handed back under
	// the application's own name and deleted, and nothing is renamed any more. It needs
	// Key, Site and Seen, and is meant to run for as long as Migrate did.
	Restore bool
}

// Seen is what a guard remembers of one session cookie that its upstream set. It holds
// nothing of any client and can be kept in a file.
type Seen struct {
	// Name is the application's own name.
	Name string `json:"name"`
	// Since is when the name was first renamed; Migrate counts from it. Zero, as while
	// restoring, means from the next time that a guard renames.
	Since time.Time `json:"since,omitzero"`
	// SameSite, Lifetime and Partitioned are those of the last cookie set; a client's
	// cookie gets them when it changes names, since a request does not carry them.
	// Lifetime zero is the browser's session. SameSite empty is Lax.
	SameSite    string        `json:"same_site,omitempty"`
	Lifetime    time.Duration `json:"lifetime,omitempty"`
	Partitioned bool          `json:"partitioned,omitempty"`
	// Kept says that the upstream was also seen setting this name with a Domain or for
	// another Path, so that it must keep its name.
	Kept bool `json:"kept,omitempty"`
	// Guessed says that the name is known from a client that had it from another guard, so
	// that SameSite, Lifetime and Partitioned are not known; see Rename.Shared.
	Guessed bool `json:"guessed,omitempty"`
}

// Effective returns the options with every default filled in, as New will use them.
func (o Options) Effective() Options {
	if o.Rename.Migrate == 0 {
		o.Rename.Migrate = DefaultMigrate
	}
	if len(o.Rename.Key) == 0 {
		o.Rename.Off = true
	}
	if o.Rename.Off {
		o.Rename.Restore = false
	}
	o.Session, o.Script, o.CrossSite = slices.Clone(o.Session), slices.Clone(o.Script), slices.Clone(o.CrossSite)
	o.Seen = slices.Clone(o.Seen)
	o.Rename.Key = slices.Clone(o.Rename.Key)
	return o
}

// problems returns every problem of o, joined.
func (o Options) problems() error {
	p := guard.Problems{Package: "cookie"}
	if o.Mode > guard.Off {
		p.Add("Mode", o.Mode.String(), "enforce, observe or off", "")
	}
	checkNames(&p, "Session", o.Session)
	checkNames(&p, "Script", o.Script)
	checkNames(&p, "CrossSite", o.CrossSite)
	for i, name := range o.Script {
		if slices.Contains(o.Session, name) {
			p.Add(fmt.Sprintf("Script[%d]", i), name, "a name that Session does not hold",
				"a session cookie must not be readable by scripts")
		}
	}
	o.Rename.problems(&p)
	if len(o.Seen) > MaxNames {
		p.Add("Seen", strconv.Itoa(len(o.Seen))+" names", fmt.Sprintf("at most %d", MaxNames), "")
	}
	known := map[string]bool{}
	for i, s := range o.Seen {
		field := fmt.Sprintf("Seen[%d]", i)
		switch {
		case !validName(s.Name) || len(s.Name) > maxNameLen || hasPrefixName(s.Name):
			p.Add(field+".Name", s.Name, fmt.Sprintf("a cookie name of at most %d bytes without a prefix", maxNameLen), "")
		case known[s.Name]:
			p.Add(field+".Name", s.Name, "named once", "")
		}
		known[s.Name] = true
		if s.SameSite != "" && canonicalSameSite(s.SameSite) != s.SameSite {
			p.Add(field+".SameSite", s.SameSite, "Lax, Strict or None", "")
		}
		if s.Lifetime < 0 {
			p.Add(field+".Lifetime", s.Lifetime.String(), "zero or more", "")
		}
	}
	return p.Err()
}

func checkNames(p *guard.Problems, field string, names []string) {
	for i, name := range names {
		if !validName(name) {
			p.Add(fmt.Sprintf("%s[%d]", field, i), name, "a cookie name", "")
		}
	}
}

func (r Rename) problems(p *guard.Problems) {
	if n := len(r.Key); n > 0 && n < minKey {
		p.Add("Rename.Key", strconv.Itoa(n)+" bytes", fmt.Sprintf("%d bytes or more", minKey), "")
	}
	if r.Off {
		if r.Restore {
			p.Add("Rename.Restore", "true", "false while Off is true", "leave Off out: Restore itself renames nothing")
		}
		return
	}
	switch {
	case len(r.Key) > 0 && r.Site == "":
		p.Add("Rename.Site", "", "host and port of the site", "two doors on one host share a cookie jar")
	case hasControl(r.Site):
		p.Add("Rename.Site", r.Site, "host and port of the site", "")
	}
	if r.Restore && len(r.Key) == 0 {
		p.Add("Rename.Restore", "true", "false without a Key", "give the key that made the names")
	}
}

// validName tells whether a name can be written and read back.
func validName(name string) bool { return name != "" && fits(name, "") }

// canonicalSameSite returns the attribute's value in its usual spelling, or "" when
// browsers do not know it.
func canonicalSameSite(v string) string {
	for _, known := range [...]string{"Lax", "Strict", "None"} {
		if strings.EqualFold(v, known) {
			return known
		}
	}
	return ""
}
