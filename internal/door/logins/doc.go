// Package logins finds the logins of an app by looking at what passes: requests that post
// a password, and how they are answered.
//
// A login that was found is only observed. It is enforced when a person confirms it, or,
// with SetAuto, when its path calls it a login and 20 successes and 20 failures were told
// apart. What signs people up or changes a password is no login: two password fields, a
// path that says so, or the answer 201. Requests with a bearer token never count.
//
// Only bodies of a known length of up to 64 KiB are looked at, as forms and JSON, so that
// nothing that streams is held up.
package logins
