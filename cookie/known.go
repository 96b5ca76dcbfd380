package cookie

import "strings"

// frameworkNames are the names that frameworks give their session cookies by default.
// None of them is a name that people choose by themselves for something else: a plain
// "session", "sid" or "token" is not here.
var frameworkNames = map[string]bool{
	// Node
	"connect.sid": true, "express.sid": true, "express:sess": true, "koa.sess": true, "koa:sess": true,
	"koa.sid": true, "sails.sid": true, "sessionId": true, "adonis-session": true,
	"next-auth.session-token": true, "authjs.session-token": true, "better-auth.session_token": true,
	// PHP
	"PHPSESSID": true, "laravel_session": true, "ci_session": true, "CAKEPHP": true, "CRAFTSESSIONID": true,
	// Java
	"JSESSIONID": true, "JSESSIONIDSSO": true, "PLAY_SESSION": true, "GSESSIONID": true,
	// .NET and ASP
	"ASP.NET_SessionId": true, ".ASPXAUTH": true, ".AspNetCore.Session": true, ".AspNetCore.Cookies": true,
	".AspNetCore.Identity.Application": true, ".AspNet.ApplicationCookie": true,
	// Ruby, Python, Perl, ColdFusion
	"_session_id": true, "rack.session": true, "sessionid": true, "beaker.session.id": true,
	"mojolicious": true, "CFID": true, "CFTOKEN": true,
}

// isFramework tells whether name is a framework's own session name.
func isFramework(name string) bool {
	if frameworkNames[name] || strings.HasPrefix(name, "ASPSESSIONID") {
		return true
	}
	// Rails calls it after the application: _shop_session.
	return len(name) > len("__session") && name[0] == '_' && name[1] != '_' && strings.HasSuffix(name, "_session")
}

// scriptNames hold tokens that a page's script reads and sends back in a header, beyond
// those that say csrf or xsrf. HttpOnly on one makes every form answer 403.
var scriptNames = map[string]bool{
	"__RequestVerificationToken": true, "authenticity_token": true, "RequestVerificationToken": true,
}

// isToken tells whether name is that of a double-submit token, such as XSRF-TOKEN,
// csrftoken, _csrf, _xsrf, __Host-psifi.x-csrf-token.
func isToken(name string) bool {
	return scriptNames[name] || containsFold(name, "csrf") || containsFold(name, "xsrf")
}

func containsFold(s, lower string) bool {
	for i := 0; i+len(lower) <= len(s); i++ {
		if strings.EqualFold(s[i:i+len(lower)], lower) {
			return true
		}
	}
	return false
}

// isGeneric tells whether a name says so little that renaming it hides nothing, while
// more than one program may use it.
func isGeneric(name string) bool { return strings.EqualFold(name, "session") }

// hasPrefixName tells whether browsers hold the name to the rules of a prefix. The
// prefixes count in any case (RFC 6265bis section 5.7).
func hasPrefixName(name string) bool {
	return prefixed(name, "__host-") || prefixed(name, "__secure-") || prefixed(name, "__http-")
}

func prefixed(name, prefix string) bool {
	return len(name) >= len(prefix) && strings.EqualFold(name[:len(prefix)], prefix)
}
