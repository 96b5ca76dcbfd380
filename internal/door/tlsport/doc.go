// Package tlsport is a listener that does the TLS handshake itself, so that what goes
// wrong there is answered by the door and not by net/http: plain HTTP on the TLS port
// gets the door's own page instead of a sentence that names the server.
//
//	ln := tlsport.New(inner, tlsport.Options{Config: cfg, Plain: page})
//	server.Serve(ln) // bare *tls.Conn, so HTTP/2 works
//
// It does not limit how many handshakes run at once; each is bounded in time.
package tlsport
