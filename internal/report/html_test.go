package report_test

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/panoplysec/panoply/internal/report"
)

// outline is the page without its style: one line an element with its attributes or
// text, so that a change of structure shows as a diff.
func outline(t *testing.T, page []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	depth := 0
	z := html.NewTokenizer(bytes.NewReader(page))
	style := false
	for {
		switch z.Next() {
		case html.ErrorToken:
			if z.Err() != io.EOF {
				t.Fatal(z.Err())
			}
			return out.Bytes()
		case html.StartTagToken, html.SelfClosingTagToken:
			token := z.Token()
			style = token.Data == "style"
			out.WriteString(strings.Repeat(" ", depth) + token.String() + "\n")
			if token.Type == html.StartTagToken && !slices.Contains([]string{"meta", "br"}, token.Data) {
				depth++
			}
		case html.EndTagToken:
			depth--
			style = false
		case html.TextToken:
			if text := strings.TrimSpace(string(z.Text())); text != "" && !style {
				out.WriteString(strings.Repeat(" ", depth) + strings.Join(strings.Fields(html.UnescapeString(text)), " ") + "\n")
			}
		}
	}
}

func TestHTML(t *testing.T) {
	golden(t, "page.txt", outline(t, written(t, "html", full(), report.Options{Version: "1.2.3"})))
}

// TestHTMLOfHostileText: whatever a target said, the page has the elements and
// attributes that it has anyway, and links lead nowhere but to its own parts and to the
// list of weaknesses.
func TestHTMLOfHostileText(t *testing.T) {
	plain, spoiled := shape(t, written(t, "html", full(), report.Options{})), shape(t, written(t, "html", hostile(), report.Options{}))
	for _, saw := range spoiled {
		if !slices.Contains(plain, saw) {
			t.Errorf("the hostile page has %q, which the plain one has not", saw)
		}
	}
	for _, forbidden := range []string{"script", "iframe", "object", "embed", "form", "link", "base", "img"} {
		if slices.Contains(spoiled, forbidden) {
			t.Errorf("the page has an element %s", forbidden)
		}
	}
}

// shape is the set of elements, of attributes by element, and of where links lead.
func shape(t *testing.T, page []byte) []string {
	t.Helper()
	set := make(map[string]bool)
	z := html.NewTokenizer(bytes.NewReader(page))
	for z.Next() != html.ErrorToken {
		token := z.Token()
		if token.Type != html.StartTagToken && token.Type != html.SelfClosingTagToken {
			continue
		}
		set[token.Data] = true
		for _, a := range token.Attr {
			set[token.Data+" "+a.Key] = true
			switch {
			case strings.HasPrefix(a.Key, "on"), a.Key == "style", a.Key == "src":
				t.Errorf("the element %s has an attribute %s", token.Data, a.Key)
			case a.Key == "href" && !strings.HasPrefix(a.Val, "#") && !strings.HasPrefix(a.Val, "https://cwe.mitre.org/data/definitions/"):
				t.Errorf("a link leads to %.80q", a.Val)
			}
		}
	}
	if z.Err() != io.EOF {
		t.Fatal(z.Err())
	}
	var all []string
	for name := range set {
		all = append(all, name)
	}
	return all
}

// TestHTMLPermitsNothing: the page's own policy, before anything else in it.
func TestHTMLPermitsNothing(t *testing.T) {
	page := string(written(t, "html", full(), report.Options{}))
	const policy = `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:;`
	if at := strings.Index(page, policy); at < 0 || at > strings.Index(page, "<style") {
		t.Errorf("the page's policy is at %d, want it before the style", at)
	}
	for _, outside := range []string{"url(", "@import", "@font-face", "src="} {
		if strings.Contains(page, outside) {
			t.Errorf("the page holds %q", outside)
		}
	}
}
