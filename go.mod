module github.com/panoplysec/panoply

go 1.26.0

require (
	github.com/go-chi/chi/v5 v5.5.0 // the Example of a router other than net/http; tests only
	github.com/goccy/go-yaml v1.19.2 // panoply.yaml: strict decoding, errors that show the line
	github.com/prometheus/client_golang v1.25.0 // /metrics of the door
	github.com/rogpeppe/go-internal v1.16.0 // testscript drives the binary; tests only
	github.com/spf13/cobra v1.10.2 // commands, completion and man pages from one source
	golang.org/x/sys v0.49.0 // peer credentials of the admin socket
)

require (
	github.com/beorn7/perks v1.0.1 // indirect
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/cpuguy83/go-md2man/v2 v2.0.6 // indirect
	github.com/inconshreveable/mousetrap v1.1.0 // indirect
	github.com/munnerz/goautoneg v0.0.0-20191010083416-a7dc8b61c822 // indirect
	github.com/prometheus/client_model v0.6.3 // indirect
	github.com/prometheus/common v0.72.0 // indirect
	github.com/prometheus/procfs v0.22.0 // indirect
	github.com/russross/blackfriday/v2 v2.1.0 // indirect
	github.com/spf13/pflag v1.0.9 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/tools v0.26.0 // indirect
	google.golang.org/protobuf v1.36.12 // indirect
)
