package demo

import (
	"net/http"

	"github.com/panoplysec/panoply/internal/practice"
)

// A flaw says how the shop breaks one practice and how to see it.
type flaw struct {
	ID string
	// What is broken, in a sentence.
	What string
	// Try is a path to open, or empty.
	Try string
	// How is what to do or to look for there.
	How string
}

// flaws has one entry a practice; a test holds it complete.
var flaws = []flaw{
	{"supported-versions", "The shop says that it runs Express 3.21.2, which nobody mends any more.", "/api/versions", "read the version of express"},
	{"tls", "It speaks plain HTTP: everybody on the way reads the password and the cookie.", "/login", "look at the address bar"},
	{"headers", "None of Helmet's headers is sent, so any site may frame it and any script may run.", "/", "open the network tab of the developer tools"},
	{"fingerprint", "X-Powered-By: Express, the cookie connect.sid, and Express's own 404 page.", "/no/such/page", "look at the page and its headers"},
	{"errors", "Errors answer with a stack trace: file paths, module names, the SQL statement.", "/boom", "read the trace; /api/boom has one in JSON"},
	{"cookies", "The session cookie has no Secure, HttpOnly or SameSite, and the name that everybody knows.", "/", "type document.cookie into the console"},
	{"sessions", "Sessions live in a map in memory: a restart forgets every login, and nothing expires.", "/account", "log in as demo, restart, and be a stranger"},
	{"brute-force", "Nobody counts attempts, and the answer says which names exist.", "/login", "guess admin's password as often as you like"},
	{"dependencies", "It lists packages with published holes.", "/api/versions", "read lodash, minimist, serialize-javascript, ws"},
	{"proxy-trust", "It believes X-Forwarded-Host from anybody and redirects there.", "/account", "curl -i -H 'X-Forwarded-Host: evil.example' …/account"},
	{"csrf", "Checkout and cart take a form from any site.", "/cart", "post the form from a page of another origin"},
	{"xss", "Reviews and searches come back as markup.", "/search?q=%3Cimg%20src%3Dx%20onerror%3D%22document.title%3D%60owned%60%22%3E", "look at the title of the tab"},
	{"command-injection", "The ping tool joins its shell line from input. (The shell is pretended and runs nothing.)", "/tools/ping?host=localhost%3B%20id", "read the output of id"},
	{"sql-injection", "Search and login join their queries from strings.", "/search?q='%20UNION%20SELECT%20name,%20password,%20email%20FROM%20users%20--%20", "read the passwords; or log in as admin' --"},
	{"redos", "The newsletter checks an address with ^([a-z]+)+@ and holds the only thread.", "/newsletter", "submit thirty letters without an @, and open the shop in a second tab"},
}

func (s *shop) naked(w http.ResponseWriter, r *http.Request) {
	type row struct {
		flaw
		Title string
	}
	rows := make([]row, 0, len(flaws))
	for _, f := range flaws {
		p, _ := practice.ByID(f.ID)
		rows = append(rows, row{f, p.Title})
	}
	s.render(w, r, "naked", "Naked on purpose", rows)
}
