module github.com/panoplysec/panoply

go 1.26.0

require (
	github.com/go-chi/chi/v5 v5.5.0 // the Example of a router other than net/http; tests only
	github.com/goccy/go-yaml v1.19.2 // panoply.yaml: strict decoding, errors that show the line
	github.com/prometheus/client_golang v1.25.0 // /metrics of the door
	github.com/prometheus/client_model v0.6.3 // the metrics as data; tests only
	github.com/redis/rueidis v1.0.79 // redisstore: pipelining, Cluster and the fewest allocations of the clients
	github.com/rogpeppe/go-internal v1.16.0 // testscript drives the binary; tests only
	github.com/spf13/cobra v1.10.2 // commands, completion and man pages from one source
	github.com/tdewolff/parse/v2 v2.8.20 // JavaScript's tokens and syntax tree: the routes and the sessions of an Express app
	github.com/vbauerster/mpb/v8 v8.16.2 // the progress of an audit on a terminal
	go.etcd.io/bbolt v1.5.0 // diskstore: acknowledged writes survive a power cut; three modules, where pebble links 32
	golang.org/x/crypto v0.58.0 // the scan of TLS: ChaCha20-Poly1305, which the standard library keeps to itself, and OCSP; BLAKE2b, which minisign signs
	golang.org/x/mod v0.41.0 // modfile and semver: go.mod is read as the go command reads it
	golang.org/x/net v0.62.0 // html: tokens of foreign pages; dns/dnsmessage: answers of resolvers; publicsuffix: which hosts are one site; httpguts: what may be a field; http2/hpack: fields of a page by HTTP/2
	golang.org/x/sys v0.50.0 // peer credentials of the admin socket; limits, clocks and descriptors of the system
	golang.org/x/term v0.48.0 // whether a person is there to be asked, or to see progress
	golang.org/x/text v0.43.0 // unicode/norm: user names that apps treat as one are counted as one
	golang.org/x/tools v0.51.0 // go/packages, ssa and vta: which vulnerable functions of Go an app calls (audit --reachability)
	google.golang.org/protobuf v1.36.12 // protowire reads the spans that the door writes; tests only
)

require (
	github.com/VividCortex/ewma v1.2.0 // indirect
	github.com/acarl005/stripansi v0.0.0-20180116102854-5a71ef0e047d // indirect
	github.com/beorn7/perks v1.0.1 // indirect
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/clipperhouse/uax29/v2 v2.7.0 // indirect
	github.com/cpuguy83/go-md2man/v2 v2.0.6 // indirect
	github.com/inconshreveable/mousetrap v1.1.0 // indirect
	github.com/mattn/go-runewidth v0.0.30 // indirect
	github.com/munnerz/goautoneg v0.0.0-20191010083416-a7dc8b61c822 // indirect
	github.com/prometheus/common v0.72.0 // indirect
	github.com/prometheus/procfs v0.22.0 // indirect
	github.com/russross/blackfriday/v2 v2.1.0 // indirect
	github.com/spf13/pflag v1.0.10 // indirect
	github.com/vbauerster/cupwriter v0.0.5 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/sync v0.24.0 // indirect
)
