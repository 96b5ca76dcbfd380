package upstream

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"strings"
	"syscall"
)

// failed is ReverseProxy's ErrorHandler.
func (p *Reverse) failed(w http.ResponseWriter, r *http.Request, err error) {
	f := classifyTransport(err)
	if ex := passageOf(r.Context()); ex != nil {
		ex.timed(0)
		r = ex.in
		if body, ok := r.Body.(interface{ Err() error }); ok {
			// A request that broke on its way is told by what broke it.
			f = blame(f, body.Err())
		}
	}
	p.opts.fail(w, r, f)
}

// classifyTransport gives an error of the transport its status and reason. net/http has no
// errors to compare with for some of them; their texts are held by this package's tests.
func classifyTransport(err error) Failure {
	var answer answerError
	var op *net.OpError
	text := err.Error()
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, http.ErrAbortHandler):
		return Failure{0, ClientGone, err}
	case errors.As(err, &answer):
		return Failure{http.StatusBadGateway, BadAnswer, err}
	case errors.Is(err, syscall.ECONNREFUSED):
		return Failure{http.StatusBadGateway, Refused, err}
	case errors.As(err, &op) && op.Op == "dial":
		if op.Timeout() {
			return Failure{http.StatusGatewayTimeout, ConnectTimeout, err}
		}
		return Failure{http.StatusBadGateway, Unreachable, err}
	case untrusted(err):
		return Failure{http.StatusBadGateway, Untrusted, err}
	case strings.Contains(text, "TLS handshake timeout"):
		return Failure{http.StatusGatewayTimeout, ConnectTimeout, err}
	case timedOut(err):
		return Failure{http.StatusGatewayTimeout, ResponseTimeout, err}
	case strings.Contains(text, "server response headers exceeded"):
		return Failure{http.StatusBadGateway, HeadTooLarge, err}
	case strings.Contains(text, "EOF"), strings.Contains(text, "server closed idle connection"),
		strings.Contains(text, "http2: client connection lost"), strings.Contains(text, "GOAWAY"),
		errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return Failure{http.StatusBadGateway, Closed, err}
	}
	return Failure{http.StatusBadGateway, BadAnswer, err}
}

// untrusted tells that TLS came to no end that both sides agree on.
func untrusted(err error) bool {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok || errors.Is(err, http.ErrSchemeMismatch) {
		return true // it speaks plain HTTP there
	}
	op, ok := errors.AsType[*net.OpError](err)
	return ok && (op.Op == "remote error" || op.Op == "local error")
}
