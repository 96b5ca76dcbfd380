package limit_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/panoplysec/panoply/guard"
	"github.com/panoplysec/panoply/limit"
)

// A limit of two requests a minute for each address.
func Example() {
	limiter, err := limit.New(limit.Options{
		Policies: []limit.Policy{{Name: "api", Points: 2, Duration: time.Minute}},
		Sink:     func(context.Context, guard.Event) {}, // nil logs what is refused
	})
	if err != nil {
		panic(err) // every problem at once
	}
	handler := limiter.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintln(w, "hello")
	}))
	for range 3 {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
		fmt.Printf("%d, retry after %q\n", w.Code, w.Header().Get("Retry-After"))
	}
	// Output:
	// 200, retry after ""
	// 200, retry after ""
	// 429, retry after "90"
}

// Failures block for longer each time.
func ExampleLimiter_Consume() {
	limiter, err := limit.New(limit.Options{Policies: []limit.Policy{{
		Name: "codes", Points: 3, Duration: time.Hour,
		Blocks: []time.Duration{15 * time.Minute, 24 * time.Hour},
	}}})
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	for range 4 {
		d, err := limiter.Consume(ctx, "account 17", 1)
		if err != nil {
			panic(err)
		}
		fmt.Println(d.Allowed, d.Remaining, d.Wait)
	}
	// Output:
	// true 2 0s
	// true 1 0s
	// true 0 0s
	// false 0 15m0s
}

// Two limits are one decision: what the second refuses costs nothing under the first.
func ExampleOptions_union() {
	limiter, err := limit.New(limit.Options{Policies: []limit.Policy{
		{Name: "second", Points: 10, Duration: time.Second},
		{Name: "day", Points: 1, Duration: 24 * time.Hour},
	}})
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	for range 2 {
		d, _ := limiter.Consume(ctx, "key", 1)
		fmt.Println(d.Allowed, d.Policy)
	}
	// Output:
	// true day
	// false day
}

func ExampleQueue() {
	limiter, err := limit.New(limit.Options{Policies: []limit.Policy{{
		Name: "mails", Algorithm: limit.GCRA, Points: 100, Duration: time.Second, Burst: 1,
	}}})
	if err != nil {
		panic(err)
	}
	queue, err := limit.NewQueue(limiter, 100)
	if err != nil {
		panic(err)
	}
	for i := range 3 {
		if _, err := queue.Wait(context.Background(), "smtp", 1); err != nil {
			panic(err)
		}
		fmt.Println("mail", i)
	}
	// Output:
	// mail 0
	// mail 1
	// mail 2
}
