module github.com/panoplysec/panoply/bench

go 1.26
