package doctor

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/panoplysec/panoply/redisstore"
)

const (
	// redisTime is how long the Redis may take to connect and answer.
	redisTime = 5 * time.Second
	// littleSpace and noSpace are what is left on the disk of the state folder.
	littleSpace = 256 << 20
	noSpace     = 32 << 20
)

// checkStore looks at where what the door counts and keeps goes.
func checkStore(ctx context.Context, o *Options) []Line {
	lines := []Line{o.disk()}
	if len(o.Config.Limits.Redis) > 0 {
		lines = append(lines, o.redis(ctx))
	}
	return lines
}

func (o *Options) redis(ctx context.Context) Line {
	c := o.Config.Limits
	l := Line{Check: "store", Subject: strings.Join(c.Redis, ", ")}
	ro := redisstore.Options{Address: c.Redis, Username: c.RedisUser}
	if c.RedisPassword != "" {
		password, err := os.ReadFile(c.RedisPassword)
		if err != nil {
			l.Verdict, l.Found = Problem, err.Error()
			return l
		}
		ro.Password = string(bytes.TrimSpace(password))
	}
	if c.RedisTLS == "on" {
		ro.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	db, err := redisstore.NewLimits(ro)
	if err == nil {
		defer db.Close()
		ctx, cancel := context.WithTimeout(ctx, redisTime)
		defer cancel()
		err = db.Ping(ctx)
	}
	if err != nil {
		l.Verdict, l.Found = Problem, "the Redis does not answer: "+err.Error()
		l.Do = "start it, or mend limits; until it answers each door allows its share"
		return l
	}
	l.Verdict, l.Found = OK, fmt.Sprintf("the Redis answers; %d doors are to share it", c.Instances)
	return l
}

// disk looks at the room for blocks, logouts and what was learnt.
func (o *Options) disk() Line {
	l := Line{Check: "store", Subject: o.Config.State}
	free, err := freeSpace(o.Config.State)
	switch {
	case errors.Is(err, os.ErrNotExist):
		l.Verdict, l.Found = NotChecked, "the state folder is made at the first start"
	case err != nil:
		l.Verdict, l.Found = NotChecked, err.Error()
	case free < noSpace:
		l.Verdict, l.Found, l.Do = Problem, fmt.Sprintf("%d MB are left on its disk: logouts and blocks cannot be kept", free>>20), "make room"
	case free < littleSpace:
		l.Verdict, l.Found, l.Do = Warning, fmt.Sprintf("%d MB are left on its disk", free>>20), "make room"
	default:
		l.Verdict, l.Found = OK, fmt.Sprintf("%d MB are left on its disk", free>>20)
	}
	return l
}
