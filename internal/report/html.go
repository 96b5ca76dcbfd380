package report

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io"
	"sync"

	"github.com/panoplysec/panoply/audit"
)

//go:embed page.html page.css
var pages embed.FS

// pageTemplate is parsed when the first page is written.
var pageTemplate = sync.OnceValues(func() (*template.Template, error) { return template.ParseFS(pages, "page.html", "page.css") })

// HTML writes the report as one page that needs nothing else: no script, no font, no
// picture and no style from anywhere, and a Content-Security-Policy that permits none.
// It is light or dark as the reader's system is, fits a narrow screen, and prints with
// everything opened. Nothing that a target said stands in it as markup or as a link.
func HTML(w io.Writer, r *audit.Report, version string) error {
	t, err := pageTemplate()
	if err != nil {
		return fmt.Errorf("report: the page's template: %w", err)
	}
	var out bytes.Buffer
	if err := t.ExecuteTemplate(&out, "page.html", newPage(clean(r), line(version))); err != nil {
		return fmt.Errorf("report: writing HTML: %w", err)
	}
	_, err = io.WriteString(w, inertMarkup(out.String()))
	return err
}
