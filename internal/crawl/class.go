package crawl

import (
	"net/http"
	"strings"

	"github.com/panoplysec/panoply/audit/check"
)

// Classify says what an answer is for, by its status and its media type.
func Classify(x *check.Exchange) check.Class {
	switch {
	case x.Status >= 300 && x.Status < 400 && x.Status != http.StatusNotModified:
		return check.Redirect
	case x.Status >= 400:
		return check.Error
	}
	media, _, _ := strings.Cut(x.Header.Get("Content-Type"), ";")
	media = strings.ToLower(strings.TrimSpace(media))
	kind, sub, _ := strings.Cut(media, "/")
	switch {
	case media == "text/html", media == "application/xhtml+xml", media == "image/svg+xml", media == "" && len(x.Body) > 0:
		return check.Document
	case strings.HasSuffix(sub, "manifest+json"), kind == "image", kind == "font", kind == "audio", kind == "video":
		return check.Asset
	case sub == "css", strings.HasSuffix(sub, "javascript"), sub == "ecmascript", sub == "wasm":
		return check.Asset
	case sub == "json", sub == "xml", strings.HasSuffix(sub, "+json"), strings.HasSuffix(sub, "+xml"),
		sub == "x-ndjson", strings.HasPrefix(sub, "grpc"), sub == "event-stream":
		return check.API
	}
	return check.Other
}

// shapeOf is the path with what numbers and names its items taken out.
func shapeOf(path string) string {
	parts := strings.Split(path, "/")
	for i, part := range parts {
		digits := 0
		for _, r := range part {
			if r >= '0' && r <= '9' {
				digits++
			}
		}
		if digits > 0 && (digits*2 >= len(part) || len(part) >= 16) {
			parts[i] = "#"
		}
	}
	return strings.Join(parts, "/")
}
