package wire

import (
	"errors"
	"fmt"
	"io"
)

// The types of records.
const (
	RecordCCS       = 20
	RecordAlert     = 21
	RecordHandshake = 22
	RecordData      = 23
	RecordHeartbeat = 24
)

// MaxPlain is the most that one record carries, MaxRecord what an encrypted one may
// have.
const (
	MaxPlain  = 1 << 14
	MaxRecord = MaxPlain + 2048
)

// A Record as it came.
type Record struct {
	Type    byte
	Version Version
	Data    []byte
}

// ErrNotTLS is returned for bytes that are no record of TLS.
var ErrNotTLS = errors.New("not TLS")

// ErrHTTP is the ErrNotTLS of a server of plain HTTP.
var ErrHTTP = fmt.Errorf("%w: it answers in plain HTTP", ErrNotTLS)

// ErrTooMuch is returned when a server sends more than was allowed.
var ErrTooMuch = errors.New("the server sends too much")

// ReadRecord reads one record. What does not look like one is ErrNotTLS.
func ReadRecord(r io.Reader) (Record, error) {
	var h [5]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = fmt.Errorf("%w: it ends within a header", ErrNotTLS)
		}
		return Record{}, err
	}
	rec := Record{Type: h[0], Version: Version(h[1])<<8 | Version(h[2])}
	n := int(h[3])<<8 | int(h[4])
	if rec.Type < RecordCCS || rec.Type > RecordHeartbeat || h[1] != 3 {
		if string(h[:4]) == "HTTP" {
			return Record{}, ErrHTTP
		}
		return Record{}, fmt.Errorf("%w: it answers with % x", ErrNotTLS, h)
	}
	if n > MaxRecord {
		return Record{}, fmt.Errorf("%w: a record of %d bytes", ErrTooMuch, n)
	}
	rec.Data = make([]byte, n)
	if _, err := io.ReadFull(r, rec.Data); err != nil {
		return Record{}, fmt.Errorf("a record of %d bytes ends early: %w", n, err)
	}
	return rec, nil
}

// An Alert is a server's word that it will not go on; it is an error.
type Alert struct{ Level, Description byte }

// The alerts that are told apart.
const (
	AlertUnexpected        = 10
	AlertBadRecordMAC      = 20
	AlertHandshakeFailure  = 40
	AlertIllegalParameter  = 47
	AlertProtocolVersion   = 70
	AlertInsufficient      = 71
	AlertFallback          = 86
	AlertNoRenegotiation   = 100
	AlertUnrecognizedName  = 112
	AlertCertificateNeeded = 116
	AlertNoProtocol        = 120
)

func (a Alert) Error() string { return fmt.Sprintf("alert %d", a.Description) }

// ReadAlert reads the two bytes of an alert.
func ReadAlert(b []byte) (Alert, error) {
	if len(b) < 2 {
		return Alert{}, ErrMalformed
	}
	return Alert{b[0], b[1]}, nil
}

// Messages joins the handshake messages of records.
type Messages struct {
	buf  []byte
	size int
	// Limit is the most bytes of all messages together; zero is 256 KiB.
	Limit int
}

// Add takes the content of a handshake record.
func (m *Messages) Add(data []byte) error {
	limit := m.Limit
	if limit == 0 {
		limit = 1 << 18
	}
	if m.size += len(data); m.size > limit || len(data) == 0 {
		return ErrTooMuch
	}
	m.buf = append(m.buf, data...)
	if len(m.buf) >= 4 {
		if n := int(m.buf[1])<<16 | int(m.buf[2])<<8 | int(m.buf[3]); n > limit {
			return fmt.Errorf("%w: a message of %d bytes", ErrTooMuch, n)
		}
	}
	return nil
}

// Next returns the next whole message with its header, or false.
func (m *Messages) Next() (raw []byte, ok bool) {
	if len(m.buf) < 4 {
		return nil, false
	}
	n := 4 + (int(m.buf[1])<<16 | int(m.buf[2])<<8 | int(m.buf[3]))
	if len(m.buf) < n {
		return nil, false
	}
	raw, m.buf = m.buf[:n:n], m.buf[n:]
	return raw, true
}
