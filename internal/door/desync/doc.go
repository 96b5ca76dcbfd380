// Package desync attacks the framing of a whole door: what is sent to it, byte by byte over
// TLS, and what an application answers, must never be read in two ways. It has no code of
// its own outside its tests.
//
// The cases are data, two lines each: testdata/requests.txt (HTTP/1.1, raw bytes),
// testdata/http2.txt (fields of one HTTP/2 request) and testdata/answers.txt (what a lying
// application says). The head of each file says how a line is written, and load_test.go
// holds the grammar. A case names what has to happen on the door's own loop and exchange,
// and, where net/http's server or http.Transport cannot do better, what happens there.
//
// Every case is played through real doors, one for each way through (net/http with
// ReverseProxy, the own loop with the own exchange) before each of two applications: Node's
// http server, and one that writes down the bytes. Judged is what the application has
// seen: how many requests, which, with what body, in framing that nobody can take for
// another; and that the next request on the same connection, and the next client's,
// get the answers that are theirs.
//
// TestParsersAgree holds the door's parsers and Node's together on a corpus of small
// changes. TestSlowClients measures what good clients notice of slow ones.
package desync
