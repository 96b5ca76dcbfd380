package wire

import (
	"strings"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/pattern"
)

// A signature recognises text that only one piece of software writes.
type signature struct {
	name string
	text pattern.Pattern
}

func sign(name, expression string) signature {
	return signature{name, pattern.New(expression)}
}

// match returns the first signature found in the head of the body, and where.
func match(all []signature, body []byte) (name string, at []int) {
	for _, s := range all {
		if at := s.text.Get().FindIndex(body); at != nil {
			return s.name, at
		}
	}
	return "", nil
}

// defaultPages are error pages as frameworks and servers ship them. A bare reason
// phrase is not among them: everybody writes it.
var defaultPages = []signature{
	sign("Express", `(?s)<title>Error</title>\s*</head>\s*<body>\s*<pre>`),
	sign("Express, Fiber or Nest", `Cannot [A-Z]+ (?:/|&#x2F;)`),
	sign("Fastify", `"message":"Route [A-Z]+:/[^"]* not found"`),
	sign("hapi", `^\{"statusCode":\d{3},"error":"[A-Za-z ]+","message":"`),
	sign("Go net/http", `\A404 page not found\n?\z`),
	sign("Go net/http", `\AMethod Not Allowed\n\z`),
	sign("Echo", `\A\{"message":"(?:Not Found|Method Not Allowed)"\}\n\z`),
	sign("nginx", `<hr><center>(?:nginx|openresty)`),
	sign("Apache", `<address>Apache|<p>The requested URL was not found on this server\.</p>`),
	sign("IIS", `<title>IIS |<title>404 - File or directory not found\.</title>`),
	sign("ASP.NET", `Server Error in '[^']*' Application`),
	sign("Tomcat", `HTTP Status \d{3} (?:–|-|&#8211;) |<h3>Apache Tomcat`),
	sign("Jetty", `Powered by Jetty`),
	sign("Spring", `Whitelabel Error Page|^\{"timestamp":"?[^,]+,"status":\d{3},"error":`),
	sign("Werkzeug", `If you entered the URL manually please check your spelling and try again`),
	sign("Starlette", `\A\{"detail":"(?:Not Found|Method Not Allowed)"\}\z`),
	sign("Django", `<h1>Not Found</h1>\s*<p>The requested resource was not found on this server\.</p>`),
	sign("Rails", `<title>The page you were looking for doesn(?:'|’|&#39;)t exist \(404`),
	sign("Symfony", `Oops! An Error Occurred</h1>\s*<h2>The server returned a `),
	sign("Next.js", `class="next-error-h1"|"page":"/_error"`),
	sign("PHP", `The requested resource <code class="url">`),
	sign("Python http.server", `<p>Error code explanation: `),
	sign("Varnish", `Guru Meditation`),
}

// debugPages are pages that a framework shows to developers.
var debugPages = []signature{
	sign("the Werkzeug debugger", `Werkzeug Debugger|__debugger__=yes`),
	sign("Django's debug page", `You're seeing this (?:error|page) because you have <code>DEBUG = True`),
	sign("Laravel's debug page", `ignition-dark-mode|<title>Whoops! There was an error\.</title>`),
	sign("Rails' debug page", `Action Controller: Exception caught`),
	sign("Symfony's debug page", `Symfony Exception`),
	sign("ASP.NET's debug page", `Description: </b>An unhandled exception occurred`),
}

// stackTraces are lines that a runtime prints about its own stack.
var stackTraces = []signature{
	sign("Node.js", `\bat (?:[^\n]+? \()?(?:file://)?(?:node:[\w/]+|(?:/|[A-Z]:\\)[^\s:()<]+\.[cm]?[jt]sx?):\d+:\d+`),
	sign("Python", `Traceback \(most recent call last\)`),
	sign("Java", `\bat [\w$.]+\([\w$]+\.(?:java|kt|scala):\d+\)`),
	sign("Go", `goroutine \d+ \[[a-z ,0-9]+\]:|[\w/.-]+\.go:\d+ \+0x[0-9a-f]+`),
	sign("PHP", `(?:Fatal error|Parse error|Warning|Notice|Uncaught [\w\\]+)[^\n]* in (?:<b>)?/[^\s<]+\.php(?:</b>)?(?: on line |:\d)|#\d+ /[^\s(]+\.php\(\d+\)`),
	sign("Ruby", "[\\w/.-]+\\.rb:\\d+:in [`']"),
	sign(".NET", `\bat [\w.`+"`"+`<>]+\([^)\n]*\) in [^\n]+:line \d+`),
	sign("Rust", `thread '[^'\n]{1,80}' panicked at`),
}

// paths are absolute paths of a machine that is not the reader's.
var paths = sign("a path", `(?:/(?:home|Users|root|srv|opt|app|var/www|usr/src)/[\w@.-][\w@./-]*\.(?:[cm]?[jt]sx?|go|py|rb|php|java|cs|rs|ejs|pug|hbs|html?|tmpl|json|ya?ml|env|sock))\b|[A-Z]:\\(?:Users|inetpub|www|sites|app)\\[^\s<>"']+`)

