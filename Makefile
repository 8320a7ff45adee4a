# zida — every habit of this project. `make help` lists them.
GO        ?= go
CACHE     ?= $(shell $(GO) env GOCACHE)/../zida-tools
LINT_VER  := v2.15.0
LINT      := $(CACHE)/golangci-lint-$(LINT_VER)
VULN_VER  := v1.1.4
VERSION   := $(shell cat hub/cli/VERSION 2>/dev/null || echo dev)
BIN       := bin/zida
export CGO_ENABLED ?= 0
# One set of flags for every build: what build compiled, vet, test and lint find
# in the cache. nomsgpack leaves out a codec of gin that nothing here uses.
export GOFLAGS := -trimpath -tags=nomsgpack $(GOFLAGS)

.DEFAULT_GOAL := help
.PHONY: help setup need page build engine demo run test test-page test-ui pictures ui-speed lint fuzz bench views plan vuln clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

need: # name what is missing on this machine, with the line that installs it
	@command -v $(GO) >/dev/null || { echo "Go is missing: install Go 1.26 from https://go.dev/dl/" >&2; exit 1; }
	@command -v npm >/dev/null || { echo "npm is missing: apt-get install nodejs npm   (or fetch the engine elsewhere and run: zida engine install FILE)" >&2; exit 1; }

need-cc:
	@command -v $${CC:-cc} >/dev/null || { echo "a C compiler is missing (the race detector needs one): apt-get install gcc libc6-dev" >&2; exit 1; }

# The page is built by npm from what its lock file pins, and embedded into the binary.
UI      := analytics/dashboard
PAGE    := $(UI)/dist/index.html
UI_SRC  := $(shell find $(UI)/src -type f) $(UI)/index.html $(UI)/vite.config.ts $(UI)/tsconfig.json
MODULES := $(UI)/node_modules/.package-lock.json

$(MODULES): $(UI)/package-lock.json $(UI)/package.json
	@command -v npm >/dev/null || { echo "npm is missing: apt-get install nodejs npm   (or build without the page: go build -tags no_ui)" >&2; exit 1; }
	npm --prefix $(UI) ci --no-audit --no-fund
	@touch $@

$(PAGE): $(MODULES) $(UI_SRC)
	rm -rf $(UI)/dist/page $(PAGE)
	npm --prefix $(UI) run --silent build

page: $(PAGE) ## build the page that the binary embeds

build: $(PAGE) ## build bin/zida
	@command -v $(GO) >/dev/null || { echo "Go is missing: install Go 1.26 from https://go.dev/dl/" >&2; exit 1; }
	$(GO) build -o $(BIN) .

setup: need build engine ## build, and fetch the engine library into the user's cache

engine: build ## fetch the ClickHouse engine through npm into the user's cache (once)
	@$(BIN) engine path >/dev/null 2>&1 || { $(MAKE) -s need && $(BIN) engine install; }

demo: setup ## build, fetch, and serve generated data of both sides
	$(BIN) demo

run: setup ## serve on ./data
	$(BIN) serve --data ./data

need-browser:
	@command -v $(BROWSER) >/dev/null || { echo "a browser is missing (the page's tests need one): apt-get install chromium fonts-wqy-microhei" >&2; exit 1; }

BROWSER ?= chromium
# The page's tests drive the shipped program's demo with a real browser.
test-page: need need-browser setup ## the page: unit tests, and a pairwise set of its views in a real browser
	npm --prefix $(UI) run --silent unit
	BROWSER=$(BROWSER) node --test $(UI)/test/browser/*.test.mjs

test-ui: need need-browser setup ## the page: every view in every language, theme and size
	ZIDA_UI=all BROWSER=$(BROWSER) node --test $(UI)/test/browser/*.test.mjs

pictures: need need-browser setup ## the page: take the pictures of docs/walk.md anew
	ZIDA_PICTURES=write ZIDA_SUITE=walk BROWSER=$(BROWSER) node --test $(UI)/test/browser/page.test.mjs

ui-speed: need need-browser setup ## measure the page: weight of the first load, time to use, frames under the pointer
	BROWSER=$(BROWSER) node $(UI)/test/speed.mjs

test: need need-cc need-browser setup ## all tests
	$(GO) vet ./...
	$(GO) test -timeout 12m ./...
	CGO_ENABLED=1 $(GO) test -race -timeout 10m ./schemas/... ./hub/journal/... ./hub/auth/... ./hub/registry/...
	$(MAKE) test-page

$(LINT):
	@mkdir -p $(CACHE)
	GOBIN=$(CACHE) $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VER)
	@mv $(CACHE)/golangci-lint $(LINT)

lint: $(LINT) ## golangci-lint v2
	$(LINT) run ./...

FUZZTIME ?= 20s
fuzz: ## every fuzz target for FUZZTIME (default 20s)
	@set -e; for p in $$($(GO) list ./...); do for f in $$($(GO) test -list '^Fuzz' $$p | grep ^Fuzz || true); do \
	  echo "$$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$p; done; done

bench: setup ## the measured ratios, beside posting straight into ClickHouse; writes bench.json
	$(GO) run ./deploy/lab/bench

ROWS ?= 100
views: setup ## how long the page's views take over ROWS million records (default 100; some 15 GB of disk)
	$(GO) run ./deploy/lab/views -rows $(ROWS)

plan: setup ## docs/plan.md: the plan's questions answered by a running demo, each answer worked out twice
	$(GO) run ./deploy/lab/plan

vuln: ## known vulnerabilities of the dependencies (needs vuln.go.dev)
	$(GO) run golang.org/x/vuln/cmd/govulncheck@$(VULN_VER) ./...

clean: ## remove build output
	rm -rf bin build $(UI)/dist/page $(PAGE) $(UI)/node_modules
