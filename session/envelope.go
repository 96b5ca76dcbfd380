package session

import (
	"encoding/binary"
	"errors"
	"math/bits"
	"time"
)

// An envelope is what is sealed: what a manager knows of a session, and the data of its
// user as JSON.
type envelope struct {
	created       int64  // milliseconds since 1970, from which Absolute counts
	renewed       int64  // when the id was made
	authenticated int64  // 0: never
	ends          int64  // a hard end, of an id that was left behind; 0: none
	idle          uint32 // seconds; 0: as the manager's options say
	absolute      uint32
	shape         uint32        // of the type that the data was written from
	bond          [bondLen]byte // what Binding returns; it goes along when the id is renewed
	user          []byte
	flash         []byte // JSON: kind to texts; empty for none
	data          []byte // JSON; empty for none
}

const (
	linkForm     = 2 // the id under which the session goes on
	envelopeForm = 3
	bondLen      = 16
	envelopeHead = 1 + 4*8 + 3*4 + bondLen
)

// size is how many bytes append writes.
func (e *envelope) size() int {
	n := envelopeHead + len(e.user) + len(e.flash) + len(e.data)
	for _, text := range [...][]byte{e.user, e.flash} {
		n += max(1, (bits.Len(uint(len(text)))+6)/7) // an unsigned varint
	}
	return n
}

func (e *envelope) append(b []byte) []byte {
	b = append(b, envelopeForm)
	for _, v := range [...]int64{e.created, e.renewed, e.authenticated, e.ends} {
		b = binary.BigEndian.AppendUint64(b, uint64(v))
	}
	for _, v := range [...]uint32{e.idle, e.absolute, e.shape} {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	b = append(b, e.bond[:]...)
	b = binary.AppendUvarint(b, uint64(len(e.user)))
	b = append(b, e.user...)
	b = binary.AppendUvarint(b, uint64(len(e.flash)))
	b = append(b, e.flash...)
	return append(b, e.data...)
}

var errEnvelope = errors.New("session: not an envelope")

// parse reads what append wrote. The texts point into b.
func (e *envelope) parse(b []byte) error {
	if len(b) < envelopeHead || b[0] != envelopeForm {
		return errEnvelope
	}
	at := 1
	for _, v := range [...]*int64{&e.created, &e.renewed, &e.authenticated, &e.ends} {
		*v = int64(binary.BigEndian.Uint64(b[at:]))
		at += 8
	}
	for _, v := range [...]*uint32{&e.idle, &e.absolute, &e.shape} {
		*v = binary.BigEndian.Uint32(b[at:])
		at += 4
	}
	at += copy(e.bond[:], b[at:])
	b = b[at:]
	for _, v := range [...]*[]byte{&e.user, &e.flash} {
		n, size := binary.Uvarint(b)
		if size <= 0 || n > uint64(len(b)-size) {
			return errEnvelope
		}
		end := size + int(n)
		*v = b[size:end:end]
		b = b[end:]
	}
	e.data = b[:len(b):len(b)]
	return nil
}

// appendLink writes where a session goes on, and until when that is to be followed: a
// Touch under way may let the record outlive its grace.
func appendLink(b []byte, id *[idLen]byte, until time.Time) []byte {
	b = append(b, linkForm)
	b = append(b, id[:]...)
	return binary.BigEndian.AppendUint64(b, uint64(until.UnixMilli()))
}

// parseLink reads what appendLink wrote.
func parseLink(b []byte) (id [idLen]byte, until time.Time, ok bool) {
	if len(b) != 1+idLen+8 || b[0] != linkForm {
		return id, until, false
	}
	return [idLen]byte(b[1:]), time.UnixMilli(int64(binary.BigEndian.Uint64(b[1+idLen:]))), true
}

// timeouts are those of the manager, or the session's own.
func (e *envelope) timeouts(t *Timeouts) (idle, absolute time.Duration) {
	idle, absolute = t.Idle, t.Absolute
	if e.absolute > 0 {
		absolute = time.Duration(e.absolute) * time.Second
	}
	if e.idle > 0 {
		idle = time.Duration(e.idle) * time.Second
	}
	return min(idle, absolute), absolute
}

// last is when the session ends however much it is used.
func (e *envelope) last(t *Timeouts) time.Time {
	_, absolute := e.timeouts(t)
	last := time.UnixMilli(e.created).Add(absolute)
	if hard := time.UnixMilli(e.ends); e.ends != 0 && hard.Before(last) {
		return hard
	}
	return last
}

// end is when the session ends if it is used now and never again.
func (e *envelope) end(now time.Time, t *Timeouts) time.Time {
	idle, _ := e.timeouts(t)
	last := e.last(t)
	if end := now.Add(idle); end.Before(last) {
		return end
	}
	return last
}
