module github.com/panoplysec/panoply/bench

go 1.26.0

require (
	github.com/alexedwards/scs/v2 v2.9.0 // the peer of bench/session
	github.com/go-redis/redis_rate/v10 v10.0.1 // the peer of bench/limitredis
	github.com/gorilla/csrf v1.7.3 // a peer of bench/csrf
	github.com/gorilla/sessions v1.4.0 // the peer of bench/session's sealed cookies
	github.com/justinas/nosurf v1.2.0 // a peer of bench/csrf
	github.com/panoplysec/panoply v0.0.0
	github.com/redis/go-redis/v9 v9.23.0 // the client of that peer, and a peer with Panoply's script
	github.com/sethvargo/go-limiter v0.7.2 // the peer of bench/limit
)

require (
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/gorilla/securecookie v1.1.2 // indirect
	github.com/redis/rueidis v1.0.79 // indirect
	go.uber.org/atomic v1.12.0 // indirect
	golang.org/x/sys v0.50.0 // indirect
)

replace github.com/panoplysec/panoply => ../
