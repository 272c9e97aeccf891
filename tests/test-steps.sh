#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# What all steps share: packages, variables, the summary of make check, and the
# runner of these tests.

. "$(dirname "${BASH_SOURCE[0]}")/tap.sh"
. "$TESTS/fake.sh"

test_help_names_every_target()
{
	fake_repo
	steps help >said
	for target in run test test-all bench fuzz soak mutants cocci series apply check refresh reproduce tree fetch; do
		grep -Eq "^make $target +[^ ]" said || fail "no line for $target"
	done
	# and each target has its step
	for step in run test bench fuzz soak mutants cocci apply refresh reproduce fetch check; do
		[ -x "$R/harness/$step.sh" ] || fail "no harness/$step.sh"
	done
}

test_bad_variables()
{
	fake_repo
	refuses one-line 'ARCH=pdp11 is not supported' steps tree ARCH=pdp11
	refuses one-line 'V=yes makes no sense; use V=1' steps tree V=yes
	refuses one-line 'JOBS=many is not a number' steps tree JOBS=many
	for target in run check reproduce; do
		refuses one-line 'only make test knows ARCH=arm64; leave it out' steps "$target" ARCH=arm64
	done
	fake_kernel linux 9
	refuses one-line 'the checks belong to a base; leave KDIR= out' steps check KDIR="$T/linux"
}

test_logged_shows_the_end_of_the_log_and_the_exit_code()
{
	fake_repo
	cat >"$R/harness/try.sh" <<-'END'
		. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
		phase "trying" try
		logged "counting" bash -c 'seq 1 100; exit 9'
	END
	rc=0
	bash "$R/harness/try.sh" 2>said || rc=$?
	[ "$rc" -eq 9 ] || fail "exit code $rc"
	grep -q '| 100$' said || fail "no end of the log"
	! grep -q '| 50$' said || fail "too much of the log"
	V=1 bash "$R/harness/try.sh" 2>verbose || rc=$?
	grep -q '^50$' verbose || fail "V=1 does not show the output"
	grep -q 'trying: FAILED (exit 9) in .*log out/6.12/logs/try.log' said || fail "no line for the phase"
}

test_nothing_runs_on_when_a_step_is_ended()
{
	local step n=0
	fake_repo
	cat >"$R/harness/try.sh" <<-'END'
		. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
		phase "trying" try
		logged "waiting" bash -c 'sleep 1000 & echo $! >child; wait'
	END
	bash "$R/harness/try.sh" 2>said &
	step=$!
	until [ -s child ]; do
		sleep 0.1
		n=$((n + 1))
		[ "$n" -lt 100 ] || fail "the step did not start"
	done
	kill "$step"
	rc=0
	wait "$step" || rc=$?
	[ "$rc" -eq 143 ] || fail "exit code $rc"
	grep -q 'trying: FAILED (exit 143)' said || fail "no line for the phase"
	n=0
	while kill -0 "$(cat child)" 2>/dev/null; do
		sleep 0.1
		n=$((n + 1))
		[ "$n" -lt 100 ] || fail "its command goes on running"
	done
}

test_package_that_cannot_be_installed()
{
	fake_repo
	mkdir bin
	printf '#!/bin/sh\nexit 1\n' >bin/dpkg-query
	printf '#!/bin/sh\necho no network >&2; exit 100\n' >bin/apt-get
	printf '#!/bin/sh\nexec "$@"\n' >bin/sudo
	chmod +x bin/*
	sed -i "s,^PATH=,&$T/bin:," "$R/harness/lib.sh"
	refuses 'check the network|cannot be installed: .*sparse' "$R/harness/deps.sh" check
	refuses one-line 'no group nonsense; groups are: .*build ' "$R/harness/deps.sh" nonsense
}

test_check_adds_up()
{
	fake_repo
	rm "$R"/harness/check-*.sh
	for rc in 0 1 77; do
		printf '#!/bin/sh\nexit %s\n' "$rc" >"$R/harness/check-exit$rc.sh"
	done
	chmod +x "$R"/harness/check-*.sh
	rc=0
	steps check >said || rc=$?
	[ "$rc" -ne 0 ] || fail "passed in spite of a failure"
	[ "$(tail -n 1 said)" = '1 passed, 1 failed, 1 skipped' ] || fail "another sum"
	steps check ONLY=exit0 >said
	[ "$(tail -n 1 said)" = '1 passed, 0 failed, 0 skipped' ] || fail "another sum"
	steps check ONLY=-exit1 >said
	[ "$(tail -n 1 said)" = '1 passed, 0 failed, 1 skipped' ] || fail "another sum"
	refuses one-line 'there is no check nonsense; checks are: exit0' steps check ONLY=nonsense
	refuses one-line 'there is no check nonsense; checks are: exit0' steps check ONLY=-nonsense
	refuses one-line 'names both what to run and what to leave out' steps check ONLY=exit0,-exit1
}

test_compiler_cache_does_not_serve_another_kernel()
{
	export CCACHE_DIR=$T/ccache CCACHE_DEPEND=1
	echo '.incbin "image"' >piggy.S
	for image in first other; do
		echo "$image" >image
		"$TESTS/../harness/cc.sh" gcc -MMD -c -o piggy.o piggy.S
		grep -q "$image" piggy.o || fail "the object lacks the $image image"
	done
}

# runner BODY: result of tests/run.sh for a test file of that text
runner()
{
	printf '%s\n' "$1" >test-it.sh
	bash "$TESTS/run.sh" "$T/test-it.sh" >said
}

test_runner_is_not_fooled()
{
	runner $'echo 1..2\necho ok 1\necho ok 2' || fail "a good file is refused"
	if runner $'echo 1..2\necho ok 1'; then fail "a file that ended early passes"; fi
	if runner $'echo ok 1'; then fail "no plan passes"; fi
	if runner $'echo 1..0'; then fail "no result passes"; fi
	if runner ''; then fail "an empty file passes"; fi
	if runner $'echo 1..1\necho ok 1\nexit 3'; then fail "a bad exit code passes"; fi
	if runner $'echo 1..2\necho ok 1\necho not ok 2'; then fail "a failure passes"; fi
	[ "$(tail -n 1 said)" = '1 passed, 1 failed, 0 skipped' ] || fail "another sum"
}

test_tap_functions_have_errexit()
{
	cat >test-it.sh <<-END
		. "$TESTS/tap.sh"
		test_false() { false; true; }
		test_undefined() { echo "\$undefined"; }
		test_true() { true; }
		tap_run
	END
	if bash "$TESTS/run.sh" "$T/test-it.sh" >said; then fail "passes"; fi
	[ "$(tail -n 1 said)" = '1 passed, 2 failed, 0 skipped' ] || fail "another sum: $(cat said)"
}

tap_run
