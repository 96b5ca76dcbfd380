package crawl

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/xml"
	"io"
	"net/http"
	"strings"

	"github.com/panoplysec/panoply/audit/check"
)

// The bounds on sitemaps: how many are asked for, how far one is unpacked, and how many
// addresses one may name.
const (
	maxSitemaps  = 10
	maxUnpacked  = 4 << 20
	maxLocations = 20000
)

// sitemaps asks for the sitemaps, and for those that they name in turn, and takes the
// pages that they name.
func (w *walk) sitemaps(ctx context.Context, addresses []string) error {
	known := make(map[string]bool)
	for n := 0; len(addresses) > 0 && n < maxSitemaps; addresses = addresses[1:] {
		u, where := w.resolve(w.URL, addresses[0])
		if where == nowhere {
			continue
		}
		if where == outside {
			w.leave(leftOrigin, u.String())
			continue
		}
		path := target(u)
		if known[path] || len(path) > maxPath || strings.HasPrefix(path, "//") {
			continue
		}
		known[path] = true
		n++
		answers, errs := w.fetch(ctx, []check.Request{w.request(path)})
		if w.judge(errs[0]) && answers[0].Status == http.StatusOK {
			addresses = append(addresses, w.sitemap(answers[0])...)
		}
		if err := w.hopeless(ctx); err != nil {
			return err
		}
	}
	return nil
}

// sitemap queues the pages that an answer names and returns the sitemaps.
func (w *walk) sitemap(x *check.Exchange) []string {
	locations, index := readSitemap(unpacked(x.Body))
	if len(locations) == 0 {
		return nil
	}
	w.describes(x, "sitemap")
	if index {
		return locations[:min(len(locations), 2*maxSitemaps)]
	}
	for _, address := range locations {
		w.offer(w.URL, ref{address: address}, "sitemap", 1)
	}
	return nil
}

// unpacked takes gzip off, up to the bound.
func unpacked(body []byte) []byte {
	if !bytes.HasPrefix(body, []byte{0x1f, 0x8b}) {
		return body
	}
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil
	}
	text, _ := io.ReadAll(io.LimitReader(z, maxUnpacked)) // what came before an error counts
	return text
}

// readSitemap returns the addresses of a sitemap, and whether they are those of other
// sitemaps. Source: sitemaps.org, also for the plain text of one address a line.
func readSitemap(text []byte) (locations []string, index bool) {
	text = bytes.TrimSpace(bytes.TrimPrefix(text, []byte("\ufeff")))
	if !bytes.HasPrefix(text, []byte("<")) {
		for line := range bytes.Lines(text) {
			address := string(bytes.TrimSpace(line))
			if !strings.HasPrefix(address, "http://") && !strings.HasPrefix(address, "https://") || len(locations) == maxLocations {
				break
			}
			locations = append(locations, address)
		}
		return locations, false
	}
	d := xml.NewDecoder(bytes.NewReader(text))
	d.Strict = false
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	var location strings.Builder
	open := false
	for len(locations) < maxLocations {
		// Raw, so that no stack of open elements grows.
		token, err := d.RawToken()
		if err != nil {
			break
		}
		switch token := token.(type) {
		case xml.StartElement:
			index = index || token.Name.Local == "sitemapindex"
			open = token.Name.Local == "loc" && token.Name.Space != "image" && token.Name.Space != "video"
			location.Reset()
		case xml.CharData:
			if open && location.Len() <= 2*maxPath {
				location.Write(token)
			}
		case xml.EndElement:
			if address := strings.TrimSpace(location.String()); open && address != "" {
				locations = append(locations, address)
			}
			open = false
		}
	}
	return locations, index
}
