package headers_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/csp"
	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/headers"
)

// A vector is one recorded behaviour of Helmet; the file's notes describe the members.
type vector struct {
	Name         string
	Group        string
	Call         string
	NoArgument   bool `json:"no_argument"`
	Options      json.RawMessage
	Preset       map[string]string               `json:"preset_headers"`
	Request      map[string]string               `json:"request_headers"`
	Locals       map[string]string               `json:"response_locals"`
	HandlerAfter struct{ Set map[string]string } `json:"handler_after"`
	Headers      map[string]string
	Order        []string
	Error        bool
	Stage        string
	Warnings     int
}

func vectors(t *testing.T) []vector {
	t.Helper()
	data, err := os.ReadFile("testdata/helmet.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Cases []vector }
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Cases) < 185 {
		t.Fatalf("testdata/helmet.json has %d cases, want 185 or more", len(file.Cases))
	}
	return file.Cases
}

// helmetNames are the options as Helmet's own exports, each with its older name.
var helmetNames = map[string]string{
	"contentSecurityPolicy": "", "crossOriginEmbedderPolicy": "", "crossOriginOpenerPolicy": "", "crossOriginResourcePolicy": "",
	"originAgentCluster": "", "referrerPolicy": "", "strictTransportSecurity": "hsts", "xContentTypeOptions": "noSniff",
	"xDnsPrefetchControl": "dnsPrefetchControl", "xDownloadOptions": "ieNoOpen", "xFrameOptions": "frameguard",
	"xPermittedCrossDomainPolicies": "permittedCrossDomainPolicies", "xPoweredBy": "hidePoweredBy", "xXssProtection": "xssFilter",
}

// options is the JSON of a vector, with what JSON cannot say taken out: a Set becomes an
// array, a function a placeholder source.
func (v vector) options(t *testing.T) ([]byte, []function) {
	options := string(v.Options)
	if v.NoArgument {
		options = "{}"
	}
	if v.Call != "" {
		var all []string
		for name, alias := range helmetNames {
			if name != v.Call && alias != v.Call {
				all = append(all, fmt.Sprintf("%q: false", name))
			}
		}
		if v.NoArgument {
			options = "true"
		}
		options = "{" + strings.Join(append(all, fmt.Sprintf("%q: %s", v.Call, options)), ",") + "}"
	}
	var functions []function
	for {
		at := strings.Index(options, `{"$fn"`)
		if at < 0 {
			break
		}
		var f function
		d := json.NewDecoder(strings.NewReader(options[at:]))
		if err := d.Decode(&f); err != nil {
			t.Fatal(err)
		}
		end := at + int(d.InputOffset())
		options = options[:at] + fmt.Sprintf("%q", placeholder(len(functions))) + options[end:]
		functions = append(functions, f)
	}
	for {
		at := strings.Index(options, `{"$set": `)
		if at < 0 {
			break
		}
		end := at + strings.IndexByte(options[at:], '}')
		options = options[:at] + options[at+len(`{"$set": `):end] + options[end+1:]
	}
	return []byte(options), functions
}

func placeholder(i int) string { return fmt.Sprintf("function-%d.invalid", i) }

// function is one of the file's functions of the request.
type function struct {
	Fn    string `json:"$fn"`
	Value string
	Key   string
}

func (f function) call(r *http.Request, locals map[string]string) (string, error) {
	switch f.Fn {
	case "nonce":
		return "'nonce-" + r.Header.Get("X-Nonce") + "'", nil
	case "host":
		return "https://site.example", nil
	case "const":
		return f.Value, nil
	case "local":
		return "'nonce-" + locals[f.Key] + "'", nil
	}
	return "", fmt.Errorf("function %q throws", f.Fn)
}

// withFunctions puts the functions where their placeholders stand: Func gives all that
// follows the first of them.
func withFunctions(p csp.Policy, functions []function, locals map[string]string) csp.Policy {
	for i, d := range p {
		for at, source := range d.Sources {
			if !strings.HasPrefix(source, "function-") {
				continue
			}
			rest := d.Sources[at:]
			p[i].Sources = d.Sources[:at:at]
			p[i].Func = func(r *http.Request) ([]string, error) {
				var out []string
				for _, source := range rest {
					var n int
					if _, err := fmt.Sscanf(source, "function-%d.invalid", &n); err == nil {
						var err error
						if source, err = functions[n].call(r, locals); err != nil {
							return nil, err
						}
					}
					out = append(out, source)
				}
				return out, nil
			}
			break
		}
	}
	return p
}

