package doctor

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/panoplysec/panoply/internal/config"
)

// here is this machine of the tests.
func here() ([]netip.Addr, error) {
	return []netip.Addr{netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("2001:db8::7")}, nil
}

// lined fails unless the line has a verdict and says what is wanted.
func lined(t *testing.T, l Line, verdict Verdict, found, do string) {
	t.Helper()
	if l.Verdict != verdict || !strings.Contains(l.Found, found) || do != "" && !strings.Contains(l.Do, do) {
		t.Errorf("%s %s: %s: %s → %s\nwant %s: …%s… → …%s…", l.Check, l.Subject, l.Verdict, l.Found, l.Do, verdict, found, do)
	}
}

func TestDNS(t *testing.T) {
	z := zone{addresses: map[string][]string{
		"good.example": {"192.0.2.7", "2001:db8::7"}, "nat.example": {"203.0.113.9"}, "stale.example": {"192.0.2.7", "203.0.113.9"},
		"loop.example": {"127.0.0.1"}, "empty.example": {},
	}, fails: map[string]bool{"broken.example": true}}
	for _, cut := range []bool{false, true} {
		own := z
		own.cut = cut
		resolver := own.serve(t)
		for site, want := range map[string]struct {
			verdict   Verdict
			found, do string
		}{
			"good.example":   {OK, "leads to 192.0.2.7, 2001:db8::7, this machine", ""},
			"nat.example":    {Warning, "leads to 203.0.113.9, this machine has 192.0.2.7, 2001:db8::7", "unless that address forwards"},
			"stale.example":  {Warning, "and to 203.0.113.9", "remove those"},
			"loop.example":   {Problem, "everybody's own machine", "change the record"},
			"empty.example":  {Problem, "no address", "add an A record"},
			"none.example":   {Problem, "no address", "add an A record"},
			"broken.example": {NotChecked, "ServerFailure", ""},
		} {
			lines := checkDNS(t.Context(), &Options{Config: &config.Config{Sites: []string{site, "localhost"}}, Resolver: resolver, Addresses: here})
			if len(lines) != 1 {
				t.Fatalf("%d lines, want one: %v", len(lines), lines)
			}
			lined(t, lines[0], want.verdict, want.found, want.do)
		}
	}
	behind := &config.Config{Sites: []string{"nat.example"}, Trust: config.Trust{Proxies: []string{"10.0.0.0/8"}}}
	lined(t, checkDNS(t.Context(), &Options{Config: behind, Resolver: z.serve(t), Addresses: here})[0], NotChecked, "a proxy in front", "")
	lined(t, checkDNS(t.Context(), &Options{Config: behind, Addresses: here})[0], NotChecked, noResolver, "--resolver")
	lined(t, checkDNS(t.Context(), &Options{Config: &config.Config{}, Addresses: here})[0], NotChecked, "no site", "")
	addresses := checkDNS(t.Context(), &Options{Config: &config.Config{Sites: []string{"192.0.2.7", "198.51.100.1", "127.0.0.1"}}, Addresses: here})
	if len(addresses) != 2 {
		t.Fatalf("%v, want two lines", addresses)
	}
	lined(t, addresses[0], OK, "is an address of this machine", "")
	lined(t, addresses[1], Warning, "is no address of this machine", "forwards")
}

// A name server that says nothing is none that says no.
func TestDNSWithoutAnswer(t *testing.T) {
	silent := &Resolver{Servers: []string{"127.0.0.1:1"}}
	for _, l := range append(checkDNS(t.Context(), &Options{Config: &config.Config{Sites: []string{"shop.example"}}, Resolver: silent, Addresses: here}),
		checkCAA(t.Context(), &Options{Config: &config.Config{Sites: []string{"shop.example"}}, Resolver: silent})...) {
		lined(t, l, NotChecked, "127.0.0.1:1 does not answer", "")
	}
}

