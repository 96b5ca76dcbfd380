package diskstore

import (
	"bytes"
	"time"

	bolt "go.etcd.io/bbolt"
)

// sweep removes what has expired among the next n entries of each bucket.
func (s *Store) sweep(tx *bolt.Tx, n int) error {
	return s.overdue(tx, n, func(b *bolt.Bucket, name string, key []byte) error {
		if name == string(recordsBucket) {
			return removeRecord(tx, key)
		}
		return b.Delete(key)
	})
}

// overdue calls f for the expired ones among the next n entries of each bucket. In a
// transaction that writes it goes on where it stopped the last time; another looks ahead.
func (s *Store) overdue(tx *bolt.Tx, n int, f func(b *bolt.Bucket, name string, key []byte) error) error {
	now := time.Now()
	return tx.ForEach(func(name []byte, b *bolt.Bucket) error {
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
		if tx.Writable() {
			s.sweeps[string(name)] = bytes.Clone(k) // nil: from the beginning
		}
		// A cursor must not be used over a change.
		for _, k := range over {
			if err := f(b, string(name), k); err != nil {
				return err
			}
		}
		return nil
	})
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
