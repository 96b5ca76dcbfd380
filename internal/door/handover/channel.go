package handover

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

const (
	// variable names the descriptor of the channel to the new process.
	variable = "PANOPLY_HANDOVER"
	// channelFD is that descriptor; the inherited sockets follow it.
	channelFD = 3
	// maxMessage bounds one message. The largest is what was counted: half a million records
	// of some 50 bytes.
	maxMessage = 64 << 20
	// writeTime bounds how long the other side may take to take a message.
	writeTime = 10 * time.Second
)

// A Message is one of the channel's.
type Message struct {
	Kind string `json:"kind"`
	// Error tells what went wrong where Kind is [Failed], or an answer's Kind.
	Error string          `json:"error,omitempty"`
	Body  json.RawMessage `json:"body,omitempty"`
}

// Failed is the Kind of a message that says that its sender gives up.
const Failed = "failed"

// A Channel is one end. Send and Receive are for one goroutine each; Ask is for any number, and is
// not mixed with them.
type Channel struct {
	conn net.Conn
	turn sync.Mutex // Ask's
}

// Send sends a message with body as JSON; nil is none.
func (c *Channel) Send(kind string, body any) error {
	m := Message{Kind: kind}
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("handover: %w", err)
		}
		m.Body = text
	}
	return c.send(m)
}

// Fail tells the other side why this one gives up.
func (c *Channel) Fail(why error) { _ = c.send(Message{Kind: Failed, Error: why.Error()}) }

func (c *Channel) send(m Message) error {
	text, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("handover: %w", err)
	}
	return c.SendBytes(text)
}

// SendBytes sends what would be too long as JSON; ReceiveBytes takes it.
func (c *Channel) SendBytes(b []byte) error {
	if len(b) > maxMessage {
		return fmt.Errorf("handover: a message of %d bytes, at most %d", len(b), maxMessage)
	}
	_ = c.conn.SetWriteDeadline(time.Now().Add(writeTime))
	if _, err := c.conn.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...)); err != nil {
		return fmt.Errorf("handover: %w", err)
	}
	return nil
}

// ReceiveBytes waits for what SendBytes sent.
func (c *Channel) ReceiveBytes(within time.Duration) ([]byte, error) {
	_ = c.conn.SetReadDeadline(time.Now().Add(within))
	return readBytes(c.conn)
}

// Receive waits for a message; zero is for as long as it takes. What the other side says
// of its failure is the error.
func (c *Channel) Receive(within time.Duration) (Message, error) {
	var until time.Time
	if within > 0 {
		until = time.Now().Add(within)
	}
	_ = c.conn.SetReadDeadline(until)
	m, err := read(c.conn)
	if err == nil && m.Kind == Failed {
		err = errors.New(m.Error)
	}
	return m, err
}

// read takes one message.
func read(r io.Reader) (m Message, err error) {
	text, err := readBytes(r)
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, fmt.Errorf("handover: not a message: %w", err)
	}
	return m, nil
}

func readBytes(r io.Reader) ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(size[:])
	if n > maxMessage {
		return nil, fmt.Errorf("handover: a message of %d bytes, at most %d", n, maxMessage)
	}
	b, err := io.ReadAll(io.LimitReader(r, int64(n))) // grows with what really comes
	if err == nil && len(b) < int(n) {
		err = io.ErrUnexpectedEOF
	}
	return b, err
}

// Expect receives a message of one kind, and reads its body into into unless that is nil.
func (c *Channel) Expect(kind string, into any, within time.Duration) error {
	m, err := c.Receive(within)
	if err != nil {
		return err
	}
	if m.Kind != kind {
		return fmt.Errorf("handover: the other door said %.20q, want %q: it is of another version", m.Kind, kind)
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(m.Body, into); err != nil {
		return fmt.Errorf("handover: %q: %w", kind, err)
	}
	return nil
}

// Ask sends a question and waits for its answer. After an error the channel is closed: an
// answer that came late would be taken for the next.
func (c *Channel) Ask(kind string, body, into any, within time.Duration) error {
	c.turn.Lock()
	defer c.turn.Unlock()
	if err := c.Send(kind, body); err != nil {
		_ = c.Close()
		return err
	}
	m, err := c.Receive(within)
	if err != nil {
		if m.Kind != Failed {
			_ = c.Close()
		}
		return err
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(m.Body, into)
}

// Answer answers questions until the other side is gone.
func (c *Channel) Answer(to func(m Message) (any, error)) {
	defer c.Close()
	for {
		m, err := c.Receive(0)
		if err != nil {
			return
		}
		body, err := to(m)
		if err != nil {
			err = c.send(Message{Kind: Failed, Error: err.Error()})
		} else {
			err = c.Send(m.Kind, body)
		}
		if err != nil {
			return
		}
	}
}

// Close ends the channel.
func (c *Channel) Close() error { return c.conn.Close() }
