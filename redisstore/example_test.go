package redisstore_test

import (
	"context"
	"log"
	"net/http"
	"time"

	"github.com/panoplysec/panoply/limit"
	"github.com/panoplysec/panoply/redisstore"
	"github.com/panoplysec/panoply/session"
)

// This example needs a server, so it is compiled and not run.
func Example() {
	store, err := redisstore.New(redisstore.Options{Address: []string{"127.0.0.1:6379"}})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	if err := store.Ping(context.Background()); err != nil {
		log.Print(err) // and go on: requests get 503 until it is there
	}
	type account struct{ User string }
	sessions, err := session.New[account](session.Options{Store: store, Keys: [][]byte{[]byte("32 random bytes, the same always")}})
	if err != nil {
		log.Fatal(err)
	}
	_ = sessions
}

// Several processes share what their clients have used up. This example needs a server, so
// it is compiled and not run.
func ExampleNewLimits() {
	limits, err := redisstore.NewLimits(redisstore.Options{Address: []string{"127.0.0.1:6379"}})
	if err != nil {
		log.Fatal(err)
	}
	defer limits.Close()
	limiter, err := limit.New(limit.Options{
		Policies: []limit.Policy{
			{Name: "second", Algorithm: limit.GCRA, Points: 10, Duration: time.Second, Burst: 30},
			{Name: "day", Points: 10_000, Duration: 24 * time.Hour},
		},
		Store:  limits,
		Secret: []byte("32 random bytes, the same always"),
	})
	if err != nil {
		log.Fatal(err)
	}
	http.Handle("/api/", limiter.Handler(http.NotFoundHandler()))
}
