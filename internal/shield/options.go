package shield

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/internal/sanity"
)

const (
	// DefaultLook is how many bytes of a body are looked at.
	DefaultLook = 1 << 20
	// MaxLook is the most that Look may be. While a body is judged, its request takes several
	// times as much memory as the body is long.
	MaxLook = 64 << 20
	// MaxShields is how many shields there may be.
	MaxShields = 64
	// MaxConditions is how many conditions Only and Refuse of a shield may have, each.
	MaxConditions = 32
	// maxExpression bounds the text of an expression, in bytes.
	maxExpression = 1000
)

// Options configures a Guard.
type Options struct {
	// Shields are tried in their order; the first that refuses answers. At most MaxShields.
	Shields []Shield
	// Mode holds for all of them: observe tells what would be refused, off does nothing.
	Mode guard.Mode
	// Sink takes what is told; nil is guard.Log. Deny answers; nil is guard.PlainDeny.
	Sink guard.Sink
	Deny guard.Deny
	// Converses tells requests whose body is half of a conversation: nobody may wait for
	// it, so it is not looked at. Nil is none.
	Converses func(*http.Request) bool
}

// A Shield stands before one hole.
type Shield struct {
	// ID is the name of the advisory, or one of your own. It is the rule of its events.
	ID string
	// Mode is enforce or observe; off takes this one away.
	Mode guard.Mode
	// Routes are those that it is for, as sanity.ParseRoute reads them. A request counts
	// that some server may take for one. Empty: all.
	Routes []string
	// Only must all hold. They are about the head of the request: path, segment, query,
	// header and cookie.
	Only []Condition
	// Refuse is what is refused: one that holds is enough. Required.
	Refuse []Condition
	// Look is how many bytes of a body are looked at, which is the longest body that can
	// be let pass. Zero is DefaultLook; from 1024 to MaxLook.
	Look int64
}

// A Condition says something of a place. What is set has to hold of one thing there.
type Condition struct {
	// In is the place, one of Places. Required.
	In string
	// Name is the name of a header (any case), a cookie, or a field: "a.b" or "a[b]" is b
	// within a, anywhere; with a dot in front a is an outermost one. * is any text.
	// Without other tests the condition holds where the name is there.
	Name string
	// Matches and Unlike are expressions (RE2) that the value has, or has not.
	Matches, Unlike string
	// Longer is a number of bytes that the value is longer than. Zero is not asked.
	Longer int64
	// More is a number that there are more of, of what the other tests hold for. Zero is
	// not asked.
	More int64
	// Deeper is a number of levels that a field is nested deeper than; a top-level name is
	// on the first. Zero is not asked.
	Deeper int64
	// Malformed holds for a body that is not what its Content-Type says.
	Malformed bool
}

// place is a set of places, since "field" is several.
type place uint16

const (
	inPath place = 1 << iota
	inSegment
	inHeader
	inCookie
	inQuery
	inForm
	inJSON
	inMultipart
	inFile
	inPart
	inBody

	inHead   = inPath | inSegment | inHeader | inCookie | inQuery
	inFields = inQuery | inForm | inJSON | inMultipart
	ofParts  = inMultipart | inFile | inPart
)

var places = []struct {
	name string
	is   place
}{
	{"path", inPath}, {"segment", inSegment}, {"header", inHeader}, {"cookie", inCookie},
	{"field", inFields}, {"query", inQuery}, {"form", inForm}, {"json", inJSON}, {"multipart", inMultipart},
	{"file", inFile}, {"part", inPart}, {"body", inBody},
}

// Places are the words that Condition.In may be.
func Places() []string {
	all := make([]string, len(places))
	for i, p := range places {
		all[i] = p.name
	}
	return all
}

// condition is a compiled Condition.
type condition struct {
	in              place
	text            string // for events; nothing of it is from a client
	header          string // canonical
	cookie          glob
	name            *pattern // of a field; nil for any
	matches, unlike *regexp.Regexp
	longer          int
	more, deeper    int
	malformed       bool
}

// shield is a compiled Shield.
type shield struct {
	id     string
	mode   guard.Mode
	routes []sanity.Route
	only   []*condition
	head   []*condition
	body   []*condition
	look   int64
	asks   place // of bodies
	// malformed is the first condition that asks for it.
	malformed *condition
	longest   int64 // of a body, where that alone is asked; -1 otherwise
}

// goodID is what an id may be: it becomes a rule, which is the label of a metric.
var goodID = regexp.MustCompile(`^[A-Za-z0-9@][A-Za-z0-9._:@/-]{0,99}$`)

// headerName is what the name of a header may be. With * it would be looked for as it stands.
var headerName = regexp.MustCompile("^[!#$%&'+.^_`|~0-9A-Za-z-]+$")

// New compiles the shields, or tells every problem at once.
func New(o Options) (*Guard, error) {
	p := guard.Problems{Package: "shield"}
	g := &Guard{o: o}
	if o.Deny == nil {
		g.o.Deny = guard.PlainDeny
	}
	if len(o.Shields) > MaxShields {
		p.Add("Shields", fmt.Sprint(len(o.Shields)), fmt.Sprintf("at most %d", MaxShields), "one shield may stand before several holes")
	}
	first := map[string]int{}
	for i := range o.Shields {
		s := &o.Shields[i]
		at := fmt.Sprintf("Shields[%d]", i)
		if !goodID.MatchString(s.ID) {
			p.Add(at+".ID", s.ID, "the name of an advisory, such as CVE-2022-24999, or one of your own in letters, digits and . _ : @ / -", "")
		} else if j, twice := first[s.ID]; twice {
			p.Add(at+".ID", s.ID, fmt.Sprintf("another name than that of Shields[%d]", j), "put what is refused into one of the two")
		}
		first[s.ID] = i
		if c := compile(s, at, &p); s.Mode != guard.Off {
			g.shields = append(g.shields, c)
		}
	}
	if err := p.Err(); err != nil {
		return nil, err
	}
	return g, nil
}

