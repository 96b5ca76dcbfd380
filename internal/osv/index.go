package osv

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"strings"
	"time"
)

// An index is a header, the entries in their buckets, and a table of where each bucket
// begins. An entry is a key, "npm\x00express", and a record in JSON. Header and buckets
// end in a sum, so that what is damaged is an error and never a package without
// advisories. All numbers are little-endian.
const (
	family     = "PNPLOSV"
	magic      = family + "3"
	headerSize = 32
	// maxBucket bounds what one look-up reads.
	maxBucket = 256 << 20
	maxMeta   = 1 << 20
)

// Meta is what an index says of itself.
type Meta struct {
	// Source is where its records came from, and Stamp tells whether that has changed.
	Source string `json:"source"`
	Stamp  string `json:"stamp,omitempty"`
	// Records are those that count, Withdrawn those that do not, and Other the files of a
	// folder or zip that hold no advisory.
	Records   int `json:"records"`
	Withdrawn int `json:"withdrawn"`
	Other     int `json:"other"`
	// Unread are the records that could not be read, and FirstUnread says why the first
	// of them could not. There are none but in what panoply db update has fetched.
	Unread      int    `json:"unread,omitempty"`
	FirstUnread string `json:"first_unread,omitempty"`
	// Newest is when the newest record was modified.
	Newest time.Time `json:"newest"`
	// Ecosystems are how many records each has.
	Ecosystems map[string]int `json:"ecosystems"`
	// Fetched says how the records came from another machine; nil where they did not.
	Fetched *Fetched `json:"fetched,omitempty"`
}

// Fetched is an archive as a server gave it.
type Fetched struct {
	URL    string    `json:"url"`
	At     time.Time `json:"at"`
	ETag   string    `json:"etag,omitempty"`
	Bytes  int64     `json:"bytes"`
	SHA256 string    `json:"sha256"`
	// Signed is the id of the key that signed the archive; empty where nobody asked.
	Signed string `json:"signed,omitempty"`
}

// A DB is an open index, or several. It is safe for concurrent use until it is closed.
type DB struct {
	Meta Meta

	parts []*index
}

// An index is one file.
type index struct {
	name    string
	at      io.ReaderAt
	close   func() error
	buckets uint32
	table   int64
}

// ErrDamaged is what an index ends in that is not as it was written.
var ErrDamaged = errors.New("the index is damaged")

// errOther is a file that is no index of this version.
var errOther = errors.New("osv: no index of this version")

func (x *index) damaged() error {
	if x.name == "" {
		return fmt.Errorf("osv: %w", ErrDamaged)
	}
	return fmt.Errorf("osv: %s: %w; remove it and make it anew", x.name, ErrDamaged)
}

// openIndex reads the header of an index.
func openIndex(name string, at io.ReaderAt, size int64, closing func() error) (*DB, error) {
	var head [headerSize]byte
	n, err := at.ReadAt(head[:], 0)
	switch {
	case n >= len(magic) && strings.HasPrefix(string(head[:n]), family) && string(head[:8]) != magic:
		return nil, fmt.Errorf("%w: %s was made by another version of panoply; make it anew", errOther, name)
	case n < len(magic) || string(head[:8]) != magic:
		return nil, errOther
	}
	x := &index{name: name, at: at, close: closing, buckets: binary.LittleEndian.Uint32(head[12:]), table: int64(binary.LittleEndian.Uint64(head[16:]))}
	meta := int64(binary.LittleEndian.Uint32(head[8:]))
	if err != nil || meta > maxMeta || x.buckets == 0 || x.table < headerSize+meta || x.table > size || size-x.table != 8*(int64(x.buckets)+1) {
		return nil, x.damaged()
	}
	text := make([]byte, meta)
	db := &DB{parts: []*index{x}}
	if _, err := at.ReadAt(text, headerSize); err != nil || sumOf(head[:24], text) != binary.LittleEndian.Uint32(head[24:]) || json.Unmarshal(text, &db.Meta) != nil {
		return nil, x.damaged()
	}
	return db, nil
}

// Close ends the use of the index.
func (db *DB) Close() error {
	var all error
	for _, x := range db.parts {
		if x.close != nil {
			all = errors.Join(all, x.close())
		}
	}
	return all
}

