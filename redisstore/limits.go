package redisstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/limit"
)

// Limits is a limit.Store in Redis, for limiters that a fleet shares. It is safe for
// concurrent use, and many processes may use the same server with the same prefix.
//
// A decision is one round trip, whatever its ops: a script that reads, counts, blocks and
// writes at once, by the clock of the server. Decisions that are asked for at the same time
// share a write and a read of one connection. In a Cluster the records of one Tag are on
// one node.
type Limits struct {
	conn   *connection
	prefix string // of the keys of records
	// journals is the prefix of the keys of journals.
	journals string
}

// NewLimits makes a store of limits. It does not connect yet: see Ping. Options.Cache has
// no meaning here, and Options.Prefix no braces, which would tell a Cluster where a key
// belongs. The error joins one [guard.OptionError] for each wrong option.
func NewLimits(o Options) (*Limits, error) {
	problems := guard.Problems{Package: "redisstore"}
	problems.Note(o.problems())
	if strings.ContainsAny(o.Prefix, "{}") {
		problems.Add("Prefix", o.Prefix, "no '{' and no '}'", "the tag of a limit's key is in braces")
	}
	if err := problems.Err(); err != nil {
		return nil, err
	}
	o = o.Effective()
	o.Cache = false
	conn := newConnection(o)
	// One connection a node: callers that share it share its writes and reads, and more of
	// them the fewer connections there are. A server runs scripts one after the other anyway.
	conn.option.PipelineMultiplex = -1
	return &Limits{conn: conn, prefix: o.Prefix + "limit:{", journals: o.Prefix + "journal:"}, nil
}

// Ping tells whether the server answers, and takes the user and the password.
func (l *Limits) Ping(ctx context.Context) error { return l.conn.ping(ctx) }

// Close ends the connections. Calls under way fail.
func (l *Limits) Close() error {
	l.conn.close()
	return nil
}

const hexDigits = "0123456789abcdef"

func appendHex(b []byte, n uint64) []byte {
	for shift := 60; shift >= 0; shift -= 4 {
		b = append(b, hexDigits[n>>shift&15])
	}
	return b
}

// key is the name of a record.
func (l *Limits) key(k limit.Key) string {
	var buf [128]byte
	b := appendHex(append(buf[:0], l.prefix...), k.Tag)
	return string(appendHex(append(b, "}:"...), k.ID))
}

// keyLength is what key has after its prefix.
const keyLength = 16 + len("}:") + 16

// parseKey reads the name of a record, and is false for a name that key does not make.
func (l *Limits) parseKey(name string) (k limit.Key, ok bool) {
	s, ok := strings.CutPrefix(name, l.prefix)
	if !ok || len(s) != keyLength || s[16:18] != "}:" || s != strings.ToLower(s) {
		return k, false
	}
	tag, err := strconv.ParseUint(s[:16], 16, 64)
	id, err2 := strconv.ParseUint(s[18:], 16, 64)
	return limit.Key{Tag: tag, ID: id}, err == nil && err2 == nil
}

var (
	errTags  = errors.New("redisstore: the keys of a decision have more than one Tag")
	errReply = errors.New("an answer that the script does not give")
)

// Decide implements limit.Store, in one round trip. The time is the server's; the caller's
// is not asked for. An error of a server that was asked leaves open whether points were
// taken.
func (l *Limits) Decide(ctx context.Context, _ time.Time, ops []limit.Op, results []limit.Result) error {
	return l.decide(ctx, decideScript, "", ops, results)
}

// decide runs a script with one more argument, unless that is empty.
func (l *Limits) decide(ctx context.Context, s script, more string, ops []limit.Op, results []limit.Result) error {
	if err := limit.CheckOps(ops, results); err != nil {
		return err
	}
	for i := range ops {
		if ops[i].Key.Tag != ops[0].Key.Tag {
			return errTags
		}
	}
	return l.conn.use(ctx, "decide", func(ctx context.Context, c rueidis.Client) error {
		var names [4]string
		var packed [9]string
		keys, args := names[:0], packed[:0]
		for i := range ops {
			keys = append(keys, l.key(ops[i].Key))
			args = append(args, ops[i].Rule.Packed(), ops[i].Packed())
		}
		if more != "" {
			args = append(args, more)
		}
		reply, err := s.runAll(ctx, c, keys, args).AsBytes()
		if err != nil {
			return err
		}
		return read(reply, ops, results)
	})
}

// The flags of an op in the script's answer.
const (
	answerAllowed = 1 << iota
	answerFound
	answerFirst
	answerStarted

	answerSize = 1 + limit.StateSize
)

