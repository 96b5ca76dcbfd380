# Command one: go run ./cmd/panoply demo. Command two: make test.

GO      ?= go
TOOL    := $(GO) tool -modfile=tools.mod
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
TARGETS := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64

.PHONY: build dist deb test lint cross services fuzz bench clean

build:
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o panoply ./cmd/panoply

# What a package holds, for Linux: the static program, its bill of materials, licences, man
# pages and completions. A program of another kind than this machine's cannot write those itself.
DIST    ?= dist
ARCH    ?= $(shell $(GO) env GOARCH)
PANOPLY ?= $(if $(filter linux/$(ARCH),$(shell $(GO) env GOHOSTOS)/$(shell $(GO) env GOHOSTARCH)),$(DIST)/panoply,$(GO) run ./cmd/panoply)
export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || date +%s)

dist:
	rm -rf $(DIST)/man $(DIST)/completion
	mkdir -p $(DIST)/man $(DIST)/completion
	CGO_ENABLED=0 GOOS=linux GOARCH=$(ARCH) $(GO) build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o $(DIST)/panoply ./cmd/panoply
	$(PANOPLY) sbom $(DIST)/panoply >$(DIST)/panoply.cdx.json
	packaging/licenses.sh $(DIST)/panoply >$(DIST)/LICENSES
	$(PANOPLY) man $(DIST)/man
	for shell in bash zsh fish; do $(PANOPLY) completion $$shell >$(DIST)/completion/panoply.$$shell || exit 1; done

deb: dist
	packaging/deb.sh $(DIST) $(VERSION) $(ARCH)

# What the tests talk to. On a Debian machine as root it is installed; elsewhere it must
# be there, or the tests that need it skip and say so (with CI=true a skip fails).
services:
	./internal/compat/services.sh

test: services
	$(GO) vet ./...
	$(GO) test -race ./...

lint:
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo 'not gofmt-ed:'; gofmt -l $$(git ls-files '*.go'); exit 1; }
	$(GO) vet ./...
	$(TOOL) staticcheck ./...
	$(GO) test ./internal/layers

# Builds only: the tests run where the services are.
cross:
	@for t in $(TARGETS); do \
		echo "build $$t"; \
		CGO_ENABLED=0 GOOS=$${t%/*} GOARCH=$${t#*/} $(GO) build -o /dev/null ./cmd/panoply || exit 1; \
	done

# A minute of each fuzz target, or FUZZTIME=10s.
FUZZTIME ?= 1m
fuzz:
	@for pkg in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
			echo "$$pkg $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) $$pkg || exit 1; \
		done; \
	done

bench:
	$(MAKE) -C bench

clean:
	rm -f panoply
	rm -rf dist
