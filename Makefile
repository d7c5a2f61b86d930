# The front door: `make` lists the targets.
SHELL := /bin/bash
CARGO ?= cargo

.DEFAULT_GOAL := help
.PHONY: help demo build test check bench setup docs

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: build ## build and start examples/rack-debian; open the printed address, end with Ctrl-C
	@exec ./target/release/daruma start -C examples/rack-debian

build: ## the release binary, target/release/daruma
	@$(CARGO) build --release --locked

test: setup ## everything: checks, hermetic tests, tests against Debian's archive and real consumers
	@scripts/test

check: ## formatting, lints, documentation and arrows; about a minute
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --locked --quiet
	$(CARGO) test --locked --quiet -p darumaotoshi --test arrows --test licences

bench: setup build ## speed as ratios against mmdebstrap, debootstrap, bwrap and GNU tar, in one run
	@$(CARGO) run --release --locked --quiet -p xtask -- bench

docs: ## write docs/reference/cli.md anew
	@$(CARGO) run --locked --quiet -p xtask -- docs

setup: ## install what the tests and benches compare daruma with (Debian, as root; elsewhere it only says what is missing)
	@scripts/setup