func TestHelmetVectors(t *testing.T) {
	for _, v := range vectors(t) {
		t.Run(v.Group+"/"+v.Name, func(t *testing.T) {
			data, functions := v.options(t)
			o, err := headers.FromHelmet(data)
			if v.Error && (v.Stage == "construct" || len(functions) == 0) {
				// What Helmet finds at each request and can know at start, we refuse at start.
				if len(guard.OptionErrors(err)) == 0 {
					t.Fatalf("FromHelmet(%s) = %v, want an option error", data, err)
				}
				return
			}
			if err != nil {
				t.Fatalf("FromHelmet(%s) = %v, want nil", data, err)
			}
			o.ContentSecurityPolicy.Policy = withFunctions(o.ContentSecurityPolicy.Policy, functions, v.Locals)
			o.Sink = func(_ ctx, e guard.Event) {
				if !v.Error {
					t.Errorf("event %v, want none", e)
				}
			}
			g, err := headers.New(o)
			if err != nil {
				t.Fatalf("New() = %v, want nil", err)
			}
			r := httptest.NewRequest("GET", "/", nil)
			for name, value := range v.Request {
				r.Header.Set(name, value)
			}
			if v.Error {
				h := http.Header{"X-Powered-By": {"Express"}}
				if err := g.Apply(h, r, 200); err == nil || len(h) != 1 {
					t.Errorf("Apply() = %v and header %v, want an error and nothing set", err, h)
				}
				return
			}
			v.compare(t, g, r)
			if n := countIgnored(o.Lint()); n != v.Warnings {
				t.Errorf("Lint() has %d ignored values, want %d as Helmet", n, v.Warnings)
			}
		})
	}
}

func countIgnored(all []headers.Warning) int {
	n := 0
	for _, w := range all {
		if w.Rule == "ignored-value" {
			n++
		}
	}
	return n
}

// compare runs the guard between what Express sets before and the handler sets after.
func (v vector) compare(t *testing.T, g *headers.Guard, r *http.Request) {
	t.Helper()
	w := httptest.NewRecorder()
	w.Header().Set("X-Powered-By", "Express")
	for name, value := range v.Preset {
		w.Header()[name] = []string{value} // in its own letter case
	}
	g.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range v.HandlerAfter.Set {
			w.Header().Set(name, value)
		}
		w.WriteHeader(200)
	})).ServeHTTP(w, r)
	want := http.Header{}
	for name, value := range v.Headers {
		want.Set(name, value)
	}
	if got := w.Header(); !maps.EqualFunc(got, want, slices.Equal[[]string]) {
		t.Errorf("header = %v\nwant %v", got, want)
	}
	if len(v.Preset) > 0 || len(v.HandlerAfter.Set) > 0 {
		return // the app's own values stand among them
	}
	var lines []string
	for _, name := range v.Order {
		if name != "X-Powered-By" {
			lines = append(lines, name+": "+v.Headers[name])
		}
	}
	if got := g.Lines(); len(r.Header) == 0 && len(v.Locals) == 0 && v.Group != "cspfn" && !slices.Equal(got, lines) {
		t.Errorf("Lines() = %q\nwant %q", got, lines)
	}
}

func TestFromHelmetTellsEveryReason(t *testing.T) {
	_, err := headers.FromHelmet([]byte(`{
		"frameguard": {"action": "ALLOW-FROM https://a.example"},
		"xFrameOptions": true,
		"hsts": {"maxage": 1, "maxAge": -1},
		"referrerPolicy": {"policy": ["origin", "Origin", "origin"]},
		"crossOriginOpenerPolicy": {"policy": "Same-Origin"},
		"contentSecurityPolicy": {"directives": {
			"defaultSrc": null, "scriptSrc": ["self", "a;b", 5], "script-src": [], "Bad": [], "imgSrc": "x\u0000y"}}
	}`))
	want := []string{
		`contentSecurityPolicy.directives.defaultSrc is "null": must be a string or an array`,
		`contentSecurityPolicy.directives.scriptSrc[0] is "self": must be written in single quotes: "'self'"`,
		`contentSecurityPolicy.directives.scriptSrc[1] is "a;b": must be without ";" and ","`,
		`contentSecurityPolicy.directives.scriptSrc[2] is "5": must be a string`,
		`contentSecurityPolicy.directives.script-src: must be absent beside scriptSrc; both are script-src`,
		`contentSecurityPolicy.directives is "Bad": must be names of letters`,
		`contentSecurityPolicy.directives.imgSrc is "x\x00y": must be fit for a header field`,
		`crossOriginOpenerPolicy.policy is "Same-Origin": must be one of same-origin, same-origin-allow-popups, noopener-allow-popups, unsafe-none; write same-origin`,
		`referrerPolicy.policy[1] is "Origin": must be one of`,
		`referrerPolicy.policy[2] is "origin": must be given once`,
		`hsts.maxage: must be absent; write maxAge`,
		`hsts.maxAge is "-1": must be a number of seconds`,
		`frameguard: must be absent beside xFrameOptions`,
		`frameguard.action is "ALLOW-FROM https://a.example": must be deny or sameorigin`,
	}
	all := guard.OptionErrors(err)
	for i, e := range all {
		if i >= len(want) || !strings.HasPrefix(e.Error(), "headers: "+want[i]) {
			t.Errorf("reason %d = %q, want it to begin %q", i, e, append(want, make([]string, len(all))...)[i])
		}
	}
	if len(all) != len(want) {
		t.Errorf("%d reasons, want %d", len(all), len(want))
	}
}

