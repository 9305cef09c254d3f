# The words that people and CI use. `make help` lists them.

SHELL = /bin/bash -o pipefail
SWIFT ?= swift
# Which build install, demo and systemd-test take: release or debug.
BUILD ?= release
PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
DESTDIR ?=

BIN = .build/$(BUILD)
UNITS = $(PREFIX)/lib/systemd/system
USERUNITS = $(PREFIX)/lib/systemd/user
SYSUSERS = $(PREFIX)/lib/sysusers.d
TMPFILES = $(PREFIX)/lib/tmpfiles.d
MAN = $(PREFIX)/share/man
DOC = $(PREFIX)/share/doc/jobq
BASH_COMPLETIONS = $(PREFIX)/share/bash-completion/completions
ZSH_COMPLETIONS = $(PREFIX)/share/zsh/site-functions
FISH_COMPLETIONS = $(PREFIX)/share/fish/vendor_completions.d
SOURCES = Package.swift Sources Tests

# What a build needs, and what the tests need beyond it (Debian's names).
BUILD_PACKAGES = libsqlite3-dev libyaml-dev pkg-config make dpkg-dev tcl
TEST_PACKAGES = curl python3 python3-venv tzdata procps systemd systemd-container e2fsprogs libeatmydata1 zsh fish gdb

.NOTPARALLEL:
.PHONY: build debug test unit-test crash-test soak systemd-test power-cut-test fuzz-test demo install uninstall bench bench-deps format lint deps build-deps clean help

# Without the checks of exclusive access while it runs, which debug builds have, and so all tests: they take a tenth of all
# that the event loop does (docs/decisions/0018).
RELEASE = -c release --static-swift-stdlib -Xswiftc -enforce-exclusivity=unchecked

# SQLite from its source (docs/decisions/0020): the log is there whether or not that could be done.
SQLITE = .build/sqlite/log
export PKG_CONFIG_PATH := $(CURDIR)/.build/sqlite$(if $(PKG_CONFIG_PATH),:$(PKG_CONFIG_PATH))
# Made anew where the system's is another one than before: dpkg keeps the dates of files, not of this directory.
$(SQLITE): Sources/CSQLite/build Sources/CSQLite/training.c $(wildcard /usr/share/doc/libsqlite3-dev)
	@SWIFT="$(SWIFT)" Sources/CSQLite/build .build/sqlite
# Or they would not be linked anew.
	@rm -f .build/*/jobqd .build/*/jobqPackageTests.xctest

build: $(SQLITE) ## both programs, optimised, in .build/release (the default)
	$(SWIFT) build $(RELEASE) --product jobqd
	$(SWIFT) build $(RELEASE) --product jobq

debug: $(SQLITE) ## everything for debugging, tests included, in .build/debug
	$(SWIFT) build --build-tests

test: deps lint debug unit-test systemd-test power-cut-test ## every test
	@echo "make test: all suites passed"

