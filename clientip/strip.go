package clientip

import (
	"net/http"
	"strings"
)

// Strip removes from r.Header what an untrusted peer has no business saying: the
// fields in which proxies tell about the client's address, scheme, host, path and
// certificate, and those in which authenticating proxies name the user. A name
// counts in whatever case, and with "_" or another sign for "-", since CGI and its
// heirs fold them all into one variable; such a folded name is removed from trusted
// peers as well, as no proxy writes it.
//
// From every peer it removes these names from Connection, where they would make the
// next hop drop what [WriteForwarded] wrote.
//
// It changes r.Header in place. X-User-Agent, which gRPC-Web sends, and X-Auth-Token,
// which clients send for themselves, stay.
func (v *Resolver) Strip(r *http.Request) {
	trusted := v.trusted(parsePeer(r.RemoteAddr))
	for name := range r.Header {
		if speaksForOthers(name) && (!trusted || isFolded(name)) {
			delete(r.Header, name)
		}
	}
	if lines, ok := r.Header["Connection"]; ok {
		stripConnection(r.Header, lines)
	}
}

// stripConnection drops the tokens that speak for others, and keeps the rest as is.
func stripConnection(h http.Header, lines []string) {
	found := false
	for _, line := range lines {
		for token := range strings.SplitSeq(line, ",") {
			found = found || speaksForOthers(trimOWS(token))
		}
	}
	if !found {
		return
	}
	var kept []string
	for _, line := range lines {
		for token := range strings.SplitSeq(line, ",") {
			if token = trimOWS(token); token != "" && !speaksForOthers(token) {
				kept = append(kept, token)
			}
		}
	}
	if kept == nil {
		delete(h, "Connection")
		return
	}
	h["Connection"] = []string{strings.Join(kept, ", ")}
}

// forOthers are the names, in lower case, grouped by their first letter so that most
// fields of a request cost one look. One that ends in "*" is a prefix.
var forOthers = group(
	// The client's address, as one hop or service tells the next.
	"forwarded", "forwarded-*", "x-forwarded", "x-forwarded-*", "x-forward-*", "x-real-ip", "x-client-ip", "client-ip",
	"x-cluster-client-ip", "true-client-ip", "x-true-client-ip", "cf-connecting-*", "cf-pseudo-ipv4",
	"fastly-client-ip", "fastly-ssl", "fly-client-ip", "fly-forwarded-*", "do-connecting-ip", "ali-cdn-real-ip",
	"x-nf-client-connection-ip", "x-vercel-forwarded-for", "x-vercel-ip-*", "x-vercel-proxied-for", "x-azure-*",
	"x-appengine-*", "x-envoy-*", "cloudfront-*", "incap-client-ip", "x-sucuri-clientip",
	"x-originating-ip", "x-remote-ip", "x-remote-addr", "remote-addr", "x-proxyuser-ip", "proxy-client-ip", "wl-proxy-*",
	"http-client-ip", "http-x-forwarded-*",
	// Scheme, host and path.
	"front-end-https", "x-scheme", "x-url-scheme", "x-arr-*", "x-host", "x-http-host-override", "cf-visitor",
	"x-original-*", "x-rewrite-*", "x-script-name", "x-proxy-url",
	// CGI turns this one into HTTP_PROXY, Next.js takes this one for its own.
	"proxy", "x-middleware-subrequest*",
	// Certificates that a proxy has checked.
	"client-cert", "client-cert-chain", "x-client-cert*", "x-client-dn", "x-client-verify", "ssl-client-*", "x-ssl-*", "x-tls-client-*",
	// Users that a proxy has authenticated.
	"x-user*", "remote-user", "remote-name", "remote-email", "remote-groups", "x-remote-user*", "x-remote-group*", "x-remote-extra-*",
	"x-auth-request-*", "x-auth-user*", "x-auth-email", "x-auth-group*", "x-auth-role*", "x-authenticated-*", "x-authentik-*",
	"x-webauth-*", "x-proxy-user", "x-consumer-*", "x-credential-*", "x-anonymous-consumer", "x-ms-client-principal*",
	"x-goog-authenticated-user-*", "x-goog-iap-*", "x-amzn-oidc-*", "cf-access-authenticated-*", "x-token-subject",
	"tailscale-user-*", "x-pomerium-*",
)

func group(names ...string) (byFirst ['z' + 1][]string) {
	for _, name := range names {
		byFirst[name[0]] = append(byFirst[name[0]], name)
	}
	return byFirst
}

func speaksForOthers(name string) bool {
	if name == "" {
		return false
	}
	first := foldByte[name[0]]
	for _, pattern := range forOthers[first] {
		if matchFolded(name, pattern) {
			return !matchFolded(name, "x-user-agent")
		}
	}
	return false
}

// matchFolded compares name, folded, with a pattern in lower case.
func matchFolded(name, pattern string) bool {
	if last := len(pattern) - 1; pattern[last] == '*' {
		pattern = pattern[:last]
		if len(name) < len(pattern) {
			return false
		}
		name = name[:len(pattern)]
	}
	if len(name) != len(pattern) {
		return false
	}
	for i := len(name) - 1; i >= 0; i-- { // the ends differ more than the beginnings
		if foldByte[name[i]] != pattern[i] {
			return false
		}
	}
	return true
}

// isFolded tells whether name has a sign that folding would turn into "-".
func isFolded(name string) bool {
	for i := 0; i < len(name); i++ {
		if foldByte[name[i]] == '-' && name[i] != '-' {
			return true
		}
	}
	return false
}

// foldByte lowers letters, keeps digits, and makes "-" of the rest.
var foldByte = func() (t [256]byte) {
	for i := range t {
		c := byte(i)
		switch {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9':
			t[i] = c
		case 'A' <= c && c <= 'Z':
			t[i] = c - 'A' + 'a'
		default:
			t[i] = '-'
		}
	}
	return t
}()
