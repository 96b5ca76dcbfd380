package sessions

import (
	"encoding/binary"
	"time"
)

// noteSize is the size of a note: what of a mark other doors have to know.
const noteSize = len(digest{}) + 3*8

// Tell has every logout and login told from now on, as a note for Told of another Ended with
// the same key. It is called before the first request; tell must not wait.
func (e *Ended) Tell(tell func(note []byte)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.tell = tell
}

// told passes on what is known of a session. That cookies were renewed stays here: doors
// that renew one at the same moment would else refuse each other's.
func (e *Ended) told(d digest) {
	e.mu.RLock()
	tell, m := e.tell, e.by[d]
	e.mu.RUnlock()
	if tell == nil || m.killed == 0 && m.login == 0 {
		return
	}
	b := append(make([]byte, 0, noteSize), d[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(m.killed))
	b = binary.BigEndian.AppendUint64(b, uint64(m.login))
	tell(binary.BigEndian.AppendUint64(b, uint64(m.forgotten)))
}

// Told takes the note of another door, and is false for what is none.
func (e *Ended) Told(note []byte) bool {
	if len(note) != noteSize {
		return false
	}
	d, numbers := digest(note), note[len(digest{}):]
	n := mark{
		killed:    int64(binary.BigEndian.Uint64(numbers)),
		login:     int64(binary.BigEndian.Uint64(numbers[8:])),
		forgotten: int64(binary.BigEndian.Uint64(numbers[16:])),
	}
	if n.forgotten <= time.Now().UnixMilli() {
		return true
	}
	e.mu.Lock()
	m := e.by[d]
	was := m
	if n.killed != 0 && (m.killed == 0 || n.killed < m.killed) {
		m.killed = n.killed
	}
	m.login = max(m.login, n.login)
	m.notBefore = max(m.notBefore, n.login)
	m.forgotten = max(m.forgotten, n.forgotten)
	if m != was {
		e.put(d, m)
	}
	e.mu.Unlock()
	if m != was {
		e.keep(d)
	}
	return true
}
