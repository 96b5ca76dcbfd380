package diskstore

import bolt "go.etcd.io/bbolt"

// Held is how many entries the file has, expired ones too.
func (s *Store) Held() (records, owners, values int, err error) {
	err = s.view(func(tx *bolt.Tx) error {
		records, owners = tx.Bucket(recordsBucket).Stats().KeyN, tx.Bucket(ownersBucket).Stats().KeyN
		return tx.ForEach(func(name []byte, b *bolt.Bucket) error {
			if expiryOf(name) != nil && string(name) != string(recordsBucket) {
				values += b.Stats().KeyN
			}
			return nil
		})
	})
	return records, owners, values, err
}

// Idle does what the store does once a minute. Nothing else may write meanwhile.
func (s *Store) Idle() { s.idle() }

// Commits is how many transactions were written.
func (s *Store) Commits() int64 { return s.commits.Load() }

// CompactBelow lets compaction take smaller files, and returns what undoes that.
func CompactBelow(size int64) func() {
	was := compactSize
	compactSize = size
	return func() { compactSize = was }
}