func TestFromHelmetValues(t *testing.T) {
	for _, c := range []struct{ name, options, want string }{ // want: an error, or a header line, or "-" and an absent one
		{"no JSON", `{"hsts": `, "line 1: the text ends too early"},
		{"bad JSON on line 2", "{\n\"hsts\": tru}", "line 2"},
		{"two documents", `{} {}`, "something follows"},
		{"nothing", ``, "the text ends too early"},
		{"null", `null`, "must be an object"},
		{"array", `[]`, "must be an object"},
		{"key twice", `{"hsts": false, "hsts": true}`, `key "hsts" is given twice`},
		{"too deep", `{"x": ` + strings.Repeat("[", 20) + strings.Repeat("]", 20) + `}`, "nested deeper"},
		{"null refused", `{"contentSecurityPolicy": null}`, "must be an object, true or false"},
		{"null of an alias refused", `{"hsts": null}`, "must be an object, true or false"},
		{"null of another alias refused", `{"frameguard": null}`, "must be an object, true or false"},
		{"null of a new name is the default", `{"strictTransportSecurity": null}`, "Strict-Transport-Security: max-age=31536000; includeSubDomains"},
		{"null of nosniff's alias is on", `{"noSniff": null}`, "X-Content-Type-Options: nosniff"},
		{"bare string is the default", `{"xFrameOptions": "deny"}`, "X-Frame-Options: SAMEORIGIN"},
		{"bare string of HSTS is refused", `{"hsts": "max-age=1"}`, "must be an object, true or false"},
		{"COEP true", `{"crossOriginEmbedderPolicy": true}`, "Cross-Origin-Embedder-Policy: require-corp"},
		{"subdomains null", `{"hsts": {"includeSubDomains": null}}`, "Strict-Transport-Security: max-age=31536000"},
		{"preload by a number", `{"hsts": {"preload": 1}}`, "Strict-Transport-Security: max-age=31536000; includeSubDomains; preload"},
		{"age as text", `{"hsts": {"maxAge": "1"}}`, "must be a number of seconds"},
		{"age of an eon", `{"hsts": {"maxAge": 1e21}}`, "at most 9223372036 seconds; a year is 31536000"},
		{"defaults off by a zero", `{"contentSecurityPolicy": {"useDefaults": 0, "directives": {"defaultSrc": ["'self'"]}}}`, "Content-Security-Policy: default-src 'self'"},
		{"directives null", `{"contentSecurityPolicy": {"useDefaults": false, "directives": null}}`, "at least one directive"},
		{"symbol elsewhere", `{"contentSecurityPolicy": {"directives": {"imgSrc": {"$symbol": "dangerouslyDisableDefaultSrc"}}}}`, "is for defaultSrc alone"},
		{"unknown symbol", `{"contentSecurityPolicy": {"directives": {"defaultSrc": {"$symbol": "x"}}}}`, "must be a string or an array"},
		{"Latin-1 passes as from Node", `{"contentSecurityPolicy": {"useDefaults": false, "directives": {"defaultSrc": ["é"]}}}`, "Content-Security-Policy: default-src é"},
		{"beyond Latin-1", `{"contentSecurityPolicy": {"directives": {"defaultSrc": ["日"]}}}`, "U+65E5"},
		{"report-only leaves the other off", `{"contentSecurityPolicy": {"reportOnly": true}}`, "-Content-Security-Policy:"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o, err := headers.FromHelmet([]byte(c.options))
			if err != nil {
				if !strings.Contains(err.Error(), c.want) {
					t.Errorf("FromHelmet(%s) = %v, want an error with %q", c.options, err, c.want)
				}
				return
			}
			lines := mustNew(t, o).Lines()
			if absent, is := strings.CutPrefix(c.want, "-"); is {
				if slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, absent) }) {
					t.Errorf("FromHelmet(%s) gives %q, want no %s", c.options, lines, absent)
				}
			} else if !slices.Contains(lines, c.want) {
				t.Errorf("FromHelmet(%s) gives %q, want %q among them", c.options, lines, c.want)
			}
		})
	}
}

func FuzzFromHelmet(f *testing.F) {
	data, err := os.Open("testdata/helmet.json")
	if err != nil {
		f.Fatal(err)
	}
	defer data.Close()
	raw, _ := io.ReadAll(data)
	var file struct {
		Cases []struct{ Options json.RawMessage }
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		f.Fatal(err)
	}
	for _, c := range file.Cases {
		f.Add([]byte(c.Options))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		o, err := headers.FromHelmet(data)
		if err != nil {
			return
		}
		g, err := headers.New(o)
		if err != nil {
			t.Fatalf("FromHelmet accepts %q and New refuses it: %v", data, err)
		}
		o.Lint()
		h := http.Header{}
		if err := g.Apply(h, httptest.NewRequest("GET", "/", nil), 200); err != nil {
			t.Fatalf("Apply() = %v for %q", err, data)
		}
		if len(h) != len(g.Lines()) {
			t.Errorf("%q gives %d headers and %d lines", data, len(h), len(g.Lines()))
		}
		for name, values := range h {
			if len(values) != 1 || strings.ContainsAny(values[0], "\r\n\x00") {
				t.Errorf("%q gives %s: %q", data, name, values)
			}
		}
	})
}
