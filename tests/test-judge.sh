#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# harness/judge.py: the recorded good runs pass, and every way for a run to go
# wrong is seen. The bad runs are the good ones with one thing changed; the
# splats in logs/splats are recorded, too. So is what compiler, sparse, kernel-doc
# and Sphinx say, in logs/compiler, which harness/kbuild.sh reads.

. "$(dirname "${BASH_SOURCE[0]}")/tap.sh"

judge() { "$TESTS/../harness/judge.py" "$@"; }

# guest, kunit: a good run in ./run
guest() { cp -r "$TESTS/logs/good-guest" run; }
kunit() { cp -r "$TESTS/logs/good-kunit" run; }

# bad KIND REASON [SUITE...]: the run in ./run is bad for that reason
bad()
{
	local rc=0
	judge "$1" run "${@:3}" >out 2>err || rc=$?
	cat out err
	[ "$rc" -eq 1 ] || fail "exit code $rc"
	grep -q 'verdict=bad$' out || fail "not called bad on stdout"
	grep -Eq -- "$2" err || fail "the reason is missing: $2"
}

# cut_off LINES FILE: without its last lines
cut_off()
{
	head -n -"$1" "run/$2" >shorter
	mv shorter "run/$2"
}

test_recorded_good_runs_pass()
{
	guest
	[ "$(judge guest run)" = 'passed=2 failed=0 skipped=0 splats=0 verdict=good' ] || fail guest
	rm -r run
	kunit
	[ "$(judge kunit run vmf_insert_pfn_mkwrite)" = 'passed=5 failed=0 skipped=0 splats=0 verdict=good' ] ||
		fail kunit
}

test_empty_log()
{
	local kind
	for kind in guest kunit; do
		"$kind"
		: >run/console.log
		bad "$kind" 'the kernel said nothing'
		rm run/console.log
		bad "$kind" 'the kernel said nothing'
		rm -r run
	done
}

test_hang_is_a_time_out()
{
	guest
	cut_off 4 console.log
	cut_off 2 verdict
	echo 124 >run/status
	bad guest 'time-out'
	bad guest 'did not shut down'
	bad guest 'fb_defio: did not end'
}

test_hang_after_the_verdict()
{
	guest
	sed -i '/reboot: Power down/d' run/console.log
	bad guest 'did not shut down'
}

test_run_that_was_not_recorded()
{
	guest
	rm run/status
	bad guest 'no exit code was recorded'
	echo 1 >run/status
	bad guest 'ended with exit code 1'
}

test_panic_after_success()
{
	local kind
	for kind in guest kunit; do
		"$kind"
		sed -i '/reboot: /d' run/console.log
		sed 1d "$TESTS/logs/splats/panic.log" >>run/console.log
		bad "$kind" 'kernel splat'
		bad "$kind" 'did not shut down'
		rm -r run
	done
}

