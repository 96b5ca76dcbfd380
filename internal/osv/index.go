package osv

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"time"
)

// An index is a header, the entries in their buckets, and a table of where each bucket
// begins. An entry is a key, "npm\x00express", and a record in JSON. All numbers are
// little-endian.
const (
	magic      = "PNPLOSV2"
	headerSize = 32
	// maxBucket bounds what one look-up reads.
	maxBucket = 256 << 20
	maxMeta   = 1 << 20
)

// Meta is what an index says of itself.
type Meta struct {
	// Source is where its records came from, and Stamp tells whether that has changed.
	Source string `json:"source"`
	Stamp  string `json:"stamp"`
	// Records are those that count, Withdrawn those that do not, and Other the files of a
	// folder or zip that hold no advisory.
	Records   int `json:"records"`
	Withdrawn int `json:"withdrawn"`
	Other     int `json:"other"`
	// Newest is when the newest record was modified.
	Newest time.Time `json:"newest"`
	// Ecosystems are how many records each has.
	Ecosystems map[string]int `json:"ecosystems"`
}

// A DB is an open index. It is safe for concurrent use until it is closed.
type DB struct {
	Meta Meta

	at      io.ReaderAt
	close   func() error
	buckets uint32
	table   int64
}

var errDamaged = errors.New("osv: the index is damaged; remove it, and it is made anew")

// openIndex reads the header of an index.
func openIndex(at io.ReaderAt, size int64, closing func() error) (*DB, error) {
	var head [headerSize]byte
	if _, err := at.ReadAt(head[:], 0); err != nil || string(head[:8]) != magic {
		return nil, fmt.Errorf("osv: no index of this version")
	}
	db := &DB{at: at, close: closing, buckets: binary.LittleEndian.Uint32(head[12:]), table: int64(binary.LittleEndian.Uint64(head[16:]))}
	meta := int64(binary.LittleEndian.Uint32(head[8:]))
	if meta > maxMeta || db.buckets == 0 || db.table < headerSize+meta || db.table > size || size-db.table != 8*(int64(db.buckets)+1) {
		return nil, errDamaged
	}
	text := make([]byte, meta)
	if _, err := at.ReadAt(text, headerSize); err != nil || json.Unmarshal(text, &db.Meta) != nil {
		return nil, errDamaged
	}
	return db, nil
}

// Close ends the use of the index.
func (db *DB) Close() error {
	if db.close == nil {
		return nil
	}
	return db.close()
}

func bucketOf(key string, buckets uint32) uint32 {
	h := fnv.New32a()
	io.WriteString(h, key)
	return h.Sum32() % buckets
}

// records calls f with each record of a key.
func (db *DB) records(key string, f func(text []byte) error) error {
	var span [16]byte
	if _, err := db.at.ReadAt(span[:], db.table+8*int64(bucketOf(key, db.buckets))); err != nil {
		return errDamaged
	}
	from, to := int64(binary.LittleEndian.Uint64(span[:])), int64(binary.LittleEndian.Uint64(span[8:]))
	if from < headerSize || to < from || to > db.table || to-from > maxBucket {
		return errDamaged
	}
	bucket := make([]byte, to-from)
	if _, err := db.at.ReadAt(bucket, from); err != nil {
		return errDamaged
	}
	for len(bucket) > 0 {
		name, rest, ok := cutBlock(bucket)
		text, rest, ok2 := cutBlock(rest)
		if !ok || !ok2 {
			return errDamaged
		}
		if bucket = rest; string(name) == key {
			if err := f(text); err != nil {
				return err
			}
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
// source. The error means that it is not known: an index that is damaged, or versions
// that cannot be compared.
func (db *DB) Match(ecosystem, name, version string) ([]Hit, error) {
	var hits []Hit
	err := db.records(key(ecosystem, name), func(text []byte) error {
		r := new(Record)
		if json.Unmarshal(text, r) != nil {
			return errDamaged
		}
		h, err := r.hit(ecosystem, name, version)
		if h != nil {
			hits = append(hits, *h)
		}
		return err
	})
	return hits, err
}

func key(ecosystem, name string) string { return ecosystem + "\x00" + name }

// An entry waits to be written.
type entry struct {
	key  string
	text []byte
}

// write makes an index of entries. Those of one key keep their order.
func write(w io.Writer, meta Meta, entries []entry) error {
	buckets := uint32(max(len(entries), 1))
	sorted := make([][]int32, buckets)
	for i, e := range entries {
		b := bucketOf(e.key, buckets)
		sorted[b] = append(sorted[b], int32(i))
	}
	text, err := json.Marshal(meta)
	if err != nil {
		return err
	}
	offset := int64(headerSize + len(text))
	table := make([]byte, 0, 8*(int(buckets)+1))
	var body bytes.Buffer
	for _, bucket := range sorted {
		table = binary.LittleEndian.AppendUint64(table, uint64(offset+int64(body.Len())))
		for _, i := range bucket {
			body.Write(binary.AppendUvarint(nil, uint64(len(entries[i].key))))
			body.WriteString(entries[i].key)
			body.Write(binary.AppendUvarint(nil, uint64(len(entries[i].text))))
			body.Write(entries[i].text)
		}
	}
	end := uint64(offset + int64(body.Len()))
	table = binary.LittleEndian.AppendUint64(table, end)
	head := append([]byte(magic), make([]byte, headerSize-len(magic))...)
	binary.LittleEndian.PutUint32(head[8:], uint32(len(text)))
	binary.LittleEndian.PutUint32(head[12:], buckets)
	binary.LittleEndian.PutUint64(head[16:], end)
	for _, part := range [][]byte{head, text, body.Bytes(), table} {
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	return nil
}

// openFile opens a file that is an index already.
func openFile(name string) (*DB, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, err
	}
	db, err := openIndex(f, info.Size(), f.Close)
	if err != nil {
		f.Close()
		return nil, err
	}
	return db, nil
}
