package osv

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"slices"
)

// maxEntries bounds what is remembered of each entry while an index is made.
const maxEntries = 4_000_000

// A spool takes the entries in the order of the source, and gives them again in the order
// of the index.
type spool interface {
	io.Writer
	io.ReaderAt
}

// A builder makes an index of entries without holding them: they go to the spool, and 16
// bytes of each stay.
type builder struct {
	spool spool
	out   *bufio.Writer
	at    int64
	all   []place
	block []byte
}

// A place is where the spool has an entry. Its length is the next one's beginning.
type place struct {
	hash uint32
	size uint32
	at   int64
}

func newBuilder(s spool) *builder { return &builder{spool: s, out: bufio.NewWriterSize(s, 1<<18)} }

// add takes an entry.
func (b *builder) add(key string, text []byte) error {
	if len(b.all) == maxEntries {
		return fmt.Errorf("is more than %d packages of advisories", maxEntries)
	}
	b.block = binary.AppendUvarint(b.block[:0], uint64(len(key)))
	b.block = append(b.block, key...)
	b.block = binary.AppendUvarint(b.block, uint64(len(text)))
	b.block = append(b.block, text...)
	b.all = append(b.all, place{hash: hashOf(key), size: uint32(len(b.block)), at: b.at})
	b.at += int64(len(b.block))
	_, err := b.out.Write(b.block)
	return err
}

// write writes the index. Entries of one key keep their order.
func (b *builder) write(to io.Writer, meta Meta) error {
	if err := b.out.Flush(); err != nil {
		return err
	}
	buckets := uint32(max(len(b.all), 1))
	slices.SortFunc(b.all, func(x, y place) int {
		return cmp.Or(cmp.Compare(x.hash%buckets, y.hash%buckets), cmp.Compare(x.at, y.at))
	})
	text, err := json.Marshal(meta)
	if err != nil {
		return err
	}
	if len(text) > maxMeta {
		return fmt.Errorf("more than %d bytes about the advisories", maxMeta)
	}
	body := int64(headerSize + len(text))
	end := body + b.at + 4*int64(buckets)
	head := append([]byte(magic), make([]byte, headerSize-len(magic))...)
	binary.LittleEndian.PutUint32(head[8:], uint32(len(text)))
	binary.LittleEndian.PutUint32(head[12:], buckets)
	binary.LittleEndian.PutUint64(head[16:], uint64(end))
	binary.LittleEndian.PutUint32(head[24:], sumOf(head[:24], text))
	w := bufio.NewWriterSize(to, 1<<18)
	w.Write(head)
	w.Write(text)
	table := make([]byte, 0, 8*(int(buckets)+1))
	var bucket []byte
	for i, left := uint32(0), b.all; i < buckets; i++ {
		table = binary.LittleEndian.AppendUint64(table, uint64(body))
		bucket = bucket[:0]
		for ; len(left) > 0 && left[0].hash%buckets == i; left = left[1:] {
			from, size := len(bucket), int(left[0].size)
			bucket = slices.Grow(bucket, size)[:from+size]
			if _, err := b.spool.ReadAt(bucket[from:], left[0].at); err != nil {
				return err
			}
		}
		bucket = binary.LittleEndian.AppendUint32(bucket, sumOfBucket(i, bucket))
		body += int64(len(bucket))
		w.Write(bucket)
	}
	table = binary.LittleEndian.AppendUint64(table, uint64(body))
	w.Write(table)
	return w.Flush() // the first error of all
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func sumOf(parts ...[]byte) (sum uint32) {
	for _, p := range parts {
		sum = crc32.Update(sum, castagnoli, p)
	}
	return sum
}

// sumOfBucket holds the number too, so that no bucket passes for another.
func sumOfBucket(i uint32, bucket []byte) uint32 {
	return sumOf(binary.LittleEndian.AppendUint32(nil, i), bucket)
}

// A memory is a spool without a file.
type memory struct{ bytes.Buffer }

func (m *memory) ReadAt(b []byte, at int64) (int, error) {
	return bytes.NewReader(m.Bytes()).ReadAt(b, at)
}

// spoolIn makes a spool of a folder, or in memory where it cannot be written. The second
// result takes it away.
func spoolIn(dir string) (spool, func()) {
	if dir == "" {
		return &memory{}, func() {}
	}
	f, err := os.CreateTemp(dir, ".spool-*")
	if err != nil {
		return &memory{}, func() {}
	}
	return f, func() {
		f.Close()
		os.Remove(f.Name())
	}
}
