package redisstore

import (
	"context"
	"strconv"

	"github.com/panoplysec/panoply/limit"
)

// DecideAt is Decide at a time of the test's, in microseconds since 1970.
func (l *Limits) DecideAt(ctx context.Context, now int64, ops []limit.Op, results []limit.Result) error {
	return l.decide(ctx, timedScript, strconv.FormatInt(now, 10), ops, results)
}

// Name is the name of a record.
func (l *Limits) Name(k limit.Key) string { return l.key(k) }

// ParseName reads it.
func (l *Limits) ParseName(name string) (limit.Key, bool) { return l.parseKey(name) }

// Read turns an answer of the script into results.
var Read = read
