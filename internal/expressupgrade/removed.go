package expressupgrade

import (
	"strings"

	"github.com/panoplysec/panoply/internal/jsast"
)

// A removal is an API with the major version that has it no more.
type removal struct {
	gone    int
	instead string
}

// middleware are the properties of express that came from connect.
var middleware = map[string]removal{
	"basicAuth":       {4, "the package basic-auth, or a login"},
	"bodyParser":      {4, "express.json() and express.urlencoded({extended: false}); multer for files"},
	"compress":        {4, "the package compression"},
	"cookieParser":    {4, "the package cookie-parser"},
	"cookieSession":   {4, "the package cookie-session"},
	"createServer":    {4, "express()"},
	"csrf":            {4, "Sec-Fetch-Site and Origin, which the door checks; csurf is deprecated"},
	"directory":       {4, "the package serve-index"},
	"errorHandler":    {4, "an error handler of your own; the package errorhandler in development"},
	"favicon":         {4, "the package serve-favicon"},
	"limit":           {4, "the option limit of express.json() and express.urlencoded()"},
	"logger":          {4, "the package morgan"},
	"methodOverride":  {4, "the package method-override"},
	"multipart":       {4, "the package multer"},
	"query":           {5, "nothing: req.query is there by itself"},
	"responseTime":    {4, "the package response-time"},
	"router":          {3, "app.use and app.get on the app, or express.Router()"},
	"session":         {4, "the package express-session"},
	"staticCache":     {4, "express.static() and a cache in front"},
	"timeout":         {4, "the package connect-timeout"},
	"vhost":           {4, "the package vhost"},
	"mime":            {5, "the package mime-types"},
	"static.mime":     {5, "the package mime-types"},
	"session.Cookie":  {4, "the package express-session"},
	"session.Session": {4, "the package express-session"},
	"session.Store":   {4, "Store of the package express-session"},

	"session.MemoryStore": {4, "a store of the package express-session that outlives the process"},
}

// apps are methods and properties of an app.
var apps = map[string]removal{
	"configure":      {4, "the code itself, in an if on process.env.NODE_ENV where it named an environment"},
	"router":         {4, "nothing: routes answer in the order in which they are added"},
	"dynamicHelpers": {3, "middleware that sets res.locals"},
	"helpers":        {3, "app.locals"},
	"error":          {3, "app.use with a handler of four parameters"},
	"register":       {3, "app.engine()"},
	"compiler":       {3, "app.engine()"},
	"is":             {3, "req.is()"},
	"locals":         {4, "properties of app.locals, which is an object"},
	"del":            {5, "app.delete()"},
	"accept":         {3, "req.accepts()"},
}

// requests and responses are methods that are gone whatever they are given.
var requests = map[string]removal{
	"param":            {5, "req.params, req.body or req.query, by name"},
	"acceptsCharset":   {5, "req.acceptsCharsets()"},
	"acceptsEncoding":  {5, "req.acceptsEncodings()"},
	"acceptsLanguage":  {5, "req.acceptsLanguages()"},
	"accepted":         {4, "req.accepts()"},
	"acceptedLanguage": {4, "req.acceptsLanguages()"},
	"acceptedCharset":  {4, "req.acceptsCharsets()"},
	"flash":            {3, "the package connect-flash"},
	"notify":           {3, "the package connect-flash"},
}

var responses = map[string]removal{
	"sendfile": {5, "res.sendFile(), with an absolute path or the option root"},
	"locals":   {4, "properties of res.locals, which is an object"},
	"partial":  {3, "includes of the template engine"},
	"local":    {3, "res.locals.NAME"},
}

// chained are methods of a response that return it.
var chained = []string{"status", "set", "header", "type", "contentType", "cookie", "clearCookie", "links", "attachment", "append", "vary", "location", "format"}

// responseCall tells about a call whose arguments decide.
func responseCall(method string, args []*jsast.Value) (api string, r removal) {
	first := func(k jsast.Kind, i int) bool { return i < len(args) && args[i].Kind == k }
	text := func(i int) string {
		if first(jsast.String, i) {
			return args[i].Text
		}
		return ""
	}
	switch method {
	case "send", "json", "jsonp":
		switch {
		case len(args) == 2 && first(jsast.Number, 0):
			return "res." + method + "(status, body)", removal{5, "res.status(status)." + method + "(body)"}
		case len(args) == 2:
			return "res." + method + "(body, status)", removal{5, "res.status(status)." + method + "(body)"}
		case method == "send" && len(args) == 1 && first(jsast.Number, 0):
			return "res.send(status)", removal{5, "res.sendStatus(status)"}
		}
	case "redirect", "location":
		switch {
		case text(0) == "back" || method == "redirect" && text(1) == "back":
			return "res." + method + "('back')", removal{5, "res." + method + "(req.get('Referrer') || '/')"}
		case method == "redirect" && len(args) == 2 && !first(jsast.Number, 0) && first(jsast.Number, 1):
			return "res.redirect(url, status)", removal{5, "res.redirect(status, url)"}
		}
	case "vary":
		if len(args) == 0 {
			return "res.vary()", removal{5, "res.vary(field)"}
		}
	case "on":
		if text(0) == "header" {
			return "res.on('header')", removal{4, "the package on-headers"}
		}
	}
	return "", removal{}
}

// pattern tells what of a path Express 5 reads otherwise: it takes a name after each
// star, braces for what may be absent, and no expressions in strings.
func pattern(path string) (api string, r removal) {
	name := func(c byte) bool {
		return c == '_' || c == '$' || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
	}
	for i := 0; i < len(path); i++ {
		switch c := path[i]; {
		case c == '\\':
			i++
		case c == '*' && (i+1 == len(path) || !name(path[i+1]) && path[i+1] != '"'):
			if i > 0 && path[i-1] == ')' {
				return "an expression in a path", removal{5, "a list of paths, a RegExp, or a check in the handler"}
			}
			return "* without a name in a path", removal{5, "*name, or {*name} where it may be empty: " + strings.Replace(path, "*", "{*splat}", 1)}
		case c == '?':
			return "? in a path", removal{5, "braces around what may be absent: /:file{.:ext}"}
		case strings.IndexByte("+()[]!", c) >= 0:
			return "an expression in a path", removal{5, "a list of paths, a RegExp, or a check in the handler"}
		}
	}
	return "", removal{}
}
