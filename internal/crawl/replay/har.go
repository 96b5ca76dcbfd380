package replay

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/internal/crawl"
	"github.com/panoplysec/panoply/internal/pattern"
)

// maxRecording is how many bytes of a recording are read.
const maxRecording = 64 << 20

type pair struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type entry struct {
	Request struct {
		Method   string `json:"method"`
		URL      string `json:"url"`
		Headers  []pair `json:"headers"`
		PostData struct {
			MimeType string `json:"mimeType"`
			Text     string `json:"text"`
			Params   []pair `json:"params"`
		} `json:"postData"`
	} `json:"request"`
	Response struct {
		Status  int    `json:"status"`
		Headers []pair `json:"headers"`
		Content struct {
			MimeType string `json:"mimeType"`
			Text     string `json:"text"`
			Encoding string `json:"encoding"`
		} `json:"content"`
	} `json:"response"`
}

var (
	passwordName = pattern.New(`(?i)pass(?:word|wd|phrase|code)?\]?$|\bpwd\]?$|secret|\bpin\]?$`)
	// A header by which script proves that it may send.
	tokenHeader = pattern.New(`(?i)^x-.*(?:csrf|xsrf|token)|^(?:csrf|xsrf)-token$`)
	tokenCookie = pattern.New(`(?i)csrf|xsrf`)
)

// Read reads a HAR file. The error says what a login needs that the recording lacks.
func Read(r io.Reader, origin *url.URL) (*Recording, error) {
	var doc struct {
		Log struct {
			Entries []entry `json:"entries"`
		} `json:"log"`
	}
	limited := &io.LimitedReader{R: r, N: maxRecording + 1}
	if err := json.NewDecoder(limited).Decode(&doc); err != nil || limited.N == 0 {
		if limited.N == 0 {
			return nil, fmt.Errorf("a recording of more than %d bytes; record the login alone", maxRecording)
		}
		return nil, errors.New("no HAR file: it is not JSON of that form")
	}
	var own []entry
	for _, e := range doc.Log.Entries {
		u, err := url.Parse(e.Request.URL)
		if err == nil && u.Scheme == origin.Scheme && strings.EqualFold(u.Host, origin.Host) && u.User == nil {
			own = append(own, e)
		}
	}
	if len(own) == 0 {
		return nil, fmt.Errorf("the recording has no request to %s://%s", origin.Scheme, origin.Host)
	}
	in := lastLogin(own)
	if in < 0 {
		return nil, errors.New("the recording has no request that looks like a login: none but GET, and no password")
	}
	// A recording may begin with a logout, to be somebody new.
	out := slices.IndexFunc(own[in+1:], func(e entry) bool { return crawl.LogsOut(e.Request.URL) })
	if out >= 0 {
		out += in + 1
	}
	all := offers(own)
	rec := &Recording{origin: origin}
	for i := range own[:in+1] {
		if i != in && !matters(own[i]) {
			continue
		}
		if len(rec.steps) == maxSteps {
			return nil, fmt.Errorf("more than %d requests before the login; record the login alone", maxSteps)
		}
		rec.steps = append(rec.steps, stepOf(own[i], all[i]))
	}
	if out >= 0 {
		s := stepOf(own[out], all[out])
		rec.logout = &s
	}
	for _, e := range own[:in+1] {
		rec.secrets = append(rec.secrets, passwords(e)...)
	}
	return rec, nil
}

// lastLogin is the last request that carries a password, or else the last that is no
// GET before a logout.
func lastLogin(all []entry) int {
	last := -1
	for i, e := range all {
		if len(passwords(e)) > 0 {
			last = i
		}
	}
	if last >= 0 {
		return last
	}
	for i, e := range all {
		switch {
		case crawl.LogsOut(e.Request.URL):
			if last >= 0 {
				return last
			}
		case e.Request.Method != http.MethodGet && e.Request.Method != http.MethodOptions && e.Request.Method != http.MethodHead:
			last = i
		}
	}
	return last
}

