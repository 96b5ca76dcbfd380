package session

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/panoplysec/panoply/cookie"
	"github.com/panoplysec/panoply/guard"
)

const (
	// MaxCookie is how many bytes one Set-Cookie line of a sealed session has at most,
	// name and attributes counted. Longer sessions are spread over several cookies.
	//
	// Practice: cookies (the page's advice on cookie sessions).
	MaxCookie = 4093
	// maxChunks keeps the Cookie header within what servers take.
	maxChunks = 8
)

// Sealed configures sessions that live in their cookie alone, encrypted (see
// cookie.Sealer). Nothing is kept on the server, so of two requests at once the one that
// is answered later counts, and a session that somebody has copied ends at its timeouts
// only: Destroy removes it from this client. With Ended that becomes final.
type Sealed struct {
	// MaxBytes bounds what a session may take in Set-Cookie lines, names and attributes
	// counted. Zero is MaxCookie, one cookie; at most eight times that, in as many
	// cookies. What does not fit is refused with ErrTooLarge when it is set, never cut.
	MaxBytes int
	// Ended remembers which sessions were ended, until they would have ended anyway, and
	// is asked when a session is read. Nil: nothing is remembered.
	Ended Store
}

func (s Sealed) effective() Sealed {
	if s.MaxBytes == 0 {
		s.MaxBytes = MaxCookie
	}
	return s
}

func (s Sealed) problems(p *guard.Problems) {
	if s.MaxBytes != 0 && (s.MaxBytes < 512 || s.MaxBytes > maxChunks*MaxCookie) {
		p.Add("Sealed.MaxBytes", strconv.Itoa(s.MaxBytes), fmt.Sprintf("512 to %d", maxChunks*MaxCookie), "")
	}
}

// chunkNames are the names of a session's cookies.
func chunkNames(name string) (names [maxChunks]string) {
	names[0] = name
	for i := 1; i < maxChunks; i++ {
		names[i] = name + "." + strconv.Itoa(i)
	}
	return names
}

// ageRoom is the length of the longest Max-Age.
const ageRoom = len("; Max-Age=315360000")

// chunkRoom is how much of a sealed text one line takes. The first says how many lines
// there are.
func (c *core) chunkRoom() int {
	room := MaxCookie - len(c.chunks[maxChunks-1]) - len("=8.") - len(c.attributes)
	if c.persistent {
		room -= ageRoom
	}
	return room
}

// fitsCookie tells whether a session fits the bound.
func (c *core) fitsCookie(e *envelope) error {
	text := cookie.SealedLen(idLen + e.size())
	room := c.chunkRoom()
	lines := (text + room - 1) / room
	if n := text + lines*(MaxCookie-room); n > c.sealed.MaxBytes || lines > maxChunks {
		return fmt.Errorf("%w: its cookies take %d bytes, at most %d", ErrTooLarge, n, c.sealed.MaxBytes)
	}
	return nil
}

// unseal finds the session in its cookies.
func (q *request) unseal(lines []string) error {
	c := q.c
	var chunks [maxChunks]string
	for name, value := range cookie.Pairs(lines) {
		if !strings.HasPrefix(name, c.name) {
			continue
		}
		for i := range chunks {
			if name == c.chunks[i] && chunks[i] == "" {
				chunks[i] = value
				q.chunks = max(q.chunks, uint8(i+1))
			}
		}
	}
	if q.chunks == 0 {
		return nil
	}
	text := chunks[0]
	if count, first, ok := strings.Cut(text, "."); ok {
		n, err := strconv.Atoi(count)
		if err != nil || n < 2 || n > maxChunks {
			n = 1
		}
		text = first + strings.Join(chunks[1:n], "")
	}
	plain, index, ok := c.sealer.Open(nil, c.name, text)
	if !ok || len(plain) < idLen || q.now.parse(plain[idLen:]) != nil {
		q.now = envelope{}
		q.tell("forged", guard.Noted, "a cookie that none of the keys has sealed", nil)
		return nil
	}
	copy(q.id[:], plain)
	q.key = keyOf(&q.id)
	idle, _ := q.now.timeouts(&c.timeouts)
	since := q.clock().Sub(time.UnixMilli(q.now.renewed))
	if !q.clock().Before(q.now.last(&c.timeouts)) || since >= idle {
		q.tell("expired", guard.Noted, "over its timeouts", nil)
		q.forget()
		return nil
	}
	if c.store != nil {
		_, ended, err := c.store.Load(q.r.Context(), q.key)
		if err != nil {
			return err
		}
		if ended {
			q.tell("ended", guard.Noted, "a session that was ended came back", nil)
			q.forget()
			return nil
		}
	}
	q.was, q.live = nil, true
	q.cookie = index > 0 || since >= idle/10
	return nil
}

// reseal readies the session for its cookie.
func (q *request) reseal() error {
	if !q.dirty && q.move == stay && !q.touch || q.gone && !q.dirty {
		return nil
	}
	old, was := q.key, *q.before()
	if !q.live || q.move != stay {
		q.bond()
		if q.now.created == 0 {
			q.now.created = q.at
		}
		q.id = newID()
		q.key = keyOf(&q.id)
	}
	if err := q.c.fitsCookie(&q.now); err != nil {
		return err
	}
	if q.live && q.key != old {
		if err := q.endSealed(old, &was); err != nil {
			return err
		}
	}
	q.cookie, q.live = true, true
	q.saved()
	return nil
}

// endSealed remembers that a session was ended.
func (q *request) endSealed(key Key, e *envelope) error {
	if q.c.store == nil {
		return nil
	}
	_, err := q.c.store.Save(q.r.Context(), key, Record{Expires: e.last(&q.c.timeouts)})
	if errors.Is(err, ErrConflict) {
		return nil // another request was faster
	}
	return err
}

// writeSealed writes the session's cookies, and removes those that it no longer needs.
func (q *request) writeSealed(h http.Header) (set bool) {
	if !q.cookie && !q.gone {
		return false
	}
	c, lines := q.c, 0
	if q.cookie && q.live {
		q.now.renewed = q.at
		plain := q.now.append(append(make([]byte, 0, idLen+q.now.size()), q.id[:]...))
		text, room := c.sealer.Seal(nil, c.name, plain), c.chunkRoom()
		lines = (len(text) + room - 1) / room
		for i := range lines {
			part := text[i*room : min(len(text), (i+1)*room)]
			b := make([]byte, 0, len(c.chunks[i])+len("=8.")+len(part)+len(c.attributes)+ageRoom)
			b = append(append(b, c.chunks[i]...), '=')
			if i == 0 && lines > 1 {
				b = append(strconv.AppendInt(b, int64(lines), 10), '.')
			}
			b = append(append(b, part...), c.attributes...)
			h["Set-Cookie"] = append(h["Set-Cookie"], string(q.appendAge(b)))
		}
	}
	for i := lines; i < int(q.chunks); i++ {
		h["Set-Cookie"] = append(h["Set-Cookie"], c.chunks[i]+"="+c.attributes+"; Max-Age=0")
	}
	return true
}
