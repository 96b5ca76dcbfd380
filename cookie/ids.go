package cookie

import "strings"

// idNames are frameworks' session cookies whose value is an id, made anew for each
// session. The others of frameworkNames may hold the session itself: then two sessions of
// one user can have the same value.
var idNames = map[string]bool{
	"connect.sid": true, "express.sid": true, "koa.sid": true, "sails.sid": true,
	"PHPSESSID": true, "CRAFTSESSIONID": true, "ci_session": true, "CAKEPHP": true,
	"JSESSIONID": true, "JSESSIONIDSSO": true, "GSESSIONID": true,
	"ASP.NET_SessionId": true, ".AspNetCore.Session": true,
	"sessionid": true, "beaker.session.id": true,
}

// HoldsID tells whether a session cookie's raw value is for sure an id of that one session:
// by the shape that express-session gives it, or by a framework's own name.
func HoldsID(name, value string) bool {
	return looksSigned(value) || idNames[name] || strings.HasPrefix(name, "ASPSESSIONID")
}
