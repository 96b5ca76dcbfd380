package session

import (
	"errors"
	"net/http"

	"github.com/panoplysec/panoply/guard"
)

// A Former is a package whose sessions are taken over: expresssession's Manager, or
// cookiesession's.
type Former interface {
	// Adopt returns the data of the session that a request's own cookie names, as one
	// JSON object; false when there is none that is good.
	Adopt(r *http.Request) (data []byte, ok bool, err error)
	// Retire ends that session, and removes its cookie with the header.
	Retire(h http.Header, r *http.Request) error
}

// A MirroredFormer is a Former whose sessions can be kept beside ours.
type MirroredFormer interface {
	Former
	// Mirror writes data into the session that a request's own cookie names.
	Mirror(r *http.Request, data []byte) error
}

// adopt takes over the session that a former package has for the request: it becomes one
// of ours when the header leaves.
func (q *request) adopt() error {
	data, ok, err := q.c.former.Adopt(q.r)
	if err != nil || !ok {
		return err
	}
	if len(data) > q.c.maxBytes {
		q.tell("too-large", guard.Failed, "a former session is larger than MaxBytes and is not taken over", nil)
		return nil
	}
	q.edit()
	q.now.data, q.adopted = data, true // of no shape, so that members unknown to T are kept
	if q.c.formerUser != nil {
		if user := q.c.formerUser(data); user != "" && len(user) <= maxUser {
			q.now.user, q.now.authenticated = []byte(user), q.at
		}
	}
	q.dirty = !q.left
	return nil
}

// settle does with the former session what is due once ours is saved, or has ended.
func (q *request) settle(h http.Header) {
	if q.c.former == nil {
		return
	}
	var err error
	switch {
	case q.ended, q.adopted && q.live && !q.c.formerToo:
		err = q.c.former.Retire(h, q.r)
		if err == nil && q.adopted && !q.ended {
			q.tell("adopted", guard.Passed, "taken over from the former package", nil)
		}
	case q.c.formerToo && q.live && q.wrote:
		// The session may be one that has never been the former package's.
		if _, ok, adoptErr := q.c.former.Adopt(q.r); ok || adoptErr != nil {
			err = errors.Join(adoptErr, q.c.former.(MirroredFormer).Mirror(q.r, q.now.data))
		}
	}
	if err != nil {
		q.tell("former", guard.Failed, "the former session could not be brought up to date", err)
	}
	q.ended, q.wrote = false, false
}
