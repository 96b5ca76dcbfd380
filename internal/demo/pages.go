package demo

import (
	"bytes"
	"cmp"
	"html/template"
	"net/http"
	"strconv"
	"strings"
)

// page is what the layout shows around a page's own data.
type page struct {
	Title string
	// Canonical is the address that the shop takes itself to have.
	Canonical string
	// Door tells that the request says it came by HTTPS, so through the door.
	Door bool
	// Address is what the shop takes the visitor's address to be.
	Address string
	User    string
	Cart    int
	Data    any
}

// parsePages makes one template a page, each with the layout.
func parsePages() map[string]*template.Template {
	layout := template.Must(template.ParseFS(files, "templates/layout.html"))
	entries, err := files.ReadDir("templates")
	if err != nil {
		panic("demo: embedded templates: " + err.Error())
	}
	pages := make(map[string]*template.Template)
	for _, e := range entries {
		if name := strings.TrimSuffix(e.Name(), ".html"); name != "layout" {
			pages[name] = template.Must(template.Must(layout.Clone()).ParseFS(files, "templates/"+e.Name()))
		}
	}
	return pages
}

// render writes a page with status 200. It sends nothing before the page is whole, so
// a session made on the way still gets its cookie.
func (s *shop) render(w http.ResponseWriter, r *http.Request, name, title string, data any) {
	s.renderStatus(w, r, http.StatusOK, name, title, data)
}

func (s *shop) renderStatus(w http.ResponseWriter, r *http.Request, status int, name, title string, data any) {
	visitor := s.session(w, r)
	var b bytes.Buffer
	err := s.pages[name].ExecuteTemplate(&b, "layout", page{
		Title:     title,
		Canonical: base(r) + r.URL.Path,
		Door:      r.Header.Get("X-Forwarded-Proto") == "https",
		Address:   cmp.Or(r.Header.Get("X-Forwarded-For"), r.RemoteAddr),
		User:      visitor.name(),
		Cart:      len(visitor.cart()),
		Data:      data,
	})
	if err != nil {
		stackPage(w, http.StatusInternalServerError, "Error: "+err.Error(), boomFrames)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(b.Len()))
	w.WriteHeader(status)
	w.Write(b.Bytes())
}
