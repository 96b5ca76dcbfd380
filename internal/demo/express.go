package demo

import (
	"html"
	"net/http"
	"strconv"
	"strings"
)

// The frames are what Node prints for such an app. The paths are invented.
var (
	boomFrames = []string{
		"at ownerOf (/srv/shop/lib/cart.js:42:11)",
		"at /srv/shop/routes/cart.js:17:9",
		"at Layer.handle [as handle_request] (/srv/shop/node_modules/express/lib/router/layer.js:95:5)",
		"at next (/srv/shop/node_modules/express/lib/router/route.js:137:13)",
		"at Route.dispatch (/srv/shop/node_modules/express/lib/router/route.js:112:3)",
		"at process.processTicksAndRejections (node:internal/process/task_queues:95:5)",
	}
	jsonFrames = []string{
		"at JSON.parse (<anonymous>)",
		"at parse (/srv/shop/node_modules/body-parser/lib/types/json.js:89:19)",
		"at /srv/shop/node_modules/body-parser/lib/read.js:121:18",
		"at IncomingMessage.onEnd (/srv/shop/node_modules/raw-body/index.js:287:7)",
	}
	sqlFrames = []string{
		"at Database.prepare (/srv/shop/node_modules/better-sqlite3/lib/methods/wrappers.js:5:21)",
		"at search (/srv/shop/routes/search.js:8:19)",
		"at Layer.handle [as handle_request] (/srv/shop/node_modules/express/lib/router/layer.js:95:5)",
	}
)

// expressPage writes one of Express's default pages: its own markup around a
// preformatted message, with the two headers that finalhandler sets.
func expressPage(w http.ResponseWriter, status int, pre string) {
	body := "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>Error</title>\n</head>\n<body>\n<pre>" +
		pre + "</pre>\n</body>\n</html>\n"
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	w.Write([]byte(body))
}

// stackPage is Express's answer to an error in development.
// BROKEN ON PURPOSE (errors): a visitor reads file paths and module names.
func stackPage(w http.ResponseWriter, status int, message string, frames []string) {
	var b strings.Builder
	b.WriteString(html.EscapeString(message))
	for _, f := range frames {
		b.WriteString("<br> &nbsp; &nbsp;" + html.EscapeString(f))
	}
	expressPage(w, status, b.String())
}

// notFound is Express's default 404. BROKEN ON PURPOSE (fingerprint, errors): it names
// the framework by its looks and says the path back.
func notFound(w http.ResponseWriter, r *http.Request) {
	expressPage(w, http.StatusNotFound, html.EscapeString("Cannot "+r.Method+" "+r.URL.EscapedPath()))
}

func boom(w http.ResponseWriter, r *http.Request) {
	stackPage(w, http.StatusInternalServerError, "TypeError: Cannot read properties of undefined (reading 'owner')", boomFrames)
}

func apiBoom(w http.ResponseWriter, r *http.Request) {
	message := "TypeError: Cannot read properties of undefined (reading 'owner')"
	writeJSON(w, http.StatusInternalServerError, map[string]string{
		"error": "the cart has no owner",
		"stack": message + "\n    " + strings.Join(boomFrames, "\n    "),
	})
}

// manifest says what the shop is made of. BROKEN ON PURPOSE (supported-versions,
// dependencies): a retired framework, and old packages with known holes.
func manifest(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{
		"name": "hoplite-outfitters", "version": "0.0.1", "private": true,
		"scripts": map[string]string{"start": "NODE_ENV=development node app.js"},
		"dependencies": map[string]string{
			"express": "3.21.2", "lodash": "4.17.4", "minimist": "0.0.8",
			"serialize-javascript": "1.3.0", "ws": "1.1.0",
		},
	})
}

// redirect answers 302 with an absolute address. BROKEN ON PURPOSE (proxy-trust): it
// is built from what anybody may write into X-Forwarded-Host and -Proto.
func redirect(w http.ResponseWriter, r *http.Request, path string) {
	w.Header().Set("Location", base(r)+path)
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(http.StatusFound)
	w.Write([]byte("Found. Redirecting to " + base(r) + path))
}

// base is the origin that the shop takes itself to have.
func base(r *http.Request) string {
	scheme, host := r.Header.Get("X-Forwarded-Proto"), r.Header.Get("X-Forwarded-Host")
	if scheme == "" {
		scheme = "http"
	}
	if host == "" {
		host = r.Host
	}
	return scheme + "://" + host
}