// databases are messages of a database.
var databases = []signature{
	sign("MySQL", `You have an error in your SQL syntax|ER_[A-Z]+_ERROR`),
	sign("PostgreSQL", `unterminated quoted string at or near|syntax error at or near "`),
	sign("SQLite", `SQLITE_(?:ERROR|CONSTRAINT)|near "[^"\n]{1,40}": syntax error`),
	sign("a database", `SQLSTATE\[|ORA-\d{5}|MongoServerError|Unclosed quotation mark after the character string`),
}

// banners are headers that name the software behind an answer, as far as nothing but
// curiosity needs them. Names are in canonical form.
var banners = []string{
	"X-Powered-By", "X-Powered-By-Plesk", "X-Powered-Cms", "X-Aspnet-Version", "X-Aspnetmvc-Version", "X-Sourcefiles",
	"X-Generator", "X-Generated-By", "X-Cms", "X-Content-Encoded-By", "X-Runtime", "X-Version", "X-Framework",
	"X-Server", "X-Server-Name", "X-Server-Powered-By", "X-Backend", "X-Backend-Server", "X-Served-By", "X-Host",
	"X-Nextjs-Cache", "X-Nextjs-Prerender", "X-Nextjs-Page", "X-Nextjs-Matched-Path", "X-Drupal-Cache",
	"X-Drupal-Dynamic-Cache", "X-Varnish", "X-Varnish-Backend", "X-Turbo-Charged-By", "X-Jitsi-Release",
	"X-Kubernetes-Pf-Flowschema-Ui", "X-Kubernetes-Pf-Prioritylevel-Uid", "X-Litespeed-Cache", "X-Envoy-Upstream-Service-Time",
	"X-Php-Version", "X-Redirect-By", "X-Shopify-Stage", "X-Mod-Pagespeed", "X-Page-Speed", "X-Owa-Version", "X-Feserver",
	"X-Debug-Token", "X-Debug-Token-Link", "Liferay-Portal", "Microsoftsharepointteamservices", "Sourcemap", "X-Sourcemap", "Pega-Host",
	"Product", "Host-Header", "Powered-By", "K-Proxy-Request", "X-Application-Context", "X-Bea-Version",
}

// serverSoftware recognises product names and versions in Server and Via.
var serverSoftware = pattern.New(`(?i)/\d|\b(?:nginx|apache|iis|express|node|caddy|openresty|litespeed|gunicorn|uvicorn|hypercorn|werkzeug|waitress|kestrel|jetty|tomcat|coyote|envoy|traefik|varnish|puma|unicorn|thin|webrick|phusion|cowboy|lighttpd|cherokee|tengine|haproxy|hapi|php|python|perl|tornado|daphne|fasthttp|iris|wildfly|undertow|netty|glassfish|weblogic|websphere|zope|plone|next\.js|vercel|deno|bun)\b`)

// cookieOwners are cookie names that a framework uses unless told otherwise, as it
// spells them: sessionId is the generic name that the Express page advises, sessionid
// is Django.
var cookieOwners = map[string]string{
	"connect.sid": "express-session", "express:sess": "cookie-session", "express.sid": "Express", "koa.sess": "koa-session",
	"koa:sess": "koa-session", "sails.sid": "Sails", "PHPSESSID": "PHP", "JSESSIONID": "Java", "ASP.NET_SessionId": "ASP.NET",
	".AspNetCore.Session": "ASP.NET", ".ASPXAUTH": "ASP.NET", "laravel_session": "Laravel", "ci_session": "CodeIgniter",
	"CAKEPHP": "CakePHP", "symfony": "Symfony", "rack.session": "Rack", "_session_id": "Rails", "sessionid": "Django",
	"csrftoken": "Django", "PLAY_SESSION": "Play", "CFID": "ColdFusion", "CFTOKEN": "ColdFusion",
	"beaker.session.id": "Beaker", "webpy_session_id": "web.py", "next-auth.session-token": "NextAuth.js", "_csrf": "csurf",
}

// cookieOwner names the software that a set of cookie names gives away, by the name
// that does so.
func cookieOwner(name string, others map[string]bool) string {
	bare := strings.TrimPrefix(strings.TrimPrefix(name, "__Host-"), "__Secure-")
	if owner := cookieOwners[bare]; owner != "" {
		return owner
	}
	// cookie-session's default is a plain word; its signature's name beside it is not.
	if bare == "session" && others["session.sig"] {
		return "cookie-session"
	}
	return ""
}

// excerpt shows where in a body a signature matched.
func excerpt(x *check.Exchange, at []int) check.Evidence { return x.Excerpt(at[0], at[1]) }