# One after the other: those that start daemons, clients and process trees by the hundred would be in each other's way.
unit-test:
	@set -e; for suite in $(notdir $(wildcard Tests/*Tests)); do SWIFT="$(SWIFT)" Tests/run-suite $$suite; done

crash-test: debug ## the crash laboratory alone; CASES=1000 for that many deaths of the daemon in each scenario
	@echo "== crash laboratory"
	CASES=$(CASES) JOBQ_SOAK=2000 $(SWIFT) test --skip-build \
	  --filter 'CrashTests|ExactRecoveryTests|UnkillableTests|SoakTests|ClockTests'
	CASES=$(or $(CASES),1000) $(SWIFT) test --skip-build --filter '/hostile\('

soak: build debug ## many short jobs with deaths of the daemon among them, on the release build; CASES=200000 says how many
	@echo "== soak"
	JOBQ_SOAK=$(or $(CASES),200000) JOBQ_TEST_BIN=$(abspath $(BIN)) $(SWIFT) test --skip-build \
	  --filter 'SoakTests|CrashTests/releaseBuild'

systemd-test: ## the service under a real systemd, in a container (as root)
	@echo "== the service under systemd"
	@test -x .build/debug/jobqd || $(MAKE) debug
	Tests/systemd/run .build/debug

power-cut-test: ## a disk that loses its power under the daemon and 16 clients (as root); CASES= how often
	@echo "== power cuts"
	@test -x .build/debug/jobqd || $(MAKE) debug
	Tests/powercut/run .build/debug

fuzz-test: ## hostile requests by the thousand, and schemathesis over docs/openapi.yaml; CASES= how many
	@echo "== fuzz"
	@test -x .build/debug/jobqd || $(MAKE) debug
	$(SWIFT) test --skip-build --filter FuzzTests
	Tests/fuzz/run .build/debug

demo: build-deps build ## real jobs in a scratch directory, shown and checked
	docs/demo.sh $(BIN)

install: ## into PREFIX (/usr/local), below DESTDIR; build first
	@test -x $(BIN)/jobqd -a -x $(BIN)/jobq || { echo "nothing is built: run \`make\` first, as yourself" >&2; exit 1; }
	install -d $(addprefix $(DESTDIR),$(PREFIX)/bin $(UNITS) $(USERUNITS) $(SYSUSERS) $(TMPFILES) $(MAN)/man1 $(MAN)/man5 \
	  $(MAN)/man8 $(DOC) $(BASH_COMPLETIONS) $(ZSH_COMPLETIONS) $(FISH_COMPLETIONS) $(SYSCONFDIR)/jobq)
	install -m 0755 $(BIN)/jobq $(BIN)/jobqd $(DESTDIR)$(PREFIX)/bin
	sed 's,@BINDIR@,$(PREFIX)/bin,' systemd/jobq.service > $(DESTDIR)$(UNITS)/jobq.service
	sed 's,@BINDIR@,$(PREFIX)/bin,' systemd/user/jobq.service > $(DESTDIR)$(USERUNITS)/jobq.service
	chmod 0644 $(DESTDIR)$(UNITS)/jobq.service $(DESTDIR)$(USERUNITS)/jobq.service
	install -m 0644 systemd/jobq.socket $(DESTDIR)$(UNITS)
	install -m 0644 systemd/jobq.sysusers $(DESTDIR)$(SYSUSERS)/jobq.conf
	install -m 0644 systemd/jobq.tmpfiles $(DESTDIR)$(TMPFILES)/jobq.conf
	install -m 0644 docs/man/jobq.1 $(DESTDIR)$(MAN)/man1
	install -m 0644 docs/man/jobq.yaml.5 $(DESTDIR)$(MAN)/man5
	install -m 0644 docs/man/jobqd.8 $(DESTDIR)$(MAN)/man8
	install -m 0644 README.md LICENSE etc/jobq.yaml $(DESTDIR)$(DOC)
	install -m 0755 docs/examples/mail-on-failure $(DESTDIR)$(DOC)
	test -e $(DESTDIR)$(SYSCONFDIR)/jobq/jobq.yaml || install -m 0644 etc/jobq.yaml $(DESTDIR)$(SYSCONFDIR)/jobq
	$(BIN)/jobq --generate-completion-script bash > $(DESTDIR)$(BASH_COMPLETIONS)/jobq
	$(BIN)/jobq --generate-completion-script zsh > $(DESTDIR)$(ZSH_COMPLETIONS)/_jobq
	$(BIN)/jobq --generate-completion-script fish > $(DESTDIR)$(FISH_COMPLETIONS)/jobq.fish
	chmod 0644 $(DESTDIR)$(BASH_COMPLETIONS)/jobq $(DESTDIR)$(ZSH_COMPLETIONS)/_jobq $(DESTDIR)$(FISH_COMPLETIONS)/jobq.fish
# On a live host, not in a tree for a package: the user jobq and /run/jobq, and systemd's knowledge of the units.
ifeq ($(DESTDIR),)
	if [ -d /run/systemd/system ] && [ "$$(id -u)" = 0 ]; then \
	  systemd-sysusers $(SYSUSERS)/jobq.conf && systemd-tmpfiles --create $(TMPFILES)/jobq.conf && systemctl daemon-reload; fi
endif

uninstall: ## the reverse; configuration, jobs and the user jobq stay
	rm -f $(addprefix $(DESTDIR),$(PREFIX)/bin/jobq $(PREFIX)/bin/jobqd $(UNITS)/jobq.service $(UNITS)/jobq.socket \
	  $(USERUNITS)/jobq.service $(SYSUSERS)/jobq.conf $(TMPFILES)/jobq.conf $(MAN)/man1/jobq.1 $(MAN)/man5/jobq.yaml.5 \
	  $(MAN)/man8/jobqd.8 $(BASH_COMPLETIONS)/jobq $(ZSH_COMPLETIONS)/_jobq $(FISH_COMPLETIONS)/jobq.fish \
	  $(DOC)/README.md $(DOC)/LICENSE $(DOC)/jobq.yaml $(DOC)/mail-on-failure)
	-rmdir $(DESTDIR)$(DOC)

bench: build ## jobq and its peers as multiples of the physical limit, into docs/performance.md (20 minutes on a quiet machine)
	Benchmarks/run --bin $(BIN) --docs docs

bench-deps: ## the peers that `make bench` measures beside jobq, where they are not there
	Benchmarks/deps

format: ## the sources as swift-format has them
	$(SWIFT) format format --in-place --parallel --recursive $(SOURCES)

lint: ## fails where `make format` would change something, or a rule is broken
	@echo "== swift format lint"
	$(SWIFT) format lint --strict --parallel --recursive $(SOURCES)

deps: PACKAGES = $(BUILD_PACKAGES) $(TEST_PACKAGES)
build-deps: PACKAGES = $(BUILD_PACKAGES)
# Prometheus's own checker of metrics, out of its package: to install that would start a service. Where it cannot be had
# the tests' own reader checks alone.
PROMTOOL = .build/promtool
deps: $(PROMTOOL)
$(PROMTOOL):
	@mkdir -p .build/promtool.d && cd .build/promtool.d && apt-get download -qq prometheus 2>/dev/null && \
	  dpkg-deb --fsys-tarfile prometheus_*.deb | tar -x ./usr/bin/promtool && mv usr/bin/promtool ../promtool || \
	  echo "promtool cannot be had here" >&2
	@rm -rf .build/promtool.d

deps: ## installs what builds and tests need and is not there (Debian and its relatives)
deps build-deps:
	@missing=; for package in $(PACKAGES); do \
	  dpkg-query -W -f '$${db:Status-Abbrev}' $$package 2>/dev/null | grep -q '^ii' || missing="$$missing $$package"; done; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if ! command -v apt-get >/dev/null; then echo "this needs, under Debian's names:$$missing" >&2; exit 1; fi; \
	echo "installing$$missing"; sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	$$sudo apt-get update -qq && $$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $$missing

clean:
	rm -rf .build

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 14
