package expresssession

import (
	"context"
	"time"
)

// A Store keeps sessions as the peer's stores do. Implementations are safe for concurrent
// use.
type Store interface {
	// Get returns the JSON of a session; false when there is none. The caller does not
	// change it.
	Get(ctx context.Context, sid string) (json []byte, ok bool, err error)
	// Set stores a session, over whatever is there.
	Set(ctx context.Context, sid string, s Stored) error
	// Destroy removes a session; a missing one is no error.
	Destroy(ctx context.Context, sid string) error
}

// A Toucher is a Store that moves the expiry of a session that nobody has changed. A
// missing one is no error, and is not made.
type Toucher interface {
	Touch(ctx context.Context, sid string, s Stored) error
}

// A Conditional is a Store that changes only what is as it was, which is what Strict needs
// so that no change is lost and no logout undone.
type Conditional interface {
	// SetIfPresent is Set for a session that is there, and false for one that is not.
	SetIfPresent(ctx context.Context, sid string, s Stored) (bool, error)
	// Replace is Set for a session whose JSON is old, and false for any other.
	Replace(ctx context.Context, sid string, old []byte, s Stored) (bool, error)
}

// A Readier is a Store that knows when it is out, as the peer's emit connect and
// disconnect.
type Readier interface{ Ready() bool }

// Stored is a session on its way to a Store.
type Stored struct {
	// JSON is the whole session.
	JSON []byte
	// Cookie is its member "cookie", as in JSON.
	Cookie []byte
	// Expires is when the cookie ends; zero when it lasts as long as the browser.
	Expires time.Time
	// NoDate says that the cookie's expiry is something, and no date. The peer's TTL is
	// NaN then.
	NoDate bool
}