// passwords are the values of fields that are named like one.
func passwords(e entry) []string {
	var found []string
	add := func(name, value string) {
		if passwordName.Get().MatchString(name) && value != "" {
			found = append(found, value)
		}
	}
	for _, p := range e.Request.PostData.Params {
		add(p.Name, p.Value)
	}
	media, _, _ := mime.ParseMediaType(e.Request.PostData.MimeType)
	text := e.Request.PostData.Text
	switch {
	case media == "application/x-www-form-urlencoded":
		if form, err := url.ParseQuery(text); err == nil {
			for name, values := range form {
				for _, v := range values {
					add(name, v)
				}
			}
		}
	case strings.Contains(media, "json"):
		var v any
		if json.Unmarshal([]byte(text), &v) == nil {
			all := make(map[place]string)
			members(all, v, 0)
			for p, value := range all {
				add(p.name, value)
			}
		}
	case media == "multipart/form-data":
		for _, m := range multipartField.Get().FindAllStringSubmatch(text, 100) {
			add(m[1], m[2])
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

var multipartField = pattern.New(`name="([^"\r\n]{1,200})"\r?\n\r?\n([^\r\n]{0,1000})`)

// matters says whether a request of the recording may have set a cookie or shown a
// token: pages and what script asked for, not what pages are decorated with.
func matters(e entry) bool {
	if e.Request.Method == http.MethodOptions || crawl.LogsOut(e.Request.URL) {
		return false
	}
	if e.Request.Method != http.MethodGet {
		return true
	}
	media := e.Response.Content.MimeType
	return strings.Contains(media, "html") || strings.Contains(media, "json") || e.Response.Status >= 300 && e.Response.Status < 400 || setsCookie(e)
}

func setsCookie(e entry) bool {
	return slices.ContainsFunc(e.Response.Headers, func(h pair) bool { return strings.EqualFold(h.Name, "Set-Cookie") })
}

// keep are the headers that an app may look at in a login.
var keep = []string{"Accept", "Content-Type", "Origin", "Referer", "X-Requested-With", "Sec-Fetch-Site", "Sec-Fetch-Mode", "Sec-Fetch-Dest"}

// stepOf makes a step of an entry, and finds out which of its values the site had made.
func stepOf(e entry, before []offer) step {
	u, _ := url.Parse(e.Request.URL) // it was parsed before
	s := step{method: e.Request.Method, path: u.RequestURI(), body: bodyOf(e)}
	for _, h := range e.Request.Headers {
		kept := slices.ContainsFunc(keep, func(name string) bool { return strings.EqualFold(name, h.Name) })
		if (kept || tokenHeader.Get().MatchString(h.Name)) && !strings.ContainsAny(h.Name+h.Value, "\r\n\x00") {
			s.headers = append(s.headers, http.CanonicalHeaderKey(h.Name)+": "+h.Value)
		}
	}
	if e.Request.PostData.MimeType != "" && !slices.ContainsFunc(s.headers, func(l string) bool { return strings.HasPrefix(l, "Content-Type:") }) {
		s.headers = append(s.headers, "Content-Type: "+strings.NewReplacer("\r", "", "\n", "").Replace(e.Request.PostData.MimeType))
	}
	if e.Request.Method != http.MethodGet {
		s.fresh = made(before, e, s)
	}
	return s
}

func bodyOf(e entry) string {
	p := e.Request.PostData
	if p.Text == "" && len(p.Params) > 0 {
		form := make(url.Values)
		for _, q := range p.Params {
			form.Add(q.Name, q.Value)
		}
		return form.Encode()
	}
	return p.Text
}

// An offer is a value that an answer gave, where it stood, and the page it was on.
type offer struct {
	value string
	place place
	page  string
}

// offers returns for each entry what the answers before it had given, the oldest first.
// Each answer is read once.
func offers(all []entry) [][]offer {
	before := make([][]offer, len(all))
	var given []offer
	for i, e := range all {
		before[i] = given
		if len(given) < maxOffers {
			given = append(given, offersOf(e)...)
		}
	}
	return before
}

// maxOffers bounds what is remembered of all answers together.
const maxOffers = 20_000

func offersOf(e entry) []offer {
	var found []offer
	add := func(value string, p place, page string) {
		if len(value) >= minToken {
			found = append(found, offer{value, p, page})
		}
	}
	for _, h := range e.Response.Headers {
		if !strings.EqualFold(h.Name, "Set-Cookie") {
			continue
		}
		for line := range strings.SplitSeq(h.Value, "\n") {
			if c, err := http.ParseSetCookie(line); err == nil {
				add(c.Value, place{"cookie", c.Name}, "")
				if plain, err := url.PathUnescape(c.Value); err == nil && plain != c.Value {
					add(plain, place{"cookie", c.Name}, "")
				}
			}
		}
	}
	body := []byte(e.Response.Content.Text)
	if e.Response.Content.Encoding == "base64" {
		if raw, err := base64.StdEncoding.DecodeString(string(body)); err == nil {
			body = raw
		}
	}
	page := ""
	if u, err := url.Parse(e.Request.URL); err == nil && e.Request.Method == http.MethodGet {
		page = u.RequestURI()
	}
	all := values(e.Response.Content.MimeType, body)
	for _, p := range slices.SortedFunc(maps.Keys(all), func(a, b place) int { return strings.Compare(a.kind+a.name, b.kind+b.name) }) {
		add(all[p], p, page)
	}
	return found
}

// maxSearched is how much of a request is searched for values: logins are short.
const maxSearched = 32 << 10

// made finds the values in a request that earlier answers had given. Of several answers
// that gave the same value the last counts.
func made(before []offer, e entry, s step) []fresh {
	text := s.body[:min(len(s.body), maxSearched)] + "\n" + strings.Join(s.headers, "\n")
	text = text[:min(len(text), 2*maxSearched)]
	secret := passwords(e)
	given := make(map[string]place)
	at := make(map[string]int)
	var found []fresh
	for _, o := range before {
		i, again := at[o.value]
		if !again && (slices.Contains(secret, o.value) || !strings.Contains(text, o.value) && !strings.Contains(text, url.QueryEscape(o.value))) {
			continue
		}
		f := fresh{place: o.place, recorded: o.value, where: o.place.kind + " " + o.place.name, page: o.page}
		given[o.value] = o.place
		if again {
			found[i] = f
			continue
		}
		at[o.value] = len(found)
		found = append(found, f)
	}
	return append(found, fromCookies(e, s, given)...)
}

// fromCookies is for recordings without their cookies, as browsers export them: what a
// script copied from a cookie into a header is found by the cookie's name.
func fromCookies(e entry, s step, given map[string]place) []fresh {
	var found []fresh
	for _, line := range s.headers {
		name, value, _ := strings.Cut(line, ": ")
		if _, known := given[value]; known || !tokenHeader.Get().MatchString(name) || len(value) < minToken {
			continue
		}
		for _, h := range e.Request.Headers {
			if !strings.EqualFold(h.Name, "Cookie") {
				continue
			}
			for part := range strings.SplitSeq(h.Value, ";") {
				cookie, v, _ := strings.Cut(strings.TrimSpace(part), "=")
				if plain, err := url.PathUnescape(v); v == value || err == nil && plain == value || tokenCookie.Get().MatchString(cookie) {
					found = append(found, fresh{place: place{"cookie", cookie}, recorded: value, where: "the cookie " + cookie})
				}
			}
		}
	}
	return found
}
