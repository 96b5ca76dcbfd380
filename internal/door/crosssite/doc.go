// Package crosssite is the door's use of package csrf: what the guard refuses is looked at
// once more, so that no correct application breaks on the first day.
//
//	memory := crosssite.NewMemory(crosssite.MemoryOptions{…}) // one for the door's life
//	step, err := crosssite.New(crosssite.Options{Memory: memory, …})
//	h = step.Handler(h)
//
// These pass although another site sent them: what brings nothing that browsers add by
// themselves, unless it logs somebody in; what has a Bearer token, which a page can add only
// after it asked; and what comes from an origin to which the application has granted requests
// with credentials in a preflight that the door saw (CORS). Such an origin may send what a
// form cannot, so refusing its forms would protect little.
//
// Of the rest, a form of another site with an ambient credential is refused at once, and all
// else is observed, until Options.All. A cookie counts as ambient unless the application
// said SameSite=None of it and it is the state of a sign-on by its name, or ends within the
// hour and is no credential by its name: SameSite=None alone is said of sessions, too.
// What scripts of others count visitors by is no credential either.
//
// What a sign-on or a payment posts back is recognised by its fields and announced with the
// line that lets it pass. It is never let pass for its fields: anybody can name them so.
//
// Memory holds what was learnt (origins that were approved, names of such cookies) and what
// was, or would have been, refused; it is bounded, and what is lost at the bounds is said
// there.
package crosssite
