# Everything here does its own set-up, and does it once: `make help` lists the targets.

PYTHON ?= python3
VENV := py/.venv
export CARGO_TARGET_DIR := target
CROSSWIRE := target/debug/crosswire

# More words for `crosswire run`, such as ARGS='--server go -E "case(fibonacci/**)"'.
ARGS ?=

# A folder with the two documents that the services come from: `make test` then
# runs their programs too, as they stand.
SEEDS ?=

# The peers whose command lines must be the same, as src/tests/peers.rs reads them.
PEERS_UNDER_TEST := python=$(VENV)/bin/python py/server.py|$(VENV)/bin/python py/client.py;go=go/bin/server|go/bin/client

# What is fed with anything, and for how long each.
FUZZ_TARGETS := $(basename $(notdir $(wildcard harness/fuzz/fuzz_targets/*.rs)))
FUZZ_SECONDS ?= 60
CARGO_FUZZ_VERSION := 0.13.2
# Without a sanitizer, which would need a nightly compiler: nothing here is unsafe.
FUZZ_OPTIONS = --fuzz-dir harness/fuzz --target-dir $(CURDIR)/target/fuzz -s none $(FUZZ_PROFILE)

# `--dev` compiles in less than half the time, and runs slower: enough for a moment each.
FUZZ_PROFILE ?=

GENERATED = $(wildcard py/*_pb2*.py go/pb/*.go docs/schema/*.json) harness/suites/vectors.jsonl

# A page in docs/ about two peers of a whole run: its report, the peers, the page.
compare = $(if $(ARGS),true,$(CROSSWIRE) compare --report target/$(1) $(2) $(3) >target/page.md && mv target/page.md docs/$(4).md)

# A first build takes a while and says so; later ones are quiet.
QUIET := $(if $(wildcard $(CROSSWIRE)),-q)

.DEFAULT_GOAL := help
.PHONY: help interop stacks versions layers test mutants attack fuzz lint generate fixtures bench beside rust py go harness go-tools need-cargo need-go

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

interop: harness ## Run every client against every server and print the matrix
	@$(CROSSWIRE) run $(ARGS)

stacks: harness ## Run more stacks against the reference peers, as far as their toolchains are there
	@$(CROSSWIRE) run --manifest harness/peers/crosswire.toml --report target/stacks $(ARGS)

versions: harness ## Run three libraries as they are and as they were; write docs/versions/
	@$(CROSSWIRE) run --manifest harness/peers/versions.toml --report target/versions $(ARGS)
	@$(call compare,versions,grpcio-1.53,grpcio,versions/grpcio)
	@$(call compare,versions,grpc-go-1.66,grpc-go,versions/grpc-go)
	@$(call compare,versions,grpclib-0.4.5,grpclib,versions/grpclib)

layers: harness ## Run the Rust peer with and without its layers; write docs/layers.md
	@$(CROSSWIRE) run --report target/layers $(ARGS)
	@$(call compare,layers,tonic,rust,layers)

test: harness rust py go ## Run every test of all three languages and of the harness
	@echo '--- Rust'
	CROSSWIRE_PEERS_UNDER_TEST='$(PEERS_UNDER_TEST)' cargo test --workspace
	$(if $(SEEDS),CROSSWIRE_SEEDS='$(abspath $(SEEDS))' cargo test --workspace --test seeds -- --ignored)
	@echo '--- Python'
	cd py && .venv/bin/python -m pytest
	@echo '--- Go'
	cd go && go vet ./... && go test ./...

mutants: harness rust ## Run peers with one planted defect each: all must be found
	@target/debug/mutants $(ARGS)

attack: harness rust py go ## Attack each server; print its memory and how long an ordinary client waits
	@cargo test -q --workspace --test attacks -- --ignored --nocapture

fuzz: need-cargo ## Feed readers, loaders and the Rust server with anything, for FUZZ_SECONDS each
	@cargo fuzz --version >/dev/null 2>&1 || \
		cargo install --quiet --locked cargo-fuzz --version $(CARGO_FUZZ_VERSION)
	@mkdir -p target/fuzz && cargo fuzz build $(FUZZ_OPTIONS)
	@for target in $(FUZZ_TARGETS); do \
		corpus=target/fuzz/corpus/$$target; log=target/fuzz/$$target.log; mkdir -p $$corpus; \
		cargo fuzz run $(FUZZ_OPTIONS) $$target $$corpus harness/http2/tests/recorded -- \
			-max_total_time=$(FUZZ_SECONDS) -timeout=20 -print_final_stats=1 \
			-artifact_prefix=target/fuzz/$$target- >$$log 2>&1 || { tail -n 60 $$log; exit 1; }; \
		awk -v target=$$target '/number_of_executed_units/ { print target ": " $$2 " runs" }' $$log; \
	done

lint: py ## Check formatting and lints, and that generated files and fixtures are up to date
	cargo fmt --all --check
	cargo fmt --manifest-path harness/fuzz/Cargo.toml --check
	cargo clippy --workspace --all-targets -- -D warnings
	$(VENV)/bin/ruff check py
	$(VENV)/bin/ruff format --check py
	$(VENV)/bin/ruff check --config py/pyproject.toml --exclude harness/peers/grpclib harness
	$(VENV)/bin/ruff format --config py/pyproject.toml --exclude harness/peers/grpclib --check harness
	$(VENV)/bin/ruff check harness/peers/grpclib
	$(VENV)/bin/ruff format --check harness/peers/grpclib
	cargo fmt --manifest-path harness/peers/grpc-rust/Cargo.toml --check
	@for folder in go harness/peers; do \
		test -z "$$(gofmt -l $$folder)" || { gofmt -d $$folder; exit 1; }; done
	cd go && go vet ./...
	@before="$$(sha256sum $(GENERATED))"; \
	$(MAKE) -s generate fixtures && \
	if [ "$$before" != "$$(sha256sum $(GENERATED))" ]; then \
		echo 'generated files were not up to date; they are now: commit them'; exit 1; fi

generate: py go-tools harness ## Generate the Python and Go code from proto/, and the schemas
	$(VENV)/bin/python -m grpc_tools.protoc -I proto \
		--python_out=py --grpc_python_out=py \
		--plugin=protoc-gen-go=go/bin/protoc-gen-go \
		--plugin=protoc-gen-go-grpc=go/bin/protoc-gen-go-grpc \
		--go_out=go --go_opt=module=crosswire/go \
		--go-grpc_out=go --go-grpc_opt=module=crosswire/go \
		proto/outliers.proto proto/fibonacci.proto proto/testing.proto
	$(CROSSWIRE) schema docs/schema

fixtures: py ## Write the detector's vectors anew, with the answers of NumPy
	$(VENV)/bin/python py/oracle.py

bench: need-cargo py ## Measure the detector beside NumPy, loading, and what watching the wire costs
	cargo build --release --bins
	cargo bench -p interop
	cargo bench -p crosswire --bench load --bench tap

beside: harness rust py go ## Compare runs with those of an earlier commit, built in the folder WITH
	@cargo bench -q -p crosswire --bench beside --profile dev -- $(abspath $(WITH))

# One command for both, so that their common dependencies are compiled once; with the
# tests' peers, so that `make test` compiles nothing of it again.
harness rust: need-cargo
	@cargo build $(QUIET) --workspace --bins --features crosswire/test-peers

need-cargo:
	@command -v cargo >/dev/null || { echo 'cargo not found on PATH; install Rust 1.88 or later from rustup.rs'; exit 1; }

need-go:
	@command -v go >/dev/null || { echo 'go not found on PATH; install Go 1.26 or later'; exit 1; }

py: $(VENV)/.ready

$(VENV)/.ready: py/requirements.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; v >= (3, 11) or sys.exit( \
		f"$(PYTHON) is Python {v[0]}.{v[1]}; install Python 3.11 or later, or give PYTHON=...")'
	@$(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r py/requirements.txt
	@touch $@

go: need-go
	@cd go && go build -o bin/ ./cmd/...

go-tools: need-go
	@cd go && go build -o bin/ google.golang.org/protobuf/cmd/protoc-gen-go \
		google.golang.org/grpc/cmd/protoc-gen-go-grpc
