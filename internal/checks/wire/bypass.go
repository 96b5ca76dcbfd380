package wire

import "strings"

// openHosts are hosts whose addresses run what somebody else chose, so that allowing
// them as a whole allows an attacker's script: those with callback (JSONP) addresses,
// those that carry every package or every version of Angular, and those where anybody
// can put a file. The list is short and of well-known hosts; a name that is not on it
// is not thereby safe.
var openHosts = map[string]bool{
	// Any library, in any version, or any package.
	"ajax.googleapis.com": true, "cdnjs.cloudflare.com": true, "cdn.jsdelivr.net": true, "unpkg.com": true, "esm.sh": true,
	"cdn.skypack.dev": true, "code.angularjs.org": true, "ajax.aspnetcdn.com": true, "cdn.bootcss.com": true, "cdn.bootcdn.net": true,
	"yastatic.net": true, "yandex.st": true, "rawgit.com": true, "cdn.rawgit.com": true, "cdn.statically.io": true,
	// A name of the caller's choice is called.
	"www.google.com": true, "accounts.google.com": true, "apis.google.com": true, "www.googleapis.com": true,
	"maps.googleapis.com": true, "translate.googleapis.com": true, "www.youtube.com": true, "googleads.g.doubleclick.net": true,
	"graph.facebook.com": true, "api.twitter.com": true, "cdn.syndication.twimg.com": true, "api.github.com": true, "gist.github.com": true,
	"vimeo.com": true, "api.flickr.com": true, "www.reddit.com": true, "en.wikipedia.org": true, "api.bing.com": true, "search.twitter.com": true,
	// Whoever has an account there writes script.
	"www.googletagmanager.com": true, "storage.googleapis.com": true, "s3.amazonaws.com": true, "firebasestorage.googleapis.com": true,
}

// sharedHosts are domains under which anybody gets a host.
var sharedHosts = []string{
	"github.io", "gitlab.io", "pages.dev", "workers.dev", "vercel.app", "netlify.app", "herokuapp.com", "web.app", "firebaseapp.com",
	"appspot.com", "cloudfront.net", "amazonaws.com", "azurewebsites.net", "blob.core.windows.net", "azureedge.net", "onrender.com",
}

// servesAnybody says that a source allows a host of which attackers can choose the
// script. A source that names one file allows only that.
func servesAnybody(source string) bool {
	host := sourceHost(source)
	if host == "" {
		return false
	}
	_, rest, ok := strings.Cut(source, "://")
	if !ok {
		rest = source
	}
	if _, path, ok := strings.Cut(rest, "/"); ok && path != "" && !strings.HasSuffix(path, "/") {
		return false
	}
	domain, star := strings.CutPrefix(host, "*.")
	if !star {
		return openHosts[host]
	}
	for _, shared := range sharedHosts {
		if domain == shared || strings.HasSuffix(domain, "."+shared) {
			return true
		}
	}
	for open := range openHosts {
		if strings.HasSuffix(open, "."+domain) {
			return true
		}
	}
	return false
}
