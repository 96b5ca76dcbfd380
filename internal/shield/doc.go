// Package shield refuses requests that reach a known hole of the application, until the
// hole is mended: a virtual patch.
//
//	g, err := shield.New(shield.Options{Shields: []shield.Shield{{
//		ID:     "CVE-2022-29078",
//		Refuse: []shield.Condition{{In: "field", Name: "settings.view options"}},
//	}}})
//	if err != nil {
//		return err // every problem at once
//	}
//	h = g.Handler(h)
//
// A shield says which requests it is about (Routes, and Only, all of which must hold) and
// what they must not have (Refuse, one of which is enough). A condition looks in one place
// of the request, and what it says of it must hold of one and the same thing there. All of
// it is compiled by New, expressions are RE2, and a request pays for the shields that it
// can meet and for nothing else: bodies are looked at only where a shield asks for theirs.
//
// # What a field is
//
// Fields of the query, of forms and of multipart bodies and members of JSON are compared as
// applications come to read them: escapes undone (twice more where some are left), and names
// taken apart at brackets and dots, so that a[b], a.b and {"a":{"b":…}} are one. Where readers
// disagree every reading counts. Numbers between the names, as of arrays, do not.
//
// # What is not seen is refused
//
// A shield that asks for a body must see it whole. One that is longer than Look, comes in a
// content coding, is not what its Content-Type says, or whose Content-Type can be read in
// two ways, is refused, or under observe told. A body of another type than those of forms
// and JSON is looked at where it begins like JSON, or is text.
//
// # What it does not see
//
// Messages of a WebSocket after the handshake, gRPC, a document within a field, and what an
// application does with a value after it has read it. It knows nothing of whether the hole
// is there.
//
// FuzzNames and FuzzBody hold that no spelling of a name in the syntax of qs, and no JSON of
// encoding/json, hides a name; compat's tests of holes attack the real packages.
//
// Practice: dependencies. Sources: URL Standard section 5.1, RFC 7578, RFC 8259, RFC 9110.
package shield
