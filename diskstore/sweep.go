package diskstore

import (
	"bytes"
	"time"

	bolt "go.etcd.io/bbolt"
)

// sweep removes what has expired among the next n entries of each bucket.
func (s *Store) sweep(tx *bolt.Tx, n int) error {
	next, err := s.overdue(tx, n, func(b *bolt.Bucket, name string, key []byte) error {
		if name == string(recordsBucket) {
			return removeRecord(tx, key)
		}
		return b.Delete(key)
	})
	s.sweeps = next
	return err
}

// overdue calls f for the expired ones among the next n entries of each bucket, from where
// the last sweep stopped, and returns where the next one goes on.
func (s *Store) overdue(tx *bolt.Tx, n int, f func(b *bolt.Bucket, name string, key []byte) error) (next map[string][]byte, err error) {
	now := time.Now()
	next = make(map[string][]byte)
	err = tx.ForEach(func(name []byte, b *bolt.Bucket) error {
		expires := expiryOf(name)
		if expires == nil {
			return nil
		}
		cursor := b.Cursor()
		at := s.sweeps[string(name)]
		var over [][]byte
		k, v := cursor.Seek(at)
		for range n {
			if k == nil {
				break
			}
			if end := expires(v); !end.IsZero() && !now.Before(end) {
				over = append(over, bytes.Clone(k))
			}
			k, v = cursor.Next()
		}
		next[string(name)] = bytes.Clone(k) // nil: from the beginning
		// A cursor must not be used over a change.
		for _, k := range over {
			if err := f(b, string(name), k); err != nil {
				return err
			}
		}
		return nil
	})
	return next, err
}

// expiryOf returns what reads the end of a bucket's values; nil when they have none.
func expiryOf(bucket []byte) func(v []byte) time.Time {
	switch {
	case bytes.Equal(bucket, recordsBucket):
		return recordExpires
	case bytes.HasPrefix(bucket, valuesPrefix):
		return valueExpires
	}
	return nil
}
