package check

// A Class is what an answer is for. Browsers and attackers treat the classes
// differently, so an audit judges each of them.
type Class string

// The classes.
const (
	// Document: a page that a browser shows and that can run script.
	Document Class = "document"
	// API: JSON, XML and the like, for programs.
	API Class = "api"
	// Asset: script, style, image, font, media.
	Asset Class = "asset"
	// Redirect: an answer that sends the visitor elsewhere.
	Redirect Class = "redirect"
	// Error: an answer with a status from 400.
	Error Class = "error"
	// Other: what is none of these, such as a download.
	Other Class = "other"
)

// Classes returns all classes in the order of reports.
func Classes() []Class { return []Class{Document, API, Asset, Redirect, Error, Other} }

// A Site is what a crawl saw of a target.
type Site struct {
	// Pages are in the order in which they were found, the target's own address first,
	// then the redirects from it.
	Pages []Page
	// Forms are those of the pages. The crawl reads them, and sends none.
	Forms []Form
	// Routes are addresses that a description or the source names and that no GET can
	// look at: those with another method. They are sorted.
	Routes []Route
	// Skipped counts what was left alone, by the reason: "may log out or delete",
	// "another origin", "beyond the bound of 300 pages".
	Skipped map[string]int
}

// A Page is one answer of the site.
type Page struct {
	*Exchange
	Class Class
	// From says how the page was found: "given", "redirect", "link on /", "robots.txt",
	// "sitemap", "openapi", "har", "source", or "missing" for one that was asked for
	// because it should not exist.
	From string
	// Private says that the page was asked for as a user, and a visitor does not get
	// the same.
	Private bool
}

// A Form is one form of a page, as a browser would send it.
type Form struct {
	// Page is the address of the page.
	Page string
	// Action is the absolute address to which it goes, Method GET or POST, Enctype its
	// media type.
	Action, Method, Enctype string
	Fields                  []Field
	// Says is what its buttons say to a person, joined by spaces.
	Says string
	// Private says that only a user sees it.
	Private bool
}

// A Field is one field of a form.
type Field struct{ Name, Type, Value string }

// A Route is a method and a path.
type Route struct{ Method, Path, From string }