// join makes one of several, which are not used by themselves any more.
func join(source string, all []*DB) *DB {
	one := &DB{Meta: Meta{Source: source, Ecosystems: map[string]int{}}}
	for _, db := range all {
		m := db.Meta
		one.parts = append(one.parts, db.parts...)
		one.Meta.Records += m.Records
		one.Meta.Withdrawn += m.Withdrawn
		one.Meta.Other += m.Other
		if one.Meta.Unread += m.Unread; one.Meta.FirstUnread == "" {
			one.Meta.FirstUnread = m.FirstUnread
		}
		for name, n := range m.Ecosystems {
			one.Meta.Ecosystems[name] += n
		}
		// The age is that of the oldest part.
		if one.Meta.Newest.IsZero() || m.Newest.Before(one.Meta.Newest) {
			one.Meta.Newest = m.Newest
		}
		if f := one.Meta.Fetched; m.Fetched != nil && (f == nil || m.Fetched.At.Before(f.At)) {
			one.Meta.Fetched = m.Fetched
		}
	}
	return one
}

func hashOf(key string) uint32 {
	h := fnv.New32a()
	io.WriteString(h, key)
	return h.Sum32()
}

// records calls f with each record of a key.
func (db *DB) records(key string, f func(r *Record) error) error {
	for _, x := range db.parts {
		if err := x.records(key, f); err != nil {
			return err
		}
	}
	return nil
}

func (x *index) records(key string, f func(r *Record) error) error {
	number := hashOf(key) % x.buckets
	var span [16]byte
	if _, err := x.at.ReadAt(span[:], x.table+8*int64(number)); err != nil {
		return x.damaged()
	}
	from, to := int64(binary.LittleEndian.Uint64(span[:])), int64(binary.LittleEndian.Uint64(span[8:]))
	if from < headerSize || to-4 < from || to > x.table || to-from > maxBucket {
		return x.damaged()
	}
	bucket := make([]byte, to-from)
	if _, err := x.at.ReadAt(bucket, from); err != nil {
		return x.damaged()
	}
	bucket, sum := bucket[:len(bucket)-4], binary.LittleEndian.Uint32(bucket[len(bucket)-4:])
	if sumOfBucket(number, bucket) != sum {
		return x.damaged()
	}
	for len(bucket) > 0 {
		name, rest, ok := cutBlock(bucket)
		text, rest, ok2 := cutBlock(rest)
		if !ok || !ok2 {
			return x.damaged()
		}
		if bucket = rest; string(name) != key {
			continue
		}
		r := new(Record)
		if json.Unmarshal(text, r) != nil {
			return x.damaged()
		}
		if err := f(r); err != nil {
			return err
		}
	}
	return nil
}

// cutBlock takes a length and so many bytes.
func cutBlock(b []byte) (block, rest []byte, ok bool) {
	n, used := binary.Uvarint(b)
	if used <= 0 || n > uint64(len(b)-used) {
		return nil, nil, false
	}
	b = b[used:]
	return b[:n], b[n:], true
}

// Match returns the advisories that a version of a package is under, in the order of the
// source. Two records that name each other as aliases are one. The error means that it is
// not known: an index that is damaged, or versions that cannot be compared.
func (db *DB) Match(ecosystem, name, version string) ([]Hit, error) {
	var hits []Hit
	var unknown []error
	err := db.records(key(ecosystem, name), func(r *Record) error {
		h, err := r.hit(ecosystem, name, version)
		if err != nil {
			unknown = append(unknown, err)
		} else if h != nil {
			hits = append(hits, *h)
		}
		return nil
	})
	// What one record leaves open hides none of the others.
	switch {
	case err != nil || len(unknown) == 0:
	case len(unknown) == 1:
		err = unknown[0]
	default:
		err = fmt.Errorf("%w, and %d more cannot be compared", unknown[0], len(unknown)-1)
	}
	return distinct(hits), err
}

func key(ecosystem, name string) string { return ecosystem + "\x00" + name }

// openFile opens a file that is an index already.
func openFile(name string) (*DB, error) {
	// Asked before it is opened: a FIFO would be waited for.
	if info, err := os.Stat(name); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() {
		return nil, errOther
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, err
	}
	db, err := openIndex(name, f, info.Size(), f.Close)
	if err != nil {
		f.Close()
		return nil, err
	}
	return db, nil
}
