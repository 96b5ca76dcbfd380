module github.com/panoplysec/panoply/bench

go 1.26.0

require (
	github.com/alexedwards/scs/v2 v2.9.0 // the peer of bench/session
	github.com/panoplysec/panoply v0.0.0
)

replace github.com/panoplysec/panoply => ../
