package session

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// A Key names a session in a Store: a hash of the session's id. The id itself is known
// to the client alone, so what a store holds opens no session.
type Key [32]byte

// String returns the key in base64url. It is fit for a page that lists a user's own
// sessions: it opens nothing.
func (k Key) String() string { return base64.RawURLEncoding.EncodeToString(k[:]) }

// ParseKey reads what String wrote.
func ParseKey(s string) (Key, error) {
	var k Key
	if len(s) == base64.RawURLEncoding.EncodedLen(len(k)) {
		if b, err := base64.RawURLEncoding.Strict().DecodeString(s); err == nil && len(b) == len(k) {
			return Key(b), nil
		}
	}
	return k, errors.New("session: not the key of a session")
}

// An Owner names a user in a Store: a keyed hash of the user's name. The zero Owner is
// nobody.
type Owner [32]byte

// A Record is one session as a Store keeps it. The store reads nothing in Data and Label.
type Record struct {
	// Data is the session, sealed under a key that takes the session's id to make. Who
	// gets it from Load must not change it, and a Store must not change or keep what it
	// was given without a copy, unless it never changes it either.
	Data []byte
	// Label is what a list of the owner's sessions tells about this one, sealed.
	Label []byte
	// Owner is the user whose session it is. It is set when the record is made and never
	// changes after.
	Owner Owner
	// Moved says that the session goes on under another id. The record lives on for the
	// requests that are under way, and is not shown as a session of its owner's any more.
	Moved bool
	// Expires is when the record is dropped, to the millisecond.
	Expires time.Time
	// Version counts the record's changes, from 1. In Save it is the version that the
	// change was made from, 0 for a new record.
	Version uint64
}

var (
	// ErrConflict is returned by Save when the record has changed since the version
	// given, or is there already when the version is 0.
	ErrConflict = errors.New("session: changed by another request")
	// ErrGone is returned by Save for a record that is no longer there: deleted or
	// expired. It is what makes a logout final.
	ErrGone = errors.New("session: no longer there")
	// ErrFull is returned by Save for a new record when the store holds all it may.
	ErrFull = errors.New("session: the store is full")
)

// A Store keeps sessions. Implementations are safe for concurrent use, and run
// storetest.Run as their test. Errors other than those named here mean that the store is
// broken or out of reach; a manager then answers 503. A store sees to it that its calls
// end soon after their context, and within a few seconds in any case.
type Store interface {
	// Load returns the record of a key. A record that is missing, expired or deleted is
	// false, nil.
	Load(ctx context.Context, key Key) (Record, bool, error)
	// Save writes a record whole and atomically, and returns its new version, which is
	// r.Version + 1. With r.Version 0 it makes the record: ErrConflict when it is there,
	// ErrFull when there is no room. Else it replaces exactly that version: ErrConflict
	// when another is there, ErrGone when none is. So nothing that was deleted comes
	// back, however long a request had been under way; no tombstone is needed, since
	// keys are hashes of random ids and no key is made twice.
	//
	// When Save has returned nil the record survives what the store's documentation says.
	// A failed Save may or may not have been done.
	Save(ctx context.Context, key Key, r Record) (version uint64, err error)
	// Touch moves the expiry of a record and nothing else; the version stays. Of a
	// missing record it does nothing.
	Touch(ctx context.Context, key Key, expires time.Time) error
	// Delete removes a record; a missing one is no error. Owner is that of the record, as
	// far as the caller knows it, and spares the store a look.
	Delete(ctx context.Context, key Key, owner Owner) error
}

// An Index is a Store that finds the sessions of one user. It is needed for users' lists
// and for limits per user. Its cost is that of the one user's sessions, however many
// others there are.
type Index interface {
	Store
	// Owned returns the live records of an owner, those that have Moved included, without
	// their Data, in any order. Every record whose Save had returned before the call is
	// there.
	Owned(ctx context.Context, owner Owner) ([]Owned, error)
}

// Owned is one session of a user.
type Owned struct {
	Key Key
	Record
}

// recordForm is the first byte of a record in binary.
const recordForm = 1

const (
	recordHead = RecordOverhead
	flagMoved  = 1
)

// VersionAt, ExpiresAt and OwnerAt are where the big-endian version, the expiry (in
// milliseconds since 1970) and the owner stand in what AppendBinary writes, for stores that
// compare or change them in place. RecordOverhead is what it writes beside label and data.
const (
	VersionAt      = 1
	ExpiresAt      = 9
	OwnerAt        = 18
	RecordOverhead = 1 + 8 + 8 + 1 + 32 + 4
)

// AppendBinary appends the record in a form that stores can keep: one byte of form, the
// version, the expiry, flags, the owner, and label and data by their length. It never
// fails.
func (r *Record) AppendBinary(b []byte) ([]byte, error) {
	b = append(b, recordForm)
	b = binary.BigEndian.AppendUint64(b, r.Version)
	b = binary.BigEndian.AppendUint64(b, uint64(r.Expires.UnixMilli()))
	var flags byte
	if r.Moved {
		flags |= flagMoved
	}
	b = append(b, flags)
	b = append(b, r.Owner[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(r.Label)))
	b = append(b, r.Label...)
	return append(b, r.Data...), nil
}

// UnmarshalBinary reads what AppendBinary wrote. Data and Label point into b.
func (r *Record) UnmarshalBinary(b []byte) error {
	if len(b) < recordHead || b[0] != recordForm {
		return fmt.Errorf("session: a stored record of %d bytes is not one of ours", len(b))
	}
	label := uint64(binary.BigEndian.Uint32(b[recordHead-4:]))
	if label > uint64(len(b)-recordHead) {
		return errors.New("session: a stored record is cut short")
	}
	*r = Record{
		Version: binary.BigEndian.Uint64(b[VersionAt:]),
		Expires: time.UnixMilli(int64(binary.BigEndian.Uint64(b[ExpiresAt:]))),
		Moved:   b[17]&flagMoved != 0,
		Owner:   Owner(b[OwnerAt:]),
		Label:   b[recordHead : recordHead+label : recordHead+label],
		Data:    b[recordHead+label:],
	}
	return nil
}