func TestCAA(t *testing.T) {
	z := &zone{addresses: map[string][]string{"www.free.example": {"192.0.2.7"}}, caa: map[string][]string{
		"shop.example": {"0 issue letsencrypt.org; validationmethods=http-01", "0 iodef mailto:a@shop.example"}, "other.example": {"0 issue digicert.com"},
		"nobody.example": {"0 issue ;"}, "report.example": {"0 iodef mailto:a@b.example"}, "critical.example": {"1 tbs x"}, "wild.example": {"0 issuewild ;"},
		"own.shop.example": {"0 issue digicert.com"},
	}, fails: map[string]bool{"broken.example": true}}
	resolver := z.serve(t)
	for site, want := range map[string]struct {
		verdict   Verdict
		found, do string
	}{
		"shop.example":             {OK, "of shop.example lets Let's Encrypt issue", ""},
		"a.b.shop.example":         {OK, "of shop.example lets Let's Encrypt issue", ""},
		"x.own.shop.example":       {Problem, "of own.shop.example lets digicert.com issue, but not Let's Encrypt", `add: own.shop.example. CAA 0 issue "letsencrypt.org"`},
		"other.example":            {Problem, "lets digicert.com issue, but not", "letsencrypt.org"},
		"nobody.example":           {Problem, "lets no CA issue", "letsencrypt.org"},
		"report.example":           {OK, "no CAA record keeps", ""},
		"wild.example":             {OK, "no CAA record keeps", ""},
		"www.free.example":         {OK, "no CAA record keeps", ""},
		"critical.example":         {Problem, `critical CAA property "tbs"`, "remove"},
		"broken.example":           {Warning, "ServerFailure", "mend the name server"},
		"deep.in.a.broken.example": {Warning, "ServerFailure", ""},
	} {
		lines := checkCAA(t.Context(), &Options{Config: &config.Config{Sites: []string{site}}, Resolver: resolver})
		lined(t, lines[0], want.verdict, want.found, want.do)
	}
	var l Line
	l.caa([]caaRecord{{tag: "issue", value: "ca.example"}}, "shop.example", nil, "A CA of our own")
	lined(t, l, NotChecked, "by which name A CA of our own goes there is not known", "")
	lined(t, checkCAA(t.Context(), &Options{Config: &config.Config{Sites: []string{"localhost"}}})[0], NotChecked, "no site", "")
}

func TestNameServers(t *testing.T) {
	got := nameServers("# nameserver 1.1.1.1\nsearch example\nnameserver 192.0.2.53\nnameserver 2001:db8::53\nnameserver x\nnameserver 192.0.2.54\nnameserver 192.0.2.55\n")
	if want := []string{"192.0.2.53:53", "[2001:db8::53]:53", "192.0.2.54:53"}; !slices.Equal(got, want) {
		t.Errorf("nameServers = %v, want %v", got, want)
	}
}

// FuzzRead: what a name server sends never makes the reader panic, and what is no answer to
// the question is not taken.
func FuzzRead(f *testing.F) {
	question, id, err := query("shop.example", typeCAA)
	if err != nil {
		f.Fatal(err)
	}
	z := &zone{caa: map[string][]string{"shop.example": {"0 issue letsencrypt.org", "1 x y"}}}
	f.Add(z.answer(question, false))
	f.Add(z.answer(question, true))
	f.Add(question)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, text []byte) {
		if !answersTo(text, question, id) {
			return
		}
		answers, _, err := read(text, typeCAA)
		if err != nil && answers != nil {
			t.Errorf("read = %v beside %v", answers, err)
		}
		for _, a := range answers {
			if a.Header.Type != typeCAA {
				t.Errorf("read returned an answer of %v", a.Header.Type)
			}
		}
	})
}

func FuzzCAA(f *testing.F) {
	f.Add([]byte("\x00\x05issueletsencrypt.org"))
	f.Add([]byte("\x80\x00"))
	f.Add([]byte{0, 255, 'a'})
	f.Fuzz(func(t *testing.T, data []byte) {
		r, ok := parseCAA(data)
		if ok && (r.tag == "" || len(r.tag)+len(r.value)+2 != len(data) || strings.ToLower(r.tag) != r.tag) {
			t.Errorf("parseCAA(%q) = %+v", data, r)
		}
	})
}
