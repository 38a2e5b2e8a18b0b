# Hotline: `make run` and `make test` are all the set-up there is.

GO       ?= go
GOFLAGS  ?=
BIN      := bin/hotline
VERSION  := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS  := -s -w -X main.version=$(VERSION)
WEB_SRC  := $(shell find web/src web/public -type f 2>/dev/null) web/package-lock.json web/index.html web/vite.config.ts

RUN_TOOLS  := espeak-ng open-jtalk open-jtalk-mecab-naist-jdic
TEST_TOOLS := $(RUN_TOOLS) sip-tester baresip-core chromium postgresql fonts-noto-cjk iproute2 kamailio
BENCH_TOOLS := rtpengine-daemon

.PHONY: run build web test test-go test-web e2e stress bench lint fuzz clean run-tools test-tools bench-tools

## run: install what is missing, build, and serve the demo shop
run: run-tools build
	$(BIN) serve --demo

## build: web pages and the one binary
build: web
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN) ./cmd/hotline

web: web/dist/.built

web/node_modules/.installed: web/package.json web/package-lock.json
	cd web && npm ci --no-audit --no-fund --prefer-offline
	touch $@

web/dist/.built: web/node_modules/.installed $(WEB_SRC)
	cd web && npm run build
	touch $@

## test: install what the tests need and run all of them
test: test-tools test-web build test-go e2e

test-web: web/node_modules/.installed
	cd web && npm run check && npm test

# Vet and the end-to-end tests compile as the build does: what it has compiled
# they need not. Two packages at a time; then, one after another, those that keep time: on two
# cores the media tests need theirs.
TIMED := /(sip|media|internal/call|internal/journey|internal/simulate)(/|$$)
test-go: build
	CGO_ENABLED=0 $(GO) vet -trimpath ./...
	$(GO) test -race -vet=off -p 2 -timeout 15m $$($(GO) list ./... | grep -v -E 'internal/e2e|$(TIMED)')
	$(GO) test -race -vet=off -p 1 -timeout 15m $$($(GO) list ./... | grep -E '$(TIMED)')

# The end-to-end tests drive the built binary with SIPp, baresip and Chromium.
# Those that mostly wait go four at a time.
e2e: build
	CGO_ENABLED=0 $(GO) test -trimpath -vet=off -count=1 -parallel 4 -timeout 30m ./internal/e2e/...

## stress: the timing-sensitive tests, fifty times
stress: test-tools build
	$(GO) test -race -count=50 -p 1 -timeout 90m ./sip ./media/... ./internal/call ./internal/journey

## bench: the table of docs/performance, ratios against peers
bench: bench-tools build
	tools/bench

lint:
	$(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0 run ./...
	cd web && npm run lint

## fuzz: every fuzz target for a minute
fuzz:
	tools/fuzz 60s

run-tools:
	@tools/need $(RUN_TOOLS)

test-tools:
	@tools/need $(TEST_TOOLS)

bench-tools: test-tools
	@tools/need $(BENCH_TOOLS)

clean:
	rm -rf bin web/dist/assets web/dist/index.html web/dist/.built
