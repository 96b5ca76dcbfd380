package redisstore

import (
	"context"
	"strconv"

	"github.com/redis/rueidis"
)

// A Journal is what processes tell each other: short entries in one order, of which the
// server keeps about as many as asked for. It is safe for concurrent use.
type Journal struct {
	conn *connection
	key  string
	most string
}

// Journal returns the journal of a name, over the connections of l. About most entries are
// kept; older ones are forgotten, read or not.
func (l *Limits) Journal(name string, most int) *Journal {
	return &Journal{conn: l.conn, key: l.journals + name, most: strconv.Itoa(max(most, 1))}
}

// Append adds an entry at the end (XADD).
func (j *Journal) Append(ctx context.Context, entry []byte) error {
	return j.conn.use(ctx, "append", func(ctx context.Context, c rueidis.Client) error {
		return c.Do(ctx, c.B().Xadd().Key(j.key).Maxlen().Almost().Threshold(j.most).Id("*").FieldValue().FieldValue("e", rueidis.BinaryString(entry)).Build()).Error()
	})
}

// page is how many entries are read at once.
const page = 1000

// After calls f for each entry after the one called id, in order, and returns the id of
// the last (XRANGE). An empty id is the beginning. After an error it is that of the last
// entry for which f was called.
func (j *Journal) After(ctx context.Context, id string, f func(entry []byte)) (last string, err error) {
	for {
		from := "-"
		if id != "" {
			from = "(" + id
		}
		var entries []rueidis.XRangeEntry
		err := j.conn.use(ctx, "read", func(ctx context.Context, c rueidis.Client) error {
			var err error
			entries, err = c.Do(ctx, c.B().Xrange().Key(j.key).Start(from).End("+").Count(page).Build()).AsXRange()
			if rueidis.IsRedisNil(err) {
				return nil
			}
			return err
		})
		if err != nil {
			return id, err
		}
		for _, one := range entries {
			f([]byte(one.FieldValues["e"]))
			id = one.ID
		}
		if len(entries) < page {
			return id, nil
		}
	}
}