func compile(s *Shield, at string, p *guard.Problems) *shield {
	c := &shield{id: s.ID, mode: s.Mode, look: s.Look, longest: -1}
	if s.Look == 0 {
		c.look = DefaultLook
	} else if s.Look < 1024 || s.Look > MaxLook {
		p.Add(at+".Look", fmt.Sprint(s.Look), fmt.Sprintf("from 1024 to %d bytes", MaxLook), "")
	}
	if s.Mode > guard.Off {
		p.Add(at+".Mode", s.Mode.String(), "one of enforce, observe, off", "")
	}
	for i, text := range s.Routes {
		route, err := sanity.ParseRoute(text)
		if err != nil {
			p.Add(fmt.Sprintf("%s.Routes[%d]", at, i), text, `"METHOD /path" or "/path", with "/" at the end for everything below`, "")
		}
		c.routes = append(c.routes, route)
	}
	for _, list := range []struct {
		name string
		is   []Condition
	}{{"Only", s.Only}, {"Refuse", s.Refuse}} {
		if len(list.is) > MaxConditions {
			p.Add(at+"."+list.name, fmt.Sprint(len(list.is)), fmt.Sprintf("at most %d conditions", MaxConditions), "")
		}
		for i := range list.is {
			where := fmt.Sprintf("%s.%s[%d]", at, list.name, i)
			one := compileCondition(&list.is[i], where, p)
			switch {
			case one == nil:
			case list.name == "Only" && one.in&^inHead != 0:
				p.Add(where+".In", list.is[i].In, "path, segment, query, header or cookie", "what a body says is for Refuse")
			case list.name == "Only":
				c.only = append(c.only, one)
			default:
				c.add(one)
			}
		}
	}
	if len(s.Refuse) == 0 {
		p.Add(at+".Refuse", "", "one condition or more", "")
	}
	return c
}

// add sorts a condition by what has to be read for it. One of several places is both.
func (c *shield) add(one *condition) {
	if one.in&inHead != 0 {
		c.head = append(c.head, one)
	}
	if one.in&^inHead == 0 {
		return
	}
	if one.in == inBody && one.matches == nil && one.unlike == nil && !one.malformed {
		if n := int64(one.longer); c.longest < 0 || n < c.longest {
			c.longest = n
		}
		return
	}
	c.body = append(c.body, one)
	if one.malformed && c.malformed == nil {
		c.malformed = one
	}
	c.asks |= one.in &^ inHead
}

func compileCondition(s *Condition, at string, p *guard.Problems) *condition {
	i := slices.IndexFunc(places, func(one struct {
		name string
		is   place
	}) bool {
		return one.name == s.In
	})
	if i < 0 {
		p.Add(at+".In", s.In, "one of "+strings.Join(Places(), ", "), "")
		return nil
	}
	c := &condition{in: places[i].is, malformed: s.Malformed}
	c.text = s.In
	if s.Name != "" {
		c.text += " " + s.Name
		c.compileName(s.Name, at, p)
	}
	c.matches = expression(s.Matches, at+".Matches", p)
	c.unlike = expression(s.Unlike, at+".Unlike", p)
	for _, n := range []struct {
		field string
		is    int64
		to    *int
		in    place // where it can be asked
	}{
		{"Longer", s.Longer, &c.longer, ^place(0)},
		{"More", s.More, &c.more, ^(inPath | inBody)},
		{"Deeper", s.Deeper, &c.deeper, inFields},
	} {
		switch {
		case n.is < 0 || n.is > MaxLook:
			p.Add(at+"."+n.field, fmt.Sprint(n.is), fmt.Sprintf("from 1 to %d, or 0 for not asked", MaxLook), "")
		case n.is > 0 && c.in&n.in == 0:
			p.Add(at+"."+n.field, fmt.Sprint(n.is), "none for "+s.In, "")
		default:
			*n.to = int(n.is)
		}
	}
	if s.Malformed && c.in&(inJSON|ofParts) == 0 {
		p.Add(at+".Malformed", "true", "one for field, json, multipart, file or part", "")
	}
	if s.Name == "" && s.Matches == "" && s.Unlike == "" && s.Longer == 0 && s.More == 0 && s.Deeper == 0 && !s.Malformed {
		p.Add(at, s.In, "a condition with a name or a test", "matches, unlike, longer, more, deeper or malformed")
	}
	return c
}

func (c *condition) compileName(name, at string, p *guard.Problems) {
	switch {
	case c.in&inHeader != 0:
		if c.header = http.CanonicalHeaderKey(name); !headerName.MatchString(name) {
			p.Add(at+".Name", name, "the name of one header, without *", "")
		}
	case c.in&inCookie != 0:
		c.cookie = newGlob(name)
	case c.in&(inFields|inFile) != 0 && c.in&inPart == 0:
		var ok bool
		if c.name, ok = newPattern(name); !ok {
			p.Add(at+".Name", name, "names of fields such as a.b or a[b], with * for any text", "")
		}
	default:
		p.Add(at+".Name", name, "none for "+strings.Fields(c.text)[0], "")
	}
}

func expression(text, at string, p *guard.Problems) *regexp.Regexp {
	if text == "" {
		return nil
	}
	if len(text) > maxExpression {
		p.Add(at, fmt.Sprintf("%d bytes", len(text)), fmt.Sprintf("at most %d bytes", maxExpression), "")
		return nil
	}
	re, err := regexp.Compile(text)
	if err != nil {
		p.Add(at, text, "an expression of RE2", err.Error())
	}
	return re
}
