package active

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/panoplysec/panoply/audit/check"
	"github.com/panoplysec/panoply/internal/crawl"
	"github.com/panoplysec/panoply/internal/pattern"
)

// A login is where names and passwords are sent, and how.
type login struct {
	method, path string
	// page is the path of the page with the form, which every guess asks for anew, as a
	// visitor without a past; empty when there is none.
	page string
	// user and password are the names of the fields.
	user, password string
	// format is "form", "multipart", "json" or "basic".
	format string
}

// route names the login in reports: "POST /login".
func (l *login) route() string {
	path, _, _ := strings.Cut(l.path, "?")
	return l.method + " " + path
}

var (
	loginWords = pattern.New(`(?i)log[-_ ]?[io]n\b|log[-_ ]?in|sign[-_ ]?in|session|auth|anmeld|einlog|connexion|connecter|iniciar|acceder|accedi|inloggen`)
	// A form that makes or changes an account is never sent.
	otherWords = pattern.New(`(?i)sign[-_ ]?up|regist|\bjoin|create|\bnew\b|reset|forg[eo]t|recover|invit|delete|confirm|change|checkout|subscribe|logout|sign[-_ ]?out`)
	userWords  = pattern.New(`(?i)user|mail|login|name|account|benutzer|identifi`)
)

var errNoLogin = errors.New("no login was found: the pages have no form with a password that says it is one; --login-route \"POST /login\" names it")

// find finds the login: the one that the caller names, or the form of a page.
func find(ctx context.Context, s *check.Session) (*login, error) {
	g := s.Target.Guess
	if g.Route == "" {
		site, err := s.Crawl(ctx)
		if l := fromForms(s, site.Forms, ""); l != nil {
			return l, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%w (the crawl ended early: %w)", errNoLogin, err)
		}
		return nil, errNoLogin
	}
	l := &login{user: cmp.Or(g.UserField, "username"), password: cmp.Or(g.PasswordField, "password"), format: cmp.Or(g.Format, "form")}
	l.method, l.path, _ = strings.Cut(g.Route, " ")
	if l.format == "form" && l.method == http.MethodPost {
		// A form that leads there knows its fields, and holds the tokens that are wanted.
		site, _ := s.Crawl(ctx)
		if form := fromForms(s, site.Forms, l.path); form != nil {
			form.user, form.password = cmp.Or(g.UserField, form.user), cmp.Or(g.PasswordField, form.password)
			return form, nil
		}
	}
	return l, nil
}

// fromForms chooses the form that says most clearly that it is a login; with a path, the
// one that leads there.
func fromForms(s *check.Session, forms []check.Form, path string) *login {
	var best *login
	most := 0
	for _, f := range forms {
		l := readForm(s, f)
		if l == nil || f.Private {
			continue
		}
		score := clarity(f, l)
		if path != "" && (l.path == path || strings.HasPrefix(l.path, path+"?")) {
			score = 3
		} else if path != "" {
			continue
		}
		if score > most {
			best, most = l, score
		}
	}
	return best
}

// clarity is how clearly a form says that it is a login; 0 is not at all.
func clarity(f check.Form, l *login) int {
	said := ""
	for _, field := range f.Fields {
		if field.Type == "submit" {
			said += " " + field.Value
		}
	}
	action, page := words(l.path), words(l.page)
	switch {
	case otherWords.Get().MatchString(action + said):
		return 0
	case loginWords.Get().MatchString(action + said):
		return 2
	case otherWords.Get().MatchString(page):
		return 0
	case loginWords.Get().MatchString(page):
		return 1
	}
	return 0
}

// words is a path as text.
func words(path string) string {
	plain, err := url.PathUnescape(path)
	if err != nil {
		plain = path
	}
	return " " + strings.ReplaceAll(plain, "/", " ")
}

// readForm reads a form with one password and a name, of this origin; nil for others.
func readForm(s *check.Session, f check.Form) *login {
	action, err := url.Parse(f.Action)
	page, err2 := url.Parse(f.Page)
	if err != nil || err2 != nil || f.Method != http.MethodPost || action.Scheme != s.URL.Scheme || !strings.EqualFold(action.Host, s.URL.Host) {
		return nil
	}
	l := &login{method: f.Method, path: action.RequestURI(), page: page.RequestURI(), format: "form"}
	if f.Enctype == "multipart/form-data" {
		l.format = "multipart"
	}
	named := false
	for _, field := range f.Fields {
		switch {
		case field.Type == "password" && l.password != "":
			return nil // two passwords are a new one, twice
		case field.Type == "password":
			l.password = field.Name
		case !slices.Contains([]string{"text", "email", "tel", "search"}, field.Type):
		case l.user == "", !named && userWords.Get().MatchString(field.Name):
			l.user, named = field.Name, userWords.Get().MatchString(field.Name)
		}
	}
	if l.user == "" || l.password == "" {
		return nil
	}
	return l
}

// again finds the form on a page that was asked for anew; nil when it is gone.
func (l *login) again(x *check.Exchange) *check.Form {
	for _, f := range crawl.Forms(x) {
		action, err := url.Parse(f.Action)
		if err != nil || f.Method != l.method || !samePath(action.RequestURI(), l.path) {
			continue
		}
		if slices.ContainsFunc(f.Fields, func(field check.Field) bool { return field.Name == l.password }) {
			return &f
		}
	}
	return nil
}

// samePath compares without the queries, which may hold a token.
func samePath(a, b string) bool {
	a, _, _ = strings.Cut(a, "?")
	b, _, _ = strings.Cut(b, "?")
	return a == b
}
