# SPDX-License-Identifier: GPL-2.0
#
# Every target is one step under harness/; "make help" explains them.

BASE ?= 6.12
export BASE KDIR ARCH CONFIGS MUTATIONS V SIGNOFF JOBS TOPIC COVER FILES SEED OPS WRITES HOURS

.DEFAULT_GOAL := help
.PHONY: help run test test-all bench series apply check cocci refresh reproduce tree fetch deps fuzz soak mutants

# help explains each target at the start of a line that has a "##".
help: ## this text
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 18
	@echo
	@echo 'BASE=6.12|7.3     the kernel to work with ($(BASE) now)'
	@echo 'TOPIC="fixes"     only these topics of the series (series, apply), or what this topic'
	@echo '                  cures or completes (reproduce, check): $(shell grep -v "^#" patches/topics | tr "\n" " ")'
	@echo 'KDIR=/path        your own kernel tree instead (test: on a copy; apply: changes it)'
	@echo 'ARCH=arm64        another machine than x86_64 (make test): a file of harness/arches/'
	@echo 'CONFIGS=debug     only this kernel (make test): plain, debug or both'
	@echo 'SEED=1 OPS=20000  which random operations, and how many of them (make fuzz); OPS=, WRITES='
	@echo '                  and HOURS= say how much is enough (make soak)'
	@echo 'MUTATIONS=invariants   only those that guard an invariant (make check)'
	@echo 'COVER=1           puts the cover letter of TOPIC= before its mails (make series)'
	@echo 'V=1               the full output of every command'
	@echo 'SIGNOFF="N <m>"   adds a Signed-off-by line to each mail of make series'
	@echo 'FILES="a.c b.c"   only these C files: of drivers, wherever they are (make cocci), of the series (make mutants)'
	@echo 'ONLY="a b"        only these checks (make check): names as in harness/check-NAME.sh; "-a": all but it'

run: ## shows the bug on the unpatched kernel, and a correct picture on the patched one
	@harness/run.sh

test: ## KUnit and selftests on a plain and on a debug kernel
	@harness/test.sh

# First what CI never runs.
test-all: ## everything: both bases, all machines, all checks, all bugs; hours, goes on where it ended
	@harness/targets.sh --resume 'check BASE=7.3 ONLY=-mutations,-topics' 'reproduce BASE=7.3' \
		'test BASE=7.3' 'test BASE=7.3 ARCH=i386' 'test BASE=7.3 ARCH=arm64' \
		'test BASE=7.3 ARCH=arm' 'test BASE=7.3 ARCH=s390x' \
		'check BASE=7.3 ONLY=mutations' 'check BASE=7.3 ONLY=topics' \
		'check ONLY=-mutations,-topics' reproduce test \
		'test ARCH=i386' 'test ARCH=arm64' 'test ARCH=arm' 'test ARCH=s390x' \
		'check ONLY=mutations' 'check ONLY=topics'

fuzz: ## random operations against a model, from SEED=, OPS= of them
	@harness/fuzz.sh

soak: ## millions of them, and of writes, on both bases; for HOURS=; goes on where it stopped
	@harness/soak.sh

bench: ## what deferred I/O costs, unpatched and patched, against the goals: table and plot
	@harness/bench.sh

series: ## prints the series as an mbox: make -s series | git -C ~/linux am
	@command -v python3 >/dev/null || harness/deps.sh fetch
	@harness/series.py

apply: ## puts the series into the tree KDIR=, all of it or nothing
	@harness/apply.sh

check: ## everything about the patches themselves, mutations included, and the harness
	@harness/check.sh $(ONLY)

cocci: ## finds what is wrong in a driver outside of the tree, and says what to do; FILES=
	@harness/cocci.sh

mutants: ## breaks each line of the series in turn: do the tests notice? ONLY=1-100/5 is a part
	@harness/mutants.sh $(ONLY)

refresh: ## turns the commits of out/BASE/patched into patches/ and the new files
	@harness/refresh.sh

reproduce: ## shows the bugs on the unpatched kernel; TOPIC=fixes: and their cure by that topic
	@harness/reproduce.sh

tree: ## the patched tree to develop in, out/BASE/patched, brought up to date
	@harness/tree.sh patched

fetch: ## the kernel source of BASE, or a later point release of it
	@harness/fetch.sh --update

deps: ## installs the Debian packages that are needed
	@harness/deps.sh
