// Package formtoken puts tokens into the forms of an application that knows nothing of them,
// on the paths that are named, and asks for them when the forms come back.
//
//	step, err := formtoken.New(formtoken.Options{Paths: []string{"/account/"}, Key: key, …})
//	h = step.Handler(h)
//
// It is a second line of defence behind package csrf, and asked for path by path, since it
// changes pages: they are not compressed, are held until they are whole, lose their ETag and
// are kept from shared caches, and the browser gets each anew. A form that a script makes has no token and is refused, as is
// one of a page that is longer than MaxPage or not UTF-8 compatible. The application gets one
// field more than it asked for.
//
// Tokens are those of package csrf, bound to a cookie of the door's own, under the prefix
// __Host-, which no sibling can plant. So they outlive a login; who logs in on a page that
// somebody else has filled in is stopped by package csrf alone.
//
// A form gets a token when it is sent by POST to this origin, and is not within another, which
// browsers would send in its place. Where any button of a page sends a form elsewhere or by
// GET (formaction, formmethod), or where browsers need not agree on where its forms begin, end
// and lead, the page is left as it is: a token must not leave the site.
//
// A path counts as named however an application may spell it: in another case, with two
// slashes. Routes of csrf with Exempt need no token.
//
// # How it is fuzzed
//
// FuzzInject holds that a page without the inserted fields is the page of before, byte by
// byte, and that a parser finds a field in each form that gets one and nowhere else.
package formtoken
