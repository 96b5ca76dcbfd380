package session

import (
	"bytes"
	"crypto/rand"
	"errors"
	"net/http"
)

// Binding returns bytes that stand for the session of a request, and are of no use to whoever
// sees them. They stay the same when only the id is renewed for its age or the keys are
// rotated, and change with Regenerate, Authenticate and a new session: from the call on, or
// for a session that begins from its first change on. It is empty, nil while there is no
// session. Other guards (csrf) bind what they give out to it. Errors are those of the store.
func (m *Manager[T]) Binding(r *http.Request) ([]byte, error) {
	q, ok := r.Context().Value(requestKey{&m.core}).(*request)
	if !ok {
		return nil, errors.New("session: Binding: the request did not come through Handler")
	}
	if err := q.load(); err != nil {
		return nil, err
	}
	return q.bond(), nil
}

// bond is what stands for the session that there will be after this request; nil when there
// will be none. A session that begins, or whose id changes for more than its age, gets another.
func (q *request) bond() []byte {
	switch {
	case q.begins():
		if !q.bonded {
			q.edit()
			rand.Read(q.now.bond[:]) // never fails (crypto/rand)
			q.bonded = true
		}
	case !q.live:
		return nil
	}
	return bytes.Clone(q.now.bond[:])
}

// begins tells whether the next save makes a session, or one under another id by wish.
func (q *request) begins() bool { return q.move != stay || q.dirty && !q.live }
