module github.com/panoplysec/panoply/bench

go 1.26.0

require (
	github.com/alexedwards/scs/v2 v2.9.0 // the peer of bench/session
	github.com/gorilla/sessions v1.4.0 // the peer of its sealed cookies
	github.com/panoplysec/panoply v0.0.0
	github.com/sethvargo/go-limiter v0.7.2 // the peer of bench/limit
)

require github.com/gorilla/securecookie v1.1.2 // indirect

replace github.com/panoplysec/panoply => ../
