package bounds

import "net/http"

// HeadSize returns the bytes of r's head as HTTP/1.1 would write it: the request line,
// one line a field, and the empty line. What net/http has taken out of the header
// (Host, framing) counts where it still is known.
func HeadSize(r *http.Request) int {
	n := len(r.Method) + 1 + len(r.RequestURI) + len(" HTTP/1.1\r\n") + len("\r\n")
	n += len("Host: \r\n") + len(r.Host)
	for name, values := range r.Header {
		for _, value := range values {
			n += len(name) + len(": ") + len(value) + len("\r\n")
		}
	}
	return n
}
