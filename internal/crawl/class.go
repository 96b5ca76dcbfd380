package crawl

import (
	"strings"

	"github.com/panoplysec/panoply/audit/check"
)

// Classify says what an answer is for, by its status and its media type.
func Classify(x *check.Exchange) check.Class {
	switch {
	case x.Status >= 400:
		return check.Error
	case x.Status >= 300 && x.Header.Get("Location") != "":
		return check.Redirect
	}
	media := mediaType(x)
	kind, sub, _ := strings.Cut(media, "/")
	switch {
	case media == "" && len(x.Body) == 0:
		return check.Other
	case media == "", media == "text/html", media == "application/xhtml+xml", media == "image/svg+xml":
		return check.Document
	case strings.HasSuffix(sub, "manifest+json"), kind == "image", kind == "font", kind == "audio", kind == "video",
		sub == "css", strings.HasSuffix(sub, "javascript"), strings.HasSuffix(sub, "ecmascript"), sub == "wasm",
		strings.Contains(sub, "font"):
		return check.Asset
	case kind != "text" && kind != "application":
		return check.Other
	case strings.HasSuffix(sub, "json"), strings.HasSuffix(sub, "xml"), strings.HasPrefix(sub, "grpc"):
		return check.API
	}
	switch sub {
	case "jsonl", "json-seq", "event-stream", "cbor", "msgpack", "x-msgpack", "protobuf", "x-protobuf", "graphql":
		return check.API
	}
	return check.Other
}

// mediaType is the type that the answer is labelled with, in lower case without its
// parameters; empty without a label, and where browsers treat the label as none.
func mediaType(x *check.Exchange) string {
	media, _, _ := strings.Cut(x.Header.Get("Content-Type"), ";")
	media = strings.ToLower(strings.TrimSpace(media))
	if kind, sub, _ := strings.Cut(media, "/"); kind == "" || sub == "" || media == "*/*" || media == "unknown/unknown" || media == "application/unknown" {
		return ""
	}
	return media
}
