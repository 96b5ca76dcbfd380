package upstream

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"syscall"

	"github.com/panoplysec/panoply/internal/door/bounds"
)

// A Reason names why an exchange failed. The set is fixed, so it may be a metric label.
type Reason string

const (
	// Refused: nothing listens there.
	Refused Reason = "refused"
	// ConnectTimeout: no connection within Options.Connect.
	ConnectTimeout Reason = "connect-timeout"
	// ResponseTimeout: no answer's head within Options.Response.
	ResponseTimeout Reason = "response-timeout"
	// Closed: the application closed the connection without an answer.
	Closed Reason = "closed"
	// BadAnswer: what came back is not HTTP, or is not fit to pass on.
	BadAnswer Reason = "bad-answer"
	// HeadTooLarge: the answer's head exceeds 1 MiB.
	HeadTooLarge Reason = "head-too-large"
	// Truncated: the answer ended before its length.
	Truncated Reason = "truncated"
	// Silent: the answer stopped in the middle for longer than Options.Idle.
	Silent Reason = "silent"
	// Unreachable: any other failure to connect.
	Unreachable Reason = "unreachable"
	// Untrusted: over https, the application could not prove who it is.
	Untrusted Reason = "untrusted"
	// BodySlow, BodyTooLarge and BodyBad are the client's doing.
	BodySlow     Reason = "body-slow"
	BodyTooLarge Reason = "body-too-large"
	BodyBad      Reason = "body-bad"
	// ClientGone: the client left before the answer.
	ClientGone Reason = "client-gone"
)

// A Failure is an exchange without a whole answer. Err is for the log only.
type Failure struct {
	// Status is for the client; 0 when there is nobody to tell.
	Status int
	Reason Reason
	Err    error
}

// Ours tells whether the application, and not the client, caused the failure.
func (f Failure) Ours() bool {
	switch f.Reason {
	case BodySlow, BodyTooLarge, BodyBad, ClientGone:
		return false
	}
	return true
}

// answerError is an answer that the door does not pass on.
type answerError string

func (e answerError) Error() string { return "upstream: " + string(e) }

const errHeadTooLarge = answerError("the head is larger than 1 MiB")

// fail tells the client, or who waits for broken answers when the client has gone.
func (o *Options) fail(w http.ResponseWriter, r *http.Request, f Failure) {
	if f.Reason == ClientGone {
		if o.Broken != nil {
			o.Broken(r, f)
		}
		panic(http.ErrAbortHandler)
	}
	if !f.Ours() && r.ProtoMajor == 1 {
		// The rest of the body is not waited for.
		w.Header().Set("Connection", "close")
	}
	if o.Fail == nil {
		w.WriteHeader(f.Status)
		return
	}
	o.Fail(w, r, f)
}

// blame gives a failure to the request body when that is what failed.
func blame(f Failure, body error) Failure {
	switch {
	case body == nil:
		return f
	case errors.Is(body, bounds.ErrSlow):
		return Failure{http.StatusRequestTimeout, BodySlow, body}
	case errors.Is(body, bounds.ErrTooLarge):
		return Failure{http.StatusRequestEntityTooLarge, BodyTooLarge, body}
	case f.Reason == ClientGone:
		return f
	}
	return Failure{http.StatusBadRequest, BodyBad, body}
}

// classify gives an error of the exchange its status and reason.
func classify(err error) Failure {
	var op *net.OpError
	switch {
	case errors.Is(err, context.Canceled):
		return Failure{0, ClientGone, err}
	case errors.Is(err, errHeadTooLarge):
		return Failure{http.StatusBadGateway, HeadTooLarge, err}
	case errors.Is(err, syscall.ECONNREFUSED):
		return Failure{http.StatusBadGateway, Refused, err}
	case errors.As(err, &op) && op.Op == "dial":
		if op.Timeout() {
			return Failure{http.StatusGatewayTimeout, ConnectTimeout, err}
		}
		return Failure{http.StatusBadGateway, Unreachable, err}
	case timedOut(err):
		return Failure{http.StatusGatewayTimeout, ResponseTimeout, err}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &op):
		return Failure{http.StatusBadGateway, Closed, err}
	}
	return Failure{http.StatusBadGateway, BadAnswer, err}
}
