package conceal

// defaultPage recognises one page that a framework or server writes by itself.
//
// Patterns are matched against the body with letters in lower case, every run of
// blanks as one, and none between two tags. In a pattern "*" is text without a tag,
// "**" anything, "{status}" the status, "{reason}" its reason phrase and "{method}"
// the request's method; the pattern covers the whole body. That holds the app's own
// pages off: a page that only quotes such text is another.
type defaultPage struct {
	stack   string
	pattern string
	// marks, instead of a pattern, are texts that all occur: for debug pages, which
	// are long, full of the app's data, and not meant for anybody outside.
	marks []string
}

// Finalhandler's template, in the two uses it has: its own errors, and the redirect of
// serve-static.
const (
	expressPage     = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>error</title></head><body><pre>**</pre></body></html>`
	expressRedirect = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>redirecting</title></head><body><pre>redirecting to *</pre></body></html>`
)

// defaultPages are facts about what others send.
var defaultPages = []defaultPage{
	// Node.
	{stack: "express", pattern: expressPage},
	{stack: "express", pattern: `<!doctype html><html lang=en><meta charset=utf-8><title>error</title><pre>**</pre>`},

	// Python.
	{stack: "werkzeug", pattern: `<!doctype html><html lang=en><title>{status} {reason}</title><h1>{reason}</h1><p>**</p>`},
	{stack: "werkzeug", pattern: `<!doctype html public "-//w3c//dtd html 3.2 final//en"><title>{status} {reason}</title><h1>{reason}</h1><p>**</p>`},
	{stack: "werkzeug", marks: []string{`// werkzeug debugger</title>`}},
	{stack: "django", pattern: `<!doctype html><html lang="en"><head><title>not found</title></head><body><h1>not found</h1><p>the requested resource was not found on this server.</p></body></html>`},
	{stack: "django", pattern: `<!doctype html><html lang="en"><head><title>server error (500)</title></head><body><h1>server error (500)</h1><p></p></body></html>`},
	{stack: "django", pattern: `<!doctype html><html lang="en"><head><title>{status} forbidden</title></head><body><h1>{status} forbidden</h1><p></p></body></html>`},
	{stack: "django", pattern: `<!doctype html><html lang="en"><head><title>bad request ({status})</title></head><body><h1>bad request ({status})</h1><p></p></body></html>`},
	{stack: "django", marks: []string{`csrf verification failed. request aborted.`, `<h1>forbidden <span>(403)</span></h1>`}},
	{stack: "django", marks: []string{`you're seeing this error because you have <code>debug = true</code>`}},
	{stack: "django", marks: []string{`<meta name="robots" content="none,noarchive">`, `html * { padding:0; margin:0; }`}},
	{stack: "gunicorn", pattern: `<html><head><title>{reason}</title></head><body><h1><p>{reason}</p></h1>**</body></html>`},
	{stack: "tornado", pattern: `<html><title>{status}: *</title><body>{status}: *</body></html>`},
	{stack: "aiohttp", pattern: `<html><head><title>{status} *</title></head><body><h1>{status} *</h1> server got itself in trouble**</body></html>`},
	{stack: "bottle", marks: []string{`<title>error: {status} `, `<p>sorry, the requested url <tt>`}},
	{stack: "cherrypy", marks: []string{`<h2>{status} `, `powered by <a href="http://www.cherrypy.`}},
	{stack: "http.server", marks: []string{`<title>error response</title>`, `<p>error code: {status}</p>`}},
	{stack: "pyramid", pattern: `<html><head><title>{status} *</title></head><body><h1>{status} *</h1> the resource could not be found.**</body></html>`},
	{stack: "starlette", marks: []string{`<title>starlette debugger</title>`}},

	// Ruby.
	{stack: "rails", marks: []string{`<title>the page you were looking for doesn`, `(404`, `application owner check the logs for more information.`}},
	{stack: "rails", marks: []string{`<title>we're sorry, but something went wrong (500`, `application owner check the logs for more information.`}},
	{stack: "rails", marks: []string{`<title>the change you wanted was rejected (422`, `application owner check the logs for more information.`}},
	{stack: "rails", marks: []string{`<title>action controller: exception caught</title>`}},
	{stack: "sinatra", marks: []string{`<h2>sinatra doesn`, `know this ditty.</h2>`}},
	{stack: "rack", marks: []string{`you're seeing this error because you use <code>rack::showexceptions</code>`}},
	{stack: "passenger", marks: []string{`<title>web application could not be started</title>`}},

	// Java.
	{stack: "spring", marks: []string{`<html><body><h1>whitelabel error page</h1><p>this application has no explicit mapping for /error`}},
	{stack: "tomcat", pattern: `<!doctype html><html lang="*"><head><title>http status {status} *</title><style type="text/css">*</style></head><body><h1>http status {status} *</h1>**</body></html>`},
	{stack: "tomcat", pattern: `<html><head><title>*error report</title><style**</head><body><h1>http status {status} *</h1>**</body></html>`},
	{stack: "jetty", pattern: `<html><head><meta http-equiv="content-type" content="text/html;charset=*"/><title>error {status} *</title></head><body><h2>http error {status}**</body></html>`},
	{stack: "undertow", pattern: `<html><head><title>error</title></head><body>{reason}</body></html>`},
	{stack: "vert.x", pattern: `<html><body><h1>resource not found</h1></body></html>`},
	{stack: "play", marks: []string{`<title>action not found</title>`, `for request '`}},
	{stack: "weblogic", marks: []string{`<title>error {status}--`, `from rfc 2068`}},

	// .NET.
	{stack: "aspnet", marks: []string{`<title>runtime error</title>`, `server error in '`, `application.`}},
	{stack: "aspnet", marks: []string{`server error in '`, `<b> description: </b>`, `<b> exception details: </b>`}},
	{stack: "aspnet", marks: []string{`<title>the resource cannot be found.</title>`, `server error in '`}},
	{stack: "aspnetcore", marks: []string{`<title>internal server error</title>`, `<h1>an unhandled exception occurred while processing the request.</h1>`}},
	{stack: "iis", pattern: `<!doctype html public "-//w3c//dtd html 4.01//en""http://www.w3.org/tr/html4/strict.dtd"><html><head><title>*</title><meta http-equiv="content-type" content="text/html; charset=us-ascii"></head><body><h2>*</h2><hr><p>http error {status}.*</p></body></html>`},
	{stack: "iis", pattern: `**<title>{status} - *</title><style type="text/css">**<div id="header"><h1>server error</h1></div><div id="content">**</html>`},
	{stack: "iis", marks: []string{`<title>iis `, ` detailed error - {status}.`}},

	// PHP.
	{stack: "php", pattern: `<!doctype html><html><head><title>{status} *</title><style>*</style></head><body><h1>*</h1><p>the requested resource <code class="url">*</code> was not found on this server.</p></body></html>`},
	{stack: "laravel", marks: []string{`<title>{reason}</title>`, `<div class="px-4 text-lg text-gray-500 border-r border-gray-400 tracking-wider"> {status} </div>`}},
	{stack: "laravel", marks: []string{`window.ignite(`}},
	{stack: "laravel", marks: []string{`<!-- illuminate\`}},
	{stack: "symfony", marks: []string{`<title>an error occurred: `, `<h1>oops! an error occurred</h1>`}},
	{stack: "symfony", marks: []string{`symfony exception`, `class="exception-`}},
	{stack: "whoops", marks: []string{`<title>whoops! there was an error.</title>`}},

	// Rust, Elixir.
	{stack: "rocket", pattern: `<!doctype html><html lang="en"><head><meta charset="utf-8">**<title>{status} *</title></head><body align="center"><div role="main" align="center"><h1>{status}: **<small>rocket</small></div></body></html>`},
	{stack: "phoenix", marks: []string{`<title>phoenix.router.norouteerror at `}},

	// Servers and proxies.
	{stack: "nginx", pattern: `<html><head><title>{status} *</title></head><body><center><h1>{status} *</h1></center><hr><center>*</center></body></html>**`},
	{stack: "nginx", pattern: `<html><head><title>{status} *</title></head><body bgcolor="white"><center><h1>{status} *</h1></center><hr><center>*</center></body></html>**`},
	{stack: "nginx", pattern: `<html><head><title>{status} *</title></head><body><center><h1>{status} *</h1></center><center>*</center><hr><center>*</center></body></html>**`},
	{stack: "nginx", marks: []string{`<title>error</title>`, `<p>sorry, the page you are looking for is currently unavailable.<br/> please try again later.</p>`, `faithfully yours, nginx.`}},
	{stack: "apache", pattern: `<!doctype html public "-//ietf//dtd html 2.0//en"><html><head><title>{status} *</title></head><body><h1>*</h1><p>**</body></html>`},
	{stack: "apache", pattern: `<?xml version="1.0" encoding="utf-8"?><!doctype html public "-//w3c//dtd xhtml 1.0 strict//en"**<link rev="made" href="mailto:**<h2>error {status}</h2>**</html>`},
	{stack: "lighttpd", pattern: `<?xml version="1.0" encoding="iso-8859-1"?><!doctype html public **<head><title>{status} {reason}</title></head><body><h1>{status} {reason}</h1></body></html>`},
	{stack: "lighttpd", pattern: `<!doctype html><html lang="en"><head><title>{status} {reason}</title></head><body><h1>{status} {reason}</h1></body></html>`},
	{stack: "litespeed", marks: []string{`<title> {status} `, `<h1 style="margin:0; font-size:150px; line-height:150px; font-weight:bold;">{status}</h1>`}},
	{stack: "haproxy", pattern: `<html><body><h1>{status} {reason}</h1> *. </body></html>`},
	{stack: "varnish", marks: []string{`<title>{status} `, `<p>varnish cache server</p>`}},
	{stack: "squid", marks: []string{`<title>error: the requested url could not be retrieved</title>`, `(squid`}},
}

// defaultTexts are bodies of one line that servers and frameworks send as plain text
// or without any markup; the same rules of matching hold.
var defaultTexts = []defaultPage{
	{stack: "reason", pattern: `{reason}`},
	{stack: "reason", pattern: `{status} {reason}`},
	{stack: "reason", pattern: `{status}: {reason}`},
	{stack: "express", pattern: `cannot {method} /*`},
	{stack: "go", pattern: `404 page not found`},
	{stack: "go", pattern: `405 method not allowed`},
	{stack: "go", pattern: `400 bad request: * host header`},
	{stack: "go", pattern: `client sent an http request to an https server.`},
	{stack: "php", pattern: `file not found.`},
	{stack: "php", pattern: `no input file specified.`},
	{stack: "uvicorn", pattern: `invalid http request received.`},
	{stack: "puma", pattern: `an unhandled lowlevel error occurred. the application logs may have details.`},
	{stack: "envoy", pattern: `no healthy upstream`},
	{stack: "envoy", pattern: `upstream connect error or disconnect/reset before headers.*`},
	{stack: "kubernetes", pattern: `default backend - 404`},
	{stack: "traefik", pattern: `no available server`},
	{stack: "aiohttp", pattern: `500 internal server error server got itself in trouble`},
}

// redirectBodies are what frameworks write beneath a redirect. Nobody reads them, and
// they repeat the address.
var redirectBodies = []defaultPage{
	{stack: "express", pattern: `{reason}. redirecting to *`},
	{stack: "express", pattern: `<p>{reason}. redirecting to **</p>`},
	{stack: "express", pattern: `<!doctype html><head><title>{reason}</title></head><body><p>{reason}. redirecting to **</p></body>`},
	{stack: "express", pattern: expressRedirect},
	{stack: "koa", pattern: `redirecting to **`},
	{stack: "go", pattern: `<a href="*">{reason}</a>.`},
	{stack: "werkzeug", pattern: `<!doctype html><html lang=en><title>redirecting...</title><h1>redirecting...</h1><p>**`},
	{stack: "werkzeug", pattern: `<!doctype html public "-//w3c//dtd html 3.2 final//en"><title>redirecting...</title><h1>redirecting...</h1><p>**`},
	{stack: "rails", pattern: `<html><body>you are being <a href="*">redirected</a>.</body></html>`},
	{stack: "symfony", pattern: `<!doctype html><html><head><meta charset="utf-8" /><meta http-equiv="refresh" content="0;url=*" /><title>redirecting to *</title></head><body> redirecting to <a href="*">*</a>. </body></html>`},
	{stack: "nginx", pattern: `<html><head><title>{status} *</title></head><body><center><h1>{status} *</h1></center><hr><center>*</center></body></html>**`},
	{stack: "apache", pattern: `<!doctype html public "-//ietf//dtd html 2.0//en"><html><head><title>{status} *</title></head><body><h1>*</h1><p>the document has moved **</body></html>`},
	{stack: "aspnet", pattern: `<html><head><title>object moved</title></head><body><h2>object moved to <a href="*">here</a>.</h2></body></html>`},
	{stack: "iis", pattern: `<head><title>document moved</title></head><body><h1>object moved</h1>**</body>`},
}