// read turns the script's answer into results.
func read(reply []byte, ops []limit.Op, results []limit.Result) error {
	if len(reply) != 8+len(ops)*answerSize {
		return errReply
	}
	at := math.Float64frombits(binary.LittleEndian.Uint64(reply))
	if !(at > 0 && at < 1<<53) {
		return errReply
	}
	now := int64(at)
	for i := range ops {
		b := reply[8+i*answerSize:][:answerSize]
		var s limit.State
		if err := s.UnmarshalBinary(b[1:]); err != nil || b[0] >= answerStarted<<1 {
			return errReply
		}
		results[i] = limit.Result{
			Allowed: b[0]&answerAllowed != 0, Found: b[0]&answerFound != 0,
			First: b[0]&answerFirst != 0, Started: b[0]&answerStarted != 0,
		}
		ops[i].Rule.Report(&s, now, &ops[i], &results[i])
	}
	return nil
}

// Delete implements limit.Store, in one round trip.
func (l *Limits) Delete(ctx context.Context, key limit.Key) (found bool, err error) {
	err = l.conn.use(ctx, "delete", func(ctx context.Context, c rueidis.Client) error {
		n, err := c.Do(ctx, c.B().Del().Key(l.key(key)).Build()).AsInt64()
		found = n > 0
		return err
	})
	return found, err
}

// scanCount is how many keys a server is asked to look at in one round trip.
const scanCount = 512

// Scan implements limit.Store. It asks every primary for its keys, some at a time, and then
// for those records: Options.Timeout bounds each of these calls, and f is called between
// them. While a server makes its table of keys larger or smaller, or slots move between
// nodes, a record can be told more than once.
func (l *Limits) Scan(ctx context.Context, f func(limit.Key, limit.State) bool) error {
	var nodes map[string]rueidis.Client
	if err := l.conn.use(ctx, "scan", func(ctx context.Context, c rueidis.Client) error {
		nodes = c.Nodes()
		return nil
	}); err != nil {
		return err
	}
	for _, node := range nodes {
		primary := false
		if err := l.conn.use(ctx, "scan", func(ctx context.Context, _ rueidis.Client) (err error) {
			primary, err = isPrimary(ctx, node)
			return err
		}); err != nil {
			return err
		}
		for cursor, more := uint64(0), primary; more; more = cursor != 0 {
			var keys []limit.Key
			var states []limit.State
			if err := l.conn.use(ctx, "scan", func(ctx context.Context, c rueidis.Client) (err error) {
				keys, states, cursor, err = l.page(ctx, c, node, cursor)
				return err
			}); err != nil {
				return err
			}
			for i := range keys {
				if !f(keys[i], states[i]) {
					return nil
				}
			}
		}
	}
	return nil
}

// isPrimary asks a node for its role.
func isPrimary(ctx context.Context, node rueidis.Client) (bool, error) {
	role, err := node.Do(ctx, node.B().Role().Build()).ToArray()
	if err != nil || len(role) == 0 {
		return false, err
	}
	name, err := role[0].ToString()
	return name == "master", err
}

// page reads the keys of one node from cursor on, and asks c, which knows where keys are,
// for their records.
func (l *Limits) page(ctx context.Context, c, node rueidis.Client, cursor uint64) (keys []limit.Key, states []limit.State, next uint64, err error) {
	scan := node.B().Scan().Cursor(cursor).Match(globEscape.Replace(l.prefix) + "*").Count(scanCount).Build()
	entry, err := node.Do(ctx, scan).AsScanEntry()
	if err != nil {
		return nil, nil, 0, err
	}
	var gets []rueidis.Completed
	for _, name := range entry.Elements {
		if k, ok := l.parseKey(name); ok {
			keys = append(keys, k)
			gets = append(gets, c.B().Get().Key(name).Build())
		}
	}
	if len(gets) == 0 {
		return nil, nil, entry.Cursor, nil
	}
	live := keys[:0]
	for i, result := range c.DoMulti(ctx, gets...) {
		value, err := result.AsBytes()
		if rueidis.IsRedisNil(err) {
			continue // it has run out since
		}
		var s limit.State
		if err == nil {
			err = s.UnmarshalBinary(value)
		}
		if err != nil {
			return nil, nil, 0, fmt.Errorf("%s: %w", l.key(keys[i]), err)
		}
		live, states = append(live, keys[i]), append(states, s)
	}
	return live, states, entry.Cursor, nil
}

// globEscape makes a text a pattern for itself.
var globEscape = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`)
