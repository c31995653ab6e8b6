# What a person runs. Each target is one script in scripts/, which says what it
# does; variables are handed on:
#   make run PROFILE=release      the optimised build that packages hold
#   make test ARGS='-k login -x'  narrows the tests (ARGS go to pytest and cargo's filter)
#   make test URL=http://…        runs the black-box part against a running server
export ARGS URL PROFILE

.PHONY: help run test check bench soak coverage package dev setup icons clean

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 18

run: ## build what is missing and open the app (without a display: start the server)
	@scripts/run

test: ## make check, then every test
	@scripts/test

check: ## format, lints, documentation, licences, types, UI unit tests
	@scripts/setup check
	@scripts/check

bench: ## ratios against peers and limits
	@scripts/setup bench
	@benches/run $(ARGS)

soak: ## long randomised runs
	@scripts/setup test
	@scripts/soak

coverage: ## line coverage of the Rust tests
	@scripts/setup coverage
	@scripts/coverage

package: ## release installers (.deb and .rpm here)
	@scripts/setup package
	@scripts/package release

dev: ## the app with hot reload of the UI
	@scripts/setup run
	@scripts/dev

setup: ## install what is missing for building and testing
	@scripts/setup test

icons: ## draw the icon files from icons/branchline.svg
	@scripts/icons

clean: ## remove everything that was built
	rm -rf target ui/dist test-results gen permissions
