package sessions

import (
	"errors"
	"time"
)

// A door that hands over keeps no memory of its own: until its last request is over it
// asks the one that has taken over, so that a session that was ended at one of the two is
// ended at both.

// Verbs of a Question.
const (
	looks      = "look"
	kills      = "kill"
	supersedes = "supersede"
)

// A Question is what one door asks another about one session.
type Question struct {
	Verb    string        `json:"verb"`
	Session []byte        `json:"session"`
	Time    time.Time     `json:"time,omitzero"`
	Life    time.Duration `json:"life,omitempty"`
	Renewed int64         `json:"renewed,omitempty"`
	Login   bool          `json:"login,omitempty"`
}

// An Answer is what it says.
type Answer struct {
	OK        bool  `json:"ok,omitempty"`
	Killed    int64 `json:"killed,omitempty"`
	NotBefore int64 `json:"not_before,omitempty"`
	LoginAt   int64 `json:"login_at,omitempty"`
	Forgotten int64 `json:"forgotten,omitempty"`
}

func (a *Answer) mark() mark { return mark{a.Killed, a.NotBefore, a.LoginAt, a.Forgotten} }

// Away asks the door that has taken over. When it cannot, the memory of the old one answers.
type Away func(Question) (Answer, error)

var errQuestion = errors.New("sessions: not a question about a session")

// ask asks elsewhere, and is false when the answer has to be found here.
func (e *Ended) ask(q Question) (Answer, bool) {
	to := e.away.Load()
	if to == nil {
		return Answer{}, false
	}
	a, err := (*to)(q)
	return a, err == nil
}

// Answer answers a Question of the door before this one.
func (e *Ended) Answer(q Question) (a Answer, err error) {
	if len(q.Session) != len(digest{}) {
		return a, errQuestion
	}
	d := digest(q.Session)
	e.change.RLock()
	defer e.change.RUnlock()
	if a, ok := e.ask(q); ok {
		return a, nil
	}
	switch q.Verb {
	case looks:
		var m mark
		m, a.OK = e.known(d)
		a.Killed, a.NotBefore, a.LoginAt, a.Forgotten = m.killed, m.notBefore, m.login, m.forgotten
	case kills:
		a.OK = e.killed(d, q.Time, q.Life)
	case supersedes:
		a.NotBefore, a.OK = e.superseded(d, q.Renewed, q.Time, q.Login, q.Life)
	default:
		return a, errQuestion
	}
	return a, nil
}

// Freeze has whoever wants to end a session wait until Thaw, and lets go of the keeper. It
// returns what is remembered here alone: nothing where a keeper had it all.
func (e *Ended) Freeze() []byte {
	e.change.Lock()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.keeper != nil {
		e.keeper = nil
		return nil
	}
	var all []byte
	for d, m := range e.by {
		all = m.append(append(all, d[:]...))
	}
	return all
}

// Thaw ends Freeze. With away all questions go there from now on; without, this memory
// goes on, and keeper, unless it is nil, has again what it had.
func (e *Ended) Thaw(away Away, keeper Keeper) {
	e.mu.Lock()
	e.keeper = keeper
	e.mu.Unlock()
	if away != nil {
		e.away.Store(&away)
	}
	e.change.Unlock()
}

// Load takes what Freeze returned in another process. It is called before the first request.
func (e *Ended) Load(all []byte) error {
	const size = len(digest{}) + markSize
	if len(all)%size != 0 {
		return errors.New("sessions: what the door before remembered of ended sessions is cut short")
	}
	now := time.Now().UnixMilli()
	e.mu.Lock()
	defer e.mu.Unlock()
	for ; len(all) > 0; all = all[size:] {
		if m := markOf(all[len(digest{}):]); m.forgotten > now {
			e.put(digest(all[:len(digest{})]), m)
		}
	}
	return nil
}