test_each_recorded_splat_anywhere()
{
	local splat kind seen=0
	for splat in "$TESTS"/logs/splats/*.log; do
		for kind in guest kunit; do
			"$kind"
			sed 1d "$splat" >>run/console.log
			bad "$kind" '[1-9] kernel splat'
			bad "$kind" 'first splat, console.log from line'
			rm -r run
			"$kind"
			{
				sed 1d "$splat"
				cat run/console.log
			} >mixed
			mv mixed run/console.log
			bad "$kind" '[1-9] kernel splat'
			rm -r run
			seen=$((seen + 1))
		done
	done
	[ "$seen" -ge 20 ] || fail "only $seen splats in logs/splats"
}

# One line each gives them away. That of arm64 is not recorded: it has the form in
# which the kernel's dump_stack() prints it there.
test_splats_with_one_telling_line()
{
	local splat
	for splat in call-trace-arm64 nonexistent-resource; do
		[ "$(grep -cE 'Call trace:|nonexistent' "$TESTS/logs/splats/$splat.log")" -eq 1 ] || fail "$splat"
		guest
		sed 1d "$TESTS/logs/splats/$splat.log" >>run/console.log
		bad guest '1 kernel splat'
		rm -r run
	done
}

test_every_line_of_a_splat_is_not_one_splat()
{
	guest
	sed 1d "$TESTS/logs/splats/bad-page.log" >>run/console.log
	bad guest '1 kernel splat'
	grep -q ' splats=1 ' out || fail "not one splat"
}

test_own_words_are_no_splat()
{
	guest
	sed -i 's/guest: exit fb_defio 0/guest: # BUG: is what the test looks for\n[    1.0] &/' run/console.log
	judge guest run
}

test_no_verdict()
{
	guest
	: >run/verdict
	bad guest 'the guest sent nothing'
	rm run/verdict
	bad guest 'the guest sent nothing'
}

test_truncated_verdict()
{
	local size
	guest
	size=$(wc -c <run/verdict)
	# Not even the newline at its end may be missing.
	for size in 1 40 $((size - 20)) $((size - 2)) $((size - 1)); do
		head -c "$size" "$TESTS/logs/good-guest/verdict" >run/verdict
		bad guest 'no verdict: what the guest sent is cut off'
	done
}

test_verdict_is_the_last_word()
{
	guest
	echo 'ok 3 late' >>run/verdict
	bad guest 'no verdict: what the guest sent is cut off'
}

test_verdict_that_does_not_add_up()
{
	guest
	sed -i 's/^verdict done 1$/verdict done 2/' run/verdict
	bad guest "reported 1 programs and a 'verdict done 2'"
}

test_no_program()
{
	guest
	sed -i '/^program/,/^exit/d; s/done 1/done 0/' run/verdict
	bad guest 'ran no program'
	bad guest 'not one test ran'
}

test_zero_tests()
{
	guest
	sed -i 's/^1\.\.2$/1..0/; /^ok /d' run/verdict
	bad guest 'zero tests'
	bad guest 'not one test ran'
}

test_no_plan()
{
	guest
	sed -i '/^1\.\./d' run/verdict
	bad guest 'no TAP plan'
}

test_missing_result()
{
	guest
	sed -i '/^ok 2 /d' run/verdict
	bad guest '1 results for 2 planned tests'
}

test_repeated_result()
{
	guest
	sed -i 's/^ok 2 /ok 1 /' run/verdict
	bad guest '2 results for 2 planned tests'
}

test_failing_test_is_named_with_its_words()
{
	guest
	sed -i 's/^ok 2 /# fb_defio.c:99:first_write_faults:Expected 1 == 2\nnot ok 2 /; s/^exit fb_defio 0/exit fb_defio 1/' run/verdict
	bad guest 'not ok 2 fb_defio.alloc_pages.first_write_faults: fb_defio.c:99:.*Expected 1 == 2'
	grep -q '^passed=1 failed=1 ' out || fail "not counted"
}

test_exit_code_without_failing_test()
{
	guest
	sed -i 's/^exit fb_defio 0/exit fb_defio 139/' run/verdict
	bad guest 'exit code 139 although no test failed'
}

test_exit_code_missing()
{
	guest
	sed -i '/^exit fb_defio/d' run/verdict
	bad guest 'fb_defio: did not end'
}

test_nothing_but_skips()
{
	guest
	sed -i 's/^\(ok [12] .*\)/\1 # SKIP no such memory/; s/^exit fb_defio 0/exit fb_defio 4/' run/verdict
	bad guest 'not one test ran'
	grep -q '^passed=0 failed=0 skipped=2 ' out || fail "not counted"
}

test_skips_are_not_good()
{
	guest
	sed -i 's/^\(ok 2 .*\)/\1 # SKIP no such memory/' run/verdict
	bad guest '1 test\(s\) skipped'
	grep -q '^passed=1 failed=0 skipped=1 ' out || fail "not counted"
	rm -r run
	kunit
	sed -i '0,/"PASS"/s//"SKIP"/' run/results.json
	bad kunit '1 test\(s\) skipped'
	grep -q '^passed=4 failed=0 skipped=1 ' out || fail "not counted"
}

test_program_that_did_not_run()
{
	guest
	judge guest run fb_defio
	bad guest '^ *- ssd1307 did not run' fb_defio ssd1307
}

test_leaks()
{
	guest
	bad guest 'kmemleak did not run' fb_defio kmemleak
	sed -i 's/^verdict/leaks 0\n&/' run/verdict
	judge guest run fb_defio kmemleak
	sed -i 's/^leaks 0/leaks unknown/' run/verdict
	bad guest "outside of a program: 'leaks unknown'"
	sed -i 's/^leaks unknown/leaks 3/' run/verdict
	bad guest 'kmemleak found 3 leaked'
	rm -r run
	guest
	echo '[    9.0] kmemleak: Kernel memory leak detector disabled' >>run/console.log
	bad guest '1 kernel splat'
}

test_guest_without_its_job()
{
	guest
	sed -i 's/^begin tests/&\nno such job: tests/' run/verdict
	bad guest "outside of a program: 'no such job: tests'"
}

test_lines_outside_of_a_program()
{
	local kind line
	for line in 'not ok 3 late' 'ok 3 late' '1..2' '# late' 'exit fb_defio 1' 'sh: can not fork' 'begin tests' 'verdict done 1' ''; do
		for kind in guest plain; do
			guest
			sed -i "s/^verdict/$line\n&/" run/verdict
			bad "$kind" "outside of a program: '$line'"
			rm -r run
			guest
			sed -i "s/^begin tests/&\n$line/" run/verdict
			bad "$kind" "outside of a program: '$line'"
			rm -r run
		done
	done
}

test_results_that_no_plan_covers()
{
	guest
	sed -i 's/^exit fb_defio 0/not ok late\n&/' run/verdict
	bad guest "fb_defio: a result without a number: 'not ok late'"
	rm -r run
	guest
	sed -i '/^ok 2 /d; s/^exit fb_defio 0/1..1\n&/' run/verdict
	bad guest 'fb_defio: a second TAP plan'
}

test_plain_program_fails_by_its_exit_code()
{
	guest
	judge plain run
	sed -i 's/^exit fb_defio 0/exit fb_defio 1/' run/verdict
	bad plain 'fb_defio: exit code 1'
}

test_kunit_without_results()
{
	kunit
	echo '{' >run/results.json
	bad kunit 'no KUnit results'
	rm run/results.json
	bad kunit 'no KUnit results'
}

test_kunit_zero_tests()
{
	kunit
	echo '{"name": "KUnit Test Group", "sub_groups": [], "test_cases": []}' >run/results.json
	bad kunit 'not one test ran'
	echo '{"sub_groups": [{"name": "empty", "sub_groups": [], "test_cases": []}], "test_cases": []}' >run/results.json
	bad kunit 'empty: zero tests'
}

test_kunit_suite_that_did_not_run()
{
	local rc=0
	kunit
	judge kunit run vmf_insert_pfn_mkwrite fb_defio 2>err || rc=$?
	[ "$rc" -eq 1 ] || fail "exit code $rc"
	grep -q 'the suite fb_defio did not run' err || fail "not named"
}

test_kunit_failure_and_crash()
{
	local case
	kunit
	sed -i '0,/"PASS"/s//"FAIL"/' run/results.json
	bad kunit 'vmf_insert_pfn_mkwrite\.test_mkwrite_.*: FAIL$'
	# what it has expected, be it the case's name or the function of a case with parameters
	case=$(sed -nE 's/.*vmf_insert_pfn_mkwrite\.(.*): FAIL$/\1/p' err)
	printf '%s\n' "[    5.1][  T9]     # ${case%%.*}: EXPECTATION FAILED at lib/tests/a.c:7" \
		'[    5.1][  T9]     Expected 1 == f(x), but' '[    5.2][  T9]         f(x) == 2 (0x2)' \
		"[    5.3][  T9]     # ${case%%.*}: EXPECTATION FAILED at lib/tests/a.c:9" >>run/console.log
	bad kunit 'FAIL, lib/tests/a\.c:7: Expected 1 == f\(x\), but f\(x\) == 2 \(0x2\)$'
	grep -q '^passed=4 failed=1 ' out || fail "not counted"
	sed -i '0,/"FAIL"/s//"ERROR"/' run/results.json
	bad kunit ': ERROR'
}

test_kunit_exit_code_counts()
{
	kunit
	echo 1 >run/status
	bad kunit 'exit code 1'
}

test_quote_finds_the_words()
{
	guest
	sed 1d "$TESTS/logs/splats/bad-page.log" >>run/console.log
	judge quote run 'Bad page state' >words
	grep -q 'BUG: Bad page state' words || fail "not the splat"
	grep -q 'page dumped because' words || fail "not the reason"
	[ "$(wc -l <words)" -le 8 ] || fail "not in short"
	judge quote run 'KASAN' && fail "found what is not there"
	return 0
}

test_case_of_a_selftest()
{
	guest
	[ "$(judge case run write_is_tracked)" = green ] || fail "short name"
	[ "$(judge case run fb_defio.vmalloc.write_is_tracked)" = green ] || fail "long name"
	[ "$(judge case run is_tracked)" = absent ] || fail "part of a name"
	sed -i 's/^ok 1 /not ok 1 /' run/verdict
	[ "$(judge case run write_is_tracked)" = red ] || fail "not red"
	[ "$(judge case run first_write_faults)" = green ] || fail "another one's failure"
	sed -i '/^not ok 1 /,$d' run/verdict
	[ "$(judge case run write_is_tracked)" = red ] || fail "what took the kernel down is not red"
	[ "$(judge case run first_write_faults)" = absent ] || fail "what never started"
}

test_case_of_kunit()
{
	kunit
	[ "$(judge case run vmf_insert_pfn_mkwrite.test_mkwrite_inserts)" = green ] || fail "not green"
	[ "$(judge case run vmf_insert_pfn_mkwrite.test_mkwrite)" = absent ] || fail "part of a name"
	sed -i '/test_mkwrite_inserts/{n;s/PASS/FAIL/}' run/results.json
	[ "$(judge case run vmf_insert_pfn_mkwrite.test_mkwrite_inserts)" = red ] || fail "not red"
}

test_wrong_calls()
{
	refuses one-line '^usage: ' judge
	refuses one-line '^usage: ' judge guest no-such-directory
	refuses one-line '^usage: ' judge nonsense .
}

# messages LOG: how many lines of which kind harness/kbuild.sh reads there
messages()
{
	bash -c '. "$0"/lib.sh; . "$0"/kbuild.sh; compiler_messages <"$1"' \
		"$TESTS/../harness" "$TESTS/logs/compiler/$1.log" | tee said | cut -d : -f 1,2 | sort | uniq -c | awk '{ print $1, $2, $3 }'
}

test_messages_of_compiler_sparse_and_kernel_doc()
{
	local file=drivers/video/fbdev/core/fb_defio.c
	[ "$(messages warnings-7.3)" = "9 $file: warning" ] || fail "warnings-7.3: $(cat said)"
	[ "$(grep -c "^$file: warning: function parameter 'vma' not described in 'fb_deferred_io_mmap'$" said)" -eq 2 ] ||
		fail "7.3's kernel-doc"
	[ "$(messages htmldocs-6.12)" = "3 $file: warning" ] || fail "htmldocs-6.12: $(cat said)"
	[ "$(messages htmldocs-7.3)" = "1 Documentation/fb/deferred_io.rst: warning
3 $file: warning" ] || fail "htmldocs-7.3: $(cat said)"
}

test_console_without_last_words()
{
	kunit
	grep -v 'reboot: ' run/console.log >shorter
	mv shorter run/console.log
	bad kunit 'did not shut down'
	[ "$(judge kunit-cut run)" = 'passed=5 failed=0 skipped=0 splats=0 verdict=good' ] || fail "a cut console is bad"
	bad kunit-cut 'another_suite did not run' another_suite
	printf '%s\n' 'BUG: Bad page state in process x' >>run/console.log
	bad kunit-cut '1 kernel splat'
}

tap_run
