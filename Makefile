# Thin: every target installs what it needs, then calls the tool that does the work.
SHELL := /bin/bash
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/streamjob
export CARGO_TARGET_DIR ?= $(CACHE)/target
CARGO := cargo
BIN := $(CARGO_TARGET_DIR)/release/streamjob

.PHONY: help run test build lint fmt oracle judge chaos bench bench-kernels bench-flink setup images cluster-up cluster-down cluster-load cluster-shell chart e2e bench-cluster

help: ## what there is
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup:
	@scripts/setup

run: build ## run the example job on real flight data, on this machine
	@scripts/run-example dist/streamjob

build: setup ## release binaries at dist/streamjob and dist/streamjob-operator
	$(CARGO) build --release --bin streamjob --bin streamjob-operator
	@mkdir -p dist && cp $(BIN) $(BIN)-operator dist/

test: setup ## everything that CI runs
	@scripts/test

chaos: setup ## kill processes of a running job for two minutes, four times over
	@scripts/install-versitygw
	STREAMJOB_CHAOS_SECONDS=$${STREAMJOB_CHAOS_SECONDS:-120} CI=true \
	    $(CARGO) test --release -p streamjob-cli --test chaos -- --nocapture --test-threads=1

e2e: setup ## the operator on a real Kubernetes (E2E=name of a test: only that one)
	@scripts/e2e $(E2E)

bench-cluster: setup ## measure upgrade, rescale and a lost worker with 1 GiB of state in the test cluster
	@scripts/e2e --ignored gigabyte

bench: SCALE ?= 0.1
bench: setup ## measure whole jobs, recovery, rescale, checkpoints, latency, exchange in minutes; SCALE=1 for all rows; bench.json
	@scripts/install-versitygw
	$(CARGO) build --release -p streamjob-cli -p streamjob-tests --bins
	$(CARGO_TARGET_DIR)/release/streamjob-bench --scale $(SCALE) all
	@$(MAKE) --no-print-directory bench-kernels

bench-kernels: setup ## measure the kernels, each beside a bare loop that is its bound
	$(CARGO) bench --profile release -p streamjob-tests -p streamjob-state-rocksdb $(addprefix --bench ,partition frames groups formats access)

bench-flink: SCALE ?= 0.25
bench-flink: setup ## the same jobs in Flink (jars from PyPI; needs a JDK) and here, in turn; SCALE=1 for all rows; bench-flink.json
	$(CARGO) build --release -p streamjob-cli -p streamjob-tests --bins
	$(CARGO_TARGET_DIR)/release/streamjob-bench --json bench-flink.json --scale $(SCALE) flink

lint: setup ## formatting and clippy
	$(CARGO) fmt --all --check
	$(CARGO) clippy --release --workspace --all-targets -- -D warnings

fmt: ## format the code
	$(CARGO) fmt --all

oracle: ## record the SQL goldens again with real Flink
	@tests/oracle/record.sh

judge: build ## compare SQL results with DuckDB's
	@tests/oracle/duckdb/judge.sh dist/streamjob

IMAGE ?= localhost/streamjob:dev
IMAGE_BINARIES ?= dist/streamjob dist/streamjob-operator
images: build ## the image as an OCI archive at dist/streamjob.tar (IMAGE=name:tag)
	@scripts/image/streamjob.sh $(IMAGE) dist/streamjob.tar $(IMAGE_BINARIES)

chart: ## make what the chart holds of other files, and charts/streamjob-operator.yaml; then check it
	@scripts/chart && tests/chart/run

cluster-up: ## a real Kubernetes with two nodes and an S3 server on this machine, as root
	@tests/cluster/up.sh

cluster-load: ## load dist/streamjob.tar into its nodes
	@tests/cluster/load.sh dist/streamjob.tar

cluster-shell: ## a shell in its network, with kubectl and helm
	@tests/cluster/enter

cluster-down: ## stop it and remove every trace
	@tests/cluster/down.sh
