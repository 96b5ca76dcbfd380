package csp_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/csp"
	"github.com/panoplysec/panoply/guard"
)

func TestValidate(t *testing.T) {
	for _, c := range []struct {
		name           string
		policy         csp.Policy
		helmet, strict []string // a word of each refusal, in order
	}{
		{"default", csp.Default(), nil, nil},
		{"empty", nil, []string{"at least one"}, []string{"at least one"}},
		{"camel case", csp.Policy{{Name: "scriptSrc"}}, []string{`write "script-src"`}, []string{`write "script-src"`}},
		{"all at once", csp.Policy{{Name: "img-src", Sources: []string{"none", "a;b", "c,d", "x\ry", "\x00", "日"}}, {Name: "img-src"}},
			[]string{"'none'", "percent", "percent", "U+000D", "U+0000", "U+65E5", "given once"},
			[]string{"'none'", "percent", "percent", "U+000D", "U+0000", "U+65E5", "given once"}},
		{"unquoted keyword in one string", policy("script-src", "self https://x.example"), nil, []string{"write 'self'"}},
		{"two sources in one string", policy("script-src", "https://a.example https://b.example"), nil, []string{"several sources"}},
		{"double quotes", policy("script-src", `"self"`), nil, []string{"write 'self'"}},
		{"one quote", policy("script-src", `'self`), nil, []string{"write 'self'"}},
		{"misspelt directive", policy("scirpt-src", "'self'"), nil, []string{"write script-src"}},
		{"unknown directive", policy("made-up-directive", "x"), nil, nil},
		{"misspelt keyword", policy("script-src", "'unsafe-inlin'"), nil, []string{"write 'unsafe-inline'"}},
		{"unquoted script", policy("require-trusted-types-for", "script"), nil, []string{"write 'script'"}},
		{"none with others", policy("img-src", "'none'", "data:"), nil, []string{"beside other sources"}},
		{"none after others", policy("img-src", "data:", "'none'"), nil, []string{"beside other sources"}},
		{"hash of wrong length", policy("script-src", "'sha256-q4cwMA=='"), nil, []string{"needs 32 bytes"}},
		{"hash not base64", policy("script-src", "'sha256-%%'"), nil, []string{"not base64"}},
		{"nonce not base64", policy("script-src", "'nonce-$NONCE'"), nil, []string{"not base64"}},
		{"right hash", policy("script-src", "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"), nil, nil},
		{"upper case keyword", policy("script-src", "'SELF'"), nil, nil},
		{"misspelt sandbox flag", policy("sandbox", "allow-script"), nil, []string{"write allow-scripts"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			match(t, c.policy.Validate(csp.Helmet), c.helmet)
			match(t, c.policy.Validate(csp.Strict), c.strict)
		})
	}
}

func policy(name string, sources ...string) csp.Policy {
	return csp.Policy{{Name: name, Sources: sources}}
}

func match(t *testing.T, err error, want []string) {
	t.Helper()
	all := guard.OptionErrors(err)
	if len(all) != len(want) {
		t.Fatalf("Validate() gave %d reasons, want %d: %v", len(all), len(want), err)
	}
	for i, e := range all {
		if !strings.Contains(e.Error(), want[i]) {
			t.Errorf("reason %d = %q, want one with %q", i, e, want[i])
		}
	}
}

func TestParse(t *testing.T) {
	for _, c := range []struct {
		name, text, want string
		rules            []string
	}{
		{"plain", "default-src 'self'; img-src *", "default-src 'self';img-src *", nil},
		{"Helmet's", helmetDefault, helmetDefault, nil},
		{"empty", "", "", nil},
		{"blanks and empty parts", " ;; \tdefault-src\f 'none' ;", "default-src 'none'", nil},
		{"upper-case name", "Default-SRC 'none'", "default-src 'none'", nil},
		{"duplicate directive", "img-src a.example; IMG-SRC *", "img-src a.example", []string{"duplicate-directive"}},
		{"bad name", "img_src *; sandbox", "sandbox", []string{"bad-name"}},
		{"Kelvin sign", "\u212A-src *", "", []string{"bad-name"}},
		{"unquoted keyword", "script-src self nonce-abc", "script-src self nonce-abc", []string{"unquoted-keyword", "unquoted-keyword"}},
		{"no ASCII", "img-src é.example", "img-src é.example", []string{"bad-character"}},
		{"duplicate source", "img-src a.example A.example", "img-src a.example A.example", []string{"duplicate-source"}},
		{"deprecated", "default-src *;block-all-mixed-content", "default-src *;block-all-mixed-content", []string{"deprecated-directive"}},
		{"static nonce", "script-src 'nonce-AAAAAAAAAAAAAAAAAAAAAA=='", "script-src 'nonce-AAAAAAAAAAAAAAAAAAAAAA=='", []string{"static-nonce"}},
		{"short nonce", "script-src 'nonce-abcd'", "script-src 'nonce-abcd'", []string{"short-nonce"}},
		{"value where none belongs", "upgrade-insecure-requests 1", "upgrade-insecure-requests 1", []string{"value-ignored"}},
		{"lone quote", "script-src '", "script-src '", []string{"wrong-quotes"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, problems := csp.Parse(c.text)
			var rules []string
			for _, problem := range problems {
				rules = append(rules, problem.Rule)
				if problem.Text == "" || problem.String() == "" {
					t.Errorf("problem %q says nothing", problem.Rule)
				}
			}
			if got := p.String(); got != c.want || !slices.Equal(rules, c.rules) {
				t.Errorf("Parse(%q) = %q, %v, want %q, %v", c.text, got, rules, c.want, c.rules)
			}
		})
	}
}

func TestParseFields(t *testing.T) {
	policies, problems := csp.ParseFields([]string{"default-src 'none', img-src *", "", "sandbox"})
	var got []string
	for _, p := range policies {
		got = append(got, p.String())
	}
	if want := []string{"default-src 'none'", "img-src *", "sandbox"}; !slices.Equal(got, want) || len(problems) != 0 {
		t.Errorf("ParseFields() = %q, %v, want %q and no problem", got, problems, want)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{helmetDefault, "", ";;;", "script-src self;script-src 'none' *", "a\x00b c\r\nd", "K x", "img-src é", "script-src 'nonce-;sha256-'", "A'B C;'"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, _ := csp.Parse(text)
		written := p.String()
		again, _ := csp.Parse(written)
		if got := again.String(); got != written {
			t.Errorf("Parse(%q).String() = %q, read again %q", text, written, got)
		}
		if len(again) != len(p) {
			t.Errorf("Parse(%q) has %d directives, read again %d", text, len(p), len(again))
		}
		names := map[string]bool{}
		for _, d := range p {
			if names[d.Name] {
				t.Errorf("Parse(%q) holds %s twice", text, d.Name)
			}
			names[d.Name] = true
			for _, s := range d.Sources {
				if s == "" || strings.ContainsAny(s, "; \t\r\n\f") {
					t.Errorf("Parse(%q) holds the source %q", text, s)
				}
			}
		}
		// What Strict lets pass, Helmet lets pass; and it can stand in a header field.
		if p.Validate(csp.Strict) == nil {
			if err := p.Validate(csp.Helmet); err != nil {
				t.Errorf("Validate(Helmet) = %v for %q, which Strict accepts", err, written)
			}
			if value, _ := p.Compile().Static(); strings.ContainsAny(value, "\r\n\x00,") {
				t.Errorf("accepted policy %q holds a character that ends the field", value)
			}
		}
	})
}
