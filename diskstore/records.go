package diskstore

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/panoplysec/panoply/session"
)

var (
	recordsBucket = []byte("sessions") // key to record
	ownersBucket  = []byte("owners")   // owner and key to nothing
)

// recordExpires reads the end of a stored record. One that cannot be read is over.
func recordExpires(v []byte) time.Time {
	if len(v) < session.ExpiresAt+8 {
		return time.UnixMilli(0)
	}
	return time.UnixMilli(int64(binary.BigEndian.Uint64(v[session.ExpiresAt:])))
}

// find returns a live record, which is good within tx.
func find(tx *bolt.Tx, key []byte) (r session.Record, ok bool, err error) {
	v := tx.Bucket(recordsBucket).Get(key)
	if v == nil || !time.Now().Before(recordExpires(v)) {
		return r, false, nil
	}
	if err := r.UnmarshalBinary(v); err != nil {
		return r, false, fmt.Errorf("%w: %w", errDamaged, err)
	}
	return r, true, nil
}

// removeRecord removes a record and its place in the index.
func removeRecord(tx *bolt.Tx, key []byte) error {
	records := tx.Bucket(recordsBucket)
	v := records.Get(key)
	if v == nil {
		return nil
	}
	var r session.Record
	if err := r.UnmarshalBinary(v); err == nil && r.Owner != (session.Owner{}) {
		if err := tx.Bucket(ownersBucket).Delete(ownerKey(&r.Owner, key)); err != nil {
			return err
		}
	}
	return records.Delete(key)
}

func ownerKey(o *session.Owner, key []byte) []byte {
	return append(append(make([]byte, 0, len(o)+len(key)), o[:]...), key...)
}

// Load implements session.Store.
func (s *Store) Load(ctx context.Context, key session.Key) (r session.Record, ok bool, err error) {
	if err := ctx.Err(); err != nil {
		return r, false, err
	}
	var value []byte
	err = s.view(func(tx *bolt.Tx) error {
		if v := tx.Bucket(recordsBucket).Get(key[:]); v != nil && time.Now().Before(recordExpires(v)) {
			value = bytes.Clone(v)
		}
		return nil
	})
	if err != nil || value == nil {
		return r, false, err
	}
	if err := r.UnmarshalBinary(value); err != nil {
		return r, false, damaged(s.path, err)
	}
	return r, true, nil
}

// Save implements session.Store. It returns when the record is on the disk.
func (s *Store) Save(ctx context.Context, key session.Key, r session.Record) (uint64, error) {
	from := r.Version
	r.Version++
	// The caller may go away, and use what it gave for something else, before the writer
	// comes to it.
	value, err := r.AppendBinary(make([]byte, 0, session.RecordOverhead+len(r.Label)+len(r.Data)))
	if err != nil {
		return 0, err
	}
	owner := r.Owner
	err = s.do(ctx, func(tx *bolt.Tx) (result, err error) {
		old, ok, err := find(tx, key[:])
		switch {
		case err != nil:
			return nil, err
		case from == 0 && ok, ok && old.Version != from:
			return session.ErrConflict, nil
		case from == 0:
			// What is there has expired, and may be another's.
			if err := removeRecord(tx, key[:]); err != nil {
				return nil, err
			}
		case !ok:
			return session.ErrGone, nil
		default:
			copy(value[session.OwnerAt:], old.Owner[:])
		}
		if from == 0 && owner != (session.Owner{}) {
			if err := tx.Bucket(ownersBucket).Put(ownerKey(&owner, key[:]), nil); err != nil {
				return nil, err
			}
		}
		return nil, tx.Bucket(recordsBucket).Put(key[:], value)
	})
	if err != nil {
		return 0, err
	}
	return from + 1, nil
}

// Touch implements session.Store. It returns when the new expiry is on the disk.
func (s *Store) Touch(ctx context.Context, key session.Key, expires time.Time) error {
	return s.do(ctx, func(tx *bolt.Tx) (result, err error) {
		r, ok, err := find(tx, key[:])
		if err != nil || !ok {
			return nil, err
		}
		r.Expires = expires
		value, err := r.AppendBinary(nil)
		if err != nil {
			return nil, err
		}
		return nil, tx.Bucket(recordsBucket).Put(key[:], value)
	})
}

// Delete implements session.Store. It returns when the record is off the disk.
func (s *Store) Delete(ctx context.Context, key session.Key, _ session.Owner) error {
	return s.do(ctx, func(tx *bolt.Tx) (result, err error) { return nil, removeRecord(tx, key[:]) })
}

// Owned implements session.Index.
func (s *Store) Owned(ctx context.Context, owner session.Owner) (all []session.Owned, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	err = s.view(func(tx *bolt.Tx) error {
		cursor := tx.Bucket(ownersBucket).Cursor()
		for k, _ := cursor.Seek(owner[:]); bytes.HasPrefix(k, owner[:]); k, _ = cursor.Next() {
			o := session.Owned{Key: session.Key(k[len(owner):])}
			r, ok, err := find(tx, o.Key[:])
			if err != nil {
				return err
			}
			if ok {
				r.Data, r.Label = nil, bytes.Clone(r.Label)
				o.Record = r
				all = append(all, o)
			}
		}
		return nil
	})
	return all, err
}
