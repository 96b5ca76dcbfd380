package active

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/audit/check"
)

// evil is the other site. Nobody has that name.
//
// Source: RFC 2606 section 3.
const evil = "https://evil.example"

// A row is one way in which a request comes from elsewhere.
type row struct {
	rule, name string
	// headers are those that the browser adds by itself, for the format of the body.
	headers []string
	// format is how the fields are sent; empty for how the deed takes them, as far as
	// browsers send that to other sites.
	format string
	// get sends the fields in the query of a GET.
	get bool
	// override is the name of a field that names the method.
	override bool
	// held says that browsers hold cookies of SameSite=Lax back.
	held bool
	// own sends the attacker's own token.
	own bool
}

const (
	accept   = "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
	dest     = "Sec-Fetch-Dest: "
	mode     = "Sec-Fetch-Mode: "
	relation = "Sec-Fetch-Site: "
)

// navigates are the headers of a form, or a link, of another page. A form that a script
// submits has no Sec-Fetch-User.
func navigates(origin, site, where string) []string {
	lines := []string{accept, dest + where, mode + "navigate", relation + site, "Upgrade-Insecure-Requests: 1"}
	if origin != "" {
		lines = append(lines, "Origin: "+origin)
	}
	if strings.Contains(origin, "://") {
		lines = append(lines, "Referer: "+origin+"/")
	}
	return lines
}

// rowsOf are the rows of a deed of the address given. Without a cookie there is nobody
// whose cookie could be ridden on, and the row without a source is a program's. A header
// that names another method is in no row: browsers ask before they send it elsewhere.
func rowsOf(d *deed, u *url.URL, cookie bool) []row {
	own := u.Scheme + "://" + u.Host
	formed := navigates(evil, "cross-site", "document")
	link := slices.DeleteFunc(navigates(evil, "cross-site", "document"), func(l string) bool { return strings.HasPrefix(l, "Origin: ") })
	override := []row{{rule: "csrf/method-override", name: "a link of another site that names the method", headers: link, get: true, override: true}}
	if d.method != http.MethodPost {
		// Of other methods browsers ask first; another site gets at them through a form.
		return append(override, row{rule: "csrf/method-override", name: "a form of another site that names the method", headers: formed, format: "form", override: true, held: true})
	}
	script := []string{"Accept: */*", "Origin: " + evil, "Referer: " + evil + "/", dest + "empty", mode + "no-cors", relation + "cross-site"}
	rows := []row{
		{rule: "csrf/cross-site-form", name: "a form of another site", headers: formed, format: "form", held: true},
		{rule: "csrf/cross-site-form", name: "a multipart form of another site", headers: formed, format: "multipart", held: true},
		{rule: "csrf/text-plain", name: "text/plain by a script of another site", headers: script, format: "plain", held: true},
		{rule: "csrf/same-site", name: "a form of a sibling, " + sibling(u), headers: navigates(sibling(u), "same-site", "document")},
		{rule: "csrf/null-origin", name: "a sandboxed frame", headers: navigates("null", "cross-site", "iframe"), held: true},
		{rule: "csrf/null-origin", name: "a sandboxed frame, without Sec-Fetch-Site", headers: []string{accept, "Origin: null"}, held: true},
		{rule: "csrf/foreign-origin", name: "another site's Origin, without Sec-Fetch-Site", headers: []string{accept, "Origin: " + evil}, held: true},
		{rule: "csrf/foreign-referer", name: "another site's Referer alone", headers: []string{accept, "Referer: " + evil + "/"}, held: true},
		{rule: "csrf/duplicates", name: "the site's own Origin before another site's", headers: []string{accept, "Origin: " + own, "Origin: " + evil}},
		{rule: "csrf/duplicates", name: "Sec-Fetch-Site: same-origin before cross-site", headers: []string{accept, "Origin: " + evil, relation + "same-origin", relation + "cross-site"}},
		{rule: "csrf/get-accepts", name: "a link of another site, the fields in its query", headers: link, get: true},
	}
	if u.Scheme == "https" {
		rows = append(rows, row{rule: "csrf/downgrade", name: "the same name over plain HTTP, without Sec-Fetch-Site", headers: []string{accept, "Origin: http://" + u.Host, "Referer: http://" + u.Host + "/"}})
	}
	if cookie {
		rows = append(rows, row{rule: "csrf/no-source", name: "no Origin, Referer or Sec-Fetch-Site", headers: []string{accept}, held: true})
	}
	if d.page != "" {
		rows = append(rows, row{rule: "csrf/token-unbound", name: "a form of another site, with a token that another visitor got", headers: formed, held: true, own: true})
	}
	return append(rows, override...)
}

// sibling is an origin of the same site as the address: a subdomain, or another port
// where names have none.
func sibling(u *url.URL) string {
	host := u.Hostname()
	if _, err := netip.ParseAddr(host); err != nil && host != "localhost" {
		return u.Scheme + "://panoply-audit." + u.Host
	}
	port := "9"
	if u.Port() == port {
		port = "7"
	}
	return u.Scheme + "://" + net.JoinHostPort(host, port)
}

// legitimate are the headers of the site's own page. What its script sends looks
// different from a form.
func legitimate(d *deed, u *url.URL) []string {
	own := u.Scheme + "://" + u.Host
	page := d.page
	if page == "" {
		page = u.RequestURI()
	}
	lines := []string{"Origin: " + own, "Referer: " + own + page, relation + "same-origin"}
	if d.format == "json" || d.method != http.MethodPost {
		return append(lines, "Accept: application/json, */*", dest+"empty", mode+"cors")
	}
	return append(lines, accept, dest+"document", mode+"navigate", "Sec-Fetch-User: ?1", "Upgrade-Insecure-Requests: 1")
}

// body writes the fields as a row sends them; format empty is how the deed takes them,
// and then JSON goes as text, for browsers ask before they send it as what it is.
func (d *deed) body(format string, fields []check.Field) (body, media string) {
	switch {
	case d.format == "json" && (format == "" || format == "plain"):
		return asJSON(fields), "text/plain;charset=UTF-8"
	case format == "plain", format == "" && d.format == "plain":
		var b strings.Builder
		for _, f := range fields {
			b.WriteString(f.Name + "=" + f.Value + "\r\n")
		}
		return b.String(), "text/plain"
	case format == "":
		format = d.format
	}
	return encode(format, fields)
}
