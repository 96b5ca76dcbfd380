package observatory

import (
	"reflect"
	"testing"
)

// TestReadPage holds both ways of reading to what their originals find.
func TestReadPage(t *testing.T) {
	external := script{src: "https://a/b"}
	resolved := script{src: "https://a/"}
	policy := page{policies: []string{"img-src a"}}
	for _, c := range []struct {
		name, in string
		v4, v6   page
	}{
		{"script", `<script src="https://a/b"></script>`, page{scripts: []script{resolved}}, page{scripts: []script{external}}},
		{"upper case", `<SCRIPT SRC=https://a/b INTEGRITY=x>`,
			page{scripts: []script{{"https://a/", "x"}}}, page{scripts: []script{{"https://a/b", "x"}}}},
		{"base", `<base href=https://a/><script src=b>`, page{scripts: []script{resolved}}, page{scripts: []script{{src: "b"}}}},
		{"relative without a base", `<script src=b>`, page{scripts: []script{{src: "b"}}}, page{scripts: []script{{src: "b"}}}},
		{"in a comment", `<!-- <script> --!>`, page{}, page{}},
		{"empty comment", `<!--><script src=b>`, page{scripts: []script{{src: "b"}}}, page{scripts: []script{{src: "b"}}}},
		{"in raw text", `<style><script></style><title><script></title>`, page{}, page{}},
		{"in a template", `<template><script></script></template>`, page{}, page{scripts: []script{{}}}},
		{"in SVG", `<svg><title><script></title><script src=b />`,
			page{scripts: []script{{}}}, page{scripts: []script{{}}}},
		{"after plaintext", `<plaintext><script>`, page{}, page{}},
		{"tag that never ends", `<script src=b`, page{}, page{}},
		{"section outside SVG", `<![CDATA[><script src=b>]]>`, page{scripts: []script{{src: "b"}}}, page{}},
		{"meta", `<meta http-equiv=" Content-Security-POLICY" content="img-src a">`, policy, policy},
		{"first of two attributes", `<meta http-equiv=content-security-policy content="img-src a" content=b>`, policy, policy},
		{"references", `<meta http-equiv="content&#45;security-policy" content="img&hyphen;src&#x20;a">`,
			page{policies: []string{"img‐src a"}}, page{policies: []string{"img‐src a"}}},
		{"reference that goes on", `<meta name=referrer content="&ampx&amp&notit;">`,
			page{referrer: "&ampx&&notit;"}, page{referrer: "&ampx&&notit;"}},
		{"meta without content", `<meta http-equiv=content-security-policy>`, page{}, page{}},
		{"meta in noscript", `<noscript><meta http-equiv=content-security-policy content="img-src a"></noscript>`, page{}, policy},
		{"meta in a select", `<select><meta http-equiv=content-security-policy content="img-src a">`, page{}, policy},
		{"meta in a form in a form", `<form><form http-equiv=x><meta http-equiv=content-security-policy content="img-src a">`, policy, policy},
		{"last referrer", `<meta name=referrer content=a><meta name=Referrer content=b><meta name=referrer>`,
			page{referrer: "b"}, page{referrer: "b"}},
		{"referrer with http-equiv", `<meta name=referrer http-equiv=x content=a>`, page{}, page{}},
		{"quotes in an unquoted value", `<meta name=referrer content=a"b'&amp;>`, page{referrer: `a"b'&`}, page{referrer: `a"b'&`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := readPage(c.in, V4); !reflect.DeepEqual(got, c.v4) {
				t.Errorf("readPage(%q, V4) = %+v, want %+v", c.in, got, c.v4)
			}
			if got := readPage(c.in, V6); !reflect.DeepEqual(got, c.v6) {
				t.Errorf("readPage(%q, V6) = %+v, want %+v", c.in, got, c.v6)
			}
		})
	}
}
