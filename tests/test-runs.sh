#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# The steps that boot and judge, with stand-ins for what takes long: QEMU, and
# the steps before them.

. "$(dirname "${BASH_SOURCE[0]}")/tap.sh"

# fake_qemu SCRIPT: a QEMU that does that; $console and $verdict
# are the files that it was told to write.
fake_qemu()
{
	{
		echo '#!/bin/bash'
		# shellcheck disable=SC2016
		echo 'for a; do case $a in file:*) console=${a#file:} ;; file,id=verdict,*) verdict=${a##*path=} ;; esac; done'
		echo "$1"
	} >qemu
	chmod +x qemu
	export QEMU=$T/qemu
	echo image >image
	echo initramfs >initramfs
}

boot() { "$TESTS/../harness/boot.sh" run "$@"; }

# fake_steps: a copy of the harness in $R whose steps before the judge are
# stand-ins, and whose runs leave the recorded good ones
fake_steps()
{
	local step
	R=$T/repo
	mkdir -p "$R/out/6.12/patched/drivers/video/fbdev" "$R/lib/tests" "$R/tools/testing/selftests/fbdev" "$R/patches/fixes"
	printf 'fixes\ncontiguous\nfast\ntests\n' >"$R/patches/topics"
	printf 'Subject: [PATCH] mm: Mend it\n\nText.\n---\nNew-file: a.c\n' >"$R/patches/fixes/0001-mm-Mend-it.patch"
	echo 'TEST_GEN_PROGS := fb_defio' >"$R/tools/testing/selftests/fbdev/Makefile"
	cp -r "$TESTS"/../{harness,bases,Makefile} "$R"
	printf 'VERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = 5\n' >"$R/out/6.12/patched/Makefile"
	: >"$R/out/6.12/patched/Kconfig"
	printf 'static struct kunit_suite suite = {\n\t.name = "vmf_insert_pfn_mkwrite",\n};\n' \
		>"$R/lib/tests/pfnmap_kunit.c"
	for step in deps tree build initramfs; do
		printf '#!/bin/bash\necho stand-in\n' >"$R/harness/$step.sh"
	done
	run_leaves boot "cp -r $TESTS/logs/good-guest/. \$1
		case \$1 in *debug*) sed -i 's/^verdict/leaks 0\n&/' \$1/verdict ;; esac"
	run_leaves kunit "cp -r $TESTS/logs/good-kunit/. \$1"
	run_leaves display 'echo passed=6 failed=0 skipped=0 splats=0 verdict=good'
}

# run_leaves STEP COMMANDS: boot.sh or kunit.sh, $1 being the run's directory
run_leaves()
{
	# shellcheck disable=SC2016
	printf '#!/bin/bash\nmkdir -p ${1:-.}\n%s\n' "$2" >"$R/harness/$1.sh"
	chmod +x "$R/harness/$1.sh"
}

run_test() { make -s -C "$R" test >out 2>err; }

test_boot_of_a_kernel_that_hangs()
{
	# shellcheck disable=SC2016
	fake_qemu 'echo "[ 0.1] Linux" >$console; echo "begin tests" >$verdict; exec sleep 100'
	boot 1 image initramfs harness.job=tests
	[ "$(cat run/status)" = 124 ] || fail "status is $(cat run/status)"
	refuses 'time-out' "$TESTS/../harness/judge.py" guest run
}

test_boot_leaves_the_command()
{
	# shellcheck disable=SC2016
	fake_qemu 'printf "%s\n" "$@" >$console; : >$verdict'
	boot 5 image initramfs harness.job=tests 'harness.args="a b"'
	mv run/console.log before
	sh run/qemu.sh
	same before run/console.log
	grep -q 'harness.job=tests harness.args="a b"' before || fail "the arguments got lost"
	grep -qx tcg before || fail "not with -accel tcg"
}

test_boot_without_memory_of_the_run_before()
{
	# shellcheck disable=SC2016
	fake_qemu 'echo a >$console; echo a >$verdict'
	boot 5 image initramfs
	fake_qemu 'exit 0'
	boot 5 image initramfs
	for file in verdict console.log; do
		[ ! -e "run/$file" ] || fail "$file of the run before is left"
	done
}

test_kunit_kernel_that_hangs()
{
	local build=$T/base/build/patched-plain
	mkdir -p "$build/arch/x86/boot" base/patched/tools/testing/kunit bin
	echo image >"$build/arch/x86/boot/bzImage"
	printf '#!/bin/sh\n' >bin/qemu-system-x86_64
	chmod +x bin/qemu-system-x86_64
	cat >base/patched/tools/testing/kunit/kunit.py <<-END
		import time
		with open("$build/test.log", "w") as log:
		    log.write("[ 0.1] KTAP version 1\n")
		time.sleep(100)
	END
	PATH=$PATH:$T/bin KUNIT_GRACE=1 HARNESS_BOUT=$T/base "$TESTS/../harness/kunit.sh" run 1 patched plain
	[ "$(cat run/status)" = 124 ] || fail "status is $(cat run/status)"
	grep -q 'KTAP version' run/console.log || fail "the log got lost"
	refuses 'time-out' "$TESTS/../harness/judge.py" kunit run
}

test_qemu_that_cannot_start()
{
	fake_qemu 'echo "no such machine" >&2; exit 1'
	refuses 'QEMU failed \(exit 1\): no such machine; to repeat: ' boot 5 image initramfs
}

test_boot_bad_input()
{
	fake_qemu 'exit 0'
	refuses one-line 'usage: ' boot 5 image
	refuses one-line 'no-image is missing or empty' boot 5 no-image initramfs
	: >empty
	refuses one-line 'empty is missing or empty' boot 5 image empty
}

test_build_bad_input()
{
	fake_steps
	cp "$TESTS/../harness/build.sh" "$R/harness/"
	refuses one-line 'usage: ' "$R/harness/build.sh" patched
	refuses one-line 'has no kernel fast; add it' "$R/harness/build.sh" patched fast
	refuses one-line 'is not a kernel tree; run harness/tree.sh' "$R/harness/build.sh" unpatched plain
}

test_make_test_adds_up_what_ran()
{
	fake_steps
	run_test || fail "$(cat out err)"
	[ "$(tail -n 1 out)" = '20 passed, 0 failed, 0 skipped' ] || fail "$(cat out)"
	grep -Eq '^6\.12\.5 plain +5/0/0 +2/0/0 +- +0 +good$' out || fail "$(cat out)"
	[ "$(wc -l <out)" -le 10 ] || fail "more than ten lines"
}

test_make_test_with_a_failing_test()
{
	fake_steps
	run_leaves boot "sed 's/^ok 2 /not ok 2 /; s/^exit fb_defio 0/exit fb_defio 1/; s/^verdict/leaks 0\n&/' $TESTS/logs/good-guest/verdict >\$1/verdict
		cp $TESTS/logs/good-guest/{console.log,status} \$1"
	! run_test || fail "passed"
	[ "$(tail -n 1 out)" = '18 passed, 2 failed, 0 skipped' ] || fail "$(cat out)"
}

test_make_test_with_a_splat_only()
{
	fake_steps
	run_leaves kunit "cp -r $TESTS/logs/good-kunit/. \$1; sed 1d $TESTS/logs/splats/bad-page.log >>\$1/console.log"
	! run_test || fail "passed"
	[ "$(tail -n 1 out)" = '20 passed, 2 failed, 0 skipped' ] || fail "$(cat out)"
	grep -Eq '^6\.12\.5 debug +5/0/0 +2/0/0 +6/0/0 +1 +bad$' out || fail "$(cat out)"
}

test_make_test_with_a_wrong_picture()
{
	fake_steps
	run_leaves display 'echo passed=5 failed=1 skipped=0 splats=0 verdict=bad; exit 1'
	! run_test || fail "passed"
	[ "$(tail -n 1 out)" = '19 passed, 1 failed, 0 skipped' ] || fail "$(cat out)"
	grep -Eq '^6\.12\.5 debug +5/0/0 +2/0/0 +5/1/0 +0 +bad$' out || fail "$(cat out)"
}

test_make_test_without_runs()
{
	fake_steps
	run_leaves boot :
	run_leaves kunit :
	! run_test || fail "passed"
	[ "$(tail -n 1 out)" = '6 passed, 4 failed, 0 skipped' ] || fail "$(cat out)"
}

test_make_test_without_suites()
{
	fake_steps
	rm "$R"/tools/testing/selftests/fbdev/Makefile
	refuses 'names no test program' make -s -C "$R" test
	rm "$R"/lib/tests/pfnmap_kunit.c
	refuses 'found no KUnit suite' make -s -C "$R" test
}

test_make_test_without_kmemleak()
{
	fake_steps
	run_leaves boot "cp -r $TESTS/logs/good-guest/. \$1"
	! run_test || fail "passed"
	grep -q 'kmemleak did not run' err || fail "$(cat err)"
	grep -Eq '^6\.12\.5 debug .* bad$' out || fail "$(cat out)"
	grep -Eq '^6\.12\.5 plain .* good$' out || fail "$(cat out)"
}

test_make_test_bad_input()
{
	fake_steps
	refuses one-line "CONFIGS=' ' names no kernel" env CONFIGS=' ' make -s -C "$R" test
	refuses one-line 'CONFIGS=fast names no kernel fast' make -s -C "$R" test CONFIGS=fast
}

# A message of another CPU within the header of a suite is more than kunit.py
# can stand.
test_kunit_header_stays_in_one_piece()
{
	local said='[ 1.0]     KTAP version 1\n[ 1.1] tsc: calibrated\n[ 1.2] clocksource: tsc\n[ 1.3]     # Subtest: a\n[ 1.4]     1..2\n'
	printf '#!/bin/sh\nprintf "%s"\necho "$@" >arguments\n' "$said" >qemu
	chmod +x qemu
	QEMU_PROGRAM=$T/qemu "$TESTS/../harness/qemu-tcg.sh" -smp 2 -accel kvm -accel hvf -m 1G | cat >out
	[ "$(cat arguments)" = '-smp 2 -m 1G -accel tcg' ] || fail "$(cat arguments)"
	cat out
	[ "$(sed 's/^.* 1\.\(.\)\].*/\1/' out | tr -d '\n')" = 12034 ] || fail "another order"
	# and nothing is lost of a kernel that ends there
	printf '#!/bin/sh\nprintf "[ 1.0] KTAP version 1\n[ 1.1] BUG: x\n[ 1.2] end"\n' >qemu
	QEMU_PROGRAM=$T/qemu "$TESTS/../harness/qemu-tcg.sh" | cat >out
	[ "$(cat out)" = "$(printf '[ 1.0] KTAP version 1\n[ 1.1] BUG: x\n[ 1.2] end')" ] || fail "$(cat out)"
}

test_targets_add_up_and_fail()
{
	fake_steps
	run_leaves check 'echo 3 passed, 0 failed, 1 skipped'
	"$R/harness/targets.sh" test check >out 2>&1 || fail "$(cat out)"
	[ "$(tail -n 1 out)" = '23 passed, 0 failed, 1 skipped' ] || fail "$(cat out)"
	run_leaves check 'echo 3 passed, 1 failed, 0 skipped; exit 1'
	! "$R/harness/targets.sh" test check >out 2>&1 || fail "a failing check passed"
	[ "$(tail -n 1 out)" = '23 passed, 1 failed, 0 skipped' ] || fail "$(cat out)"
	# and why, once more at the end
	run_leaves check 'echo "   - a: FAIL" >&2; seq 100; echo FAIL b; echo 3 passed, 1 failed, 0 skipped; exit 1'
	! "$R/harness/targets.sh" check test >out 2>err || fail "a failing check passed"
	[ "$(grep -c '   - a: FAIL' err)" -eq 1 ] || fail "stderr: $(cat err)"
	tail -n 6 out | head -n 3 | cmp - <(printf '%s\n' 'what failed:' '   - a: FAIL' 'FAIL b') || fail "$(cat out)"
	run_leaves check 'exit 2'
	! "$R/harness/targets.sh" test check >out 2>&1 || fail "a check that got nowhere passed"
	run_leaves check 'echo all is well'
	! "$R/harness/targets.sh" test check >out 2>&1 || fail "a check without a sum passed"
	[ "$(tail -n 1 out)" = '20 passed, 1 failed, 0 skipped' ] || fail "$(cat out)"
}

test_targets_resume()
{
	fake_steps
	export HOME=$T T
	git config --global user.name 'Ann Example'
	git config --global user.email ann@example.org
	git init -q "$R"
	echo /out/ >"$R/.gitignore"
	cat >count <<-'EOF'
		echo run >>"$T/runs"
		echo 3 passed, $(cat "$T/bad") failed, 1 skipped
		exit $(cat "$T/bad")
	EOF
	# shellcheck disable=SC2016 # for the other shell
	run_leaves check '. "$T/count"'
	git -C "$R" add -A
	git -C "$R" commit -qm stand-ins
	echo 1 >bad
	! "$R/harness/targets.sh" --resume 'check ONLY=a' test >out 2>&1 || fail "a failing check passed"
	echo 0 >bad
	for _ in 1 2; do
		"$R/harness/targets.sh" --resume 'check ONLY=a' test >out 2>&1 || fail "$(cat out)"
		[ "$(tail -n 1 out)" = '23 passed, 0 failed, 1 skipped' ] || fail "$(cat out)"
	done
	[ "$(wc -l <runs)" -eq 2 ] || fail "what failed was not run again, or what passed was"
	# Another commit, and changes, are another matter.
	git -C "$R" commit -q --allow-empty -m more
	"$R/harness/targets.sh" --resume 'check ONLY=a' >out 2>&1 || fail "$(cat out)"
	[ "$(wc -l <runs)" -eq 3 ] || fail "the result of another commit counts"
	echo >>"$R/Makefile"
	"$R/harness/targets.sh" --resume 'check ONLY=a' >out 2>&1 || fail "$(cat out)"
	[ "$(wc -l <runs)" -eq 4 ] || fail "a result counts for another tree"
}

picture() { "$TESTS/../harness/picture.py" "$@"; }

test_pictures_are_compared()
{
	printf 'P6\n2 1\n255\n\1\2\3\4\5\6' >a.ppm
	# Little endian XRGB; what lies behind the last row is not seen.
	printf '\3\2\1\0\6\5\4\377padding' >b.raw
	picture same a.ppm 2x1:b.raw
	printf 'P6\n2 1\n255\n\1\2\3\4\5\7' >c.ppm
	refuses one-line 'c.ppm: 1 of 2 pixels differ' picture same a.ppm 2x1:b.raw c.ppm
	refuses one-line 'another size' picture same a.ppm 1x2:b.raw
	refuses one-line 'pixels, not' picture same a.ppm 2x2:b.raw
	refuses one-line 'No such file' picture same a.ppm none.ppm
	refuses one-line 'not a binary PPM' picture same a.ppm b.raw
}

test_picture_as_png()
{
	printf 'P6\n2 1\n255\n\1\2\3\4\5\6' >a.ppm
	picture png a.ppm a.png
	python3 - a.png <<-'END' || fail "no PNG"
		import sys, zlib
		data = open(sys.argv[1], "rb").read()
		assert data[:8] == b"\x89PNG\r\n\x1a\n"
		at = data.index(b"IDAT")
		body = zlib.decompressobj().decompress(data[at + 4:])
		assert body == b"\0\1\2\3\4\5\6"
	END
	printf 'P6\n2 1\n255\n\1\2\3\1\2\3' >blank.ppm
	refuses one-line 'is empty, all of it has one colour' picture png blank.ppm blank.png
	[ ! -e blank.png ] || fail "a file was left"
}

test_mutation_without_header()
{
	fake_steps
	mkdir -p "$R/tests/mutations"
	refuses one-line 'has no patches for 6.12' "$R/harness/check-mutations.sh"
	: >"$R/tests/mutations/a@7.3.patch"
	refuses one-line 'has no patches for 6.12' "$R/harness/check-mutations.sh"
	printf 'Guards: invariant 1\n---\nExpect: kunit:a.b\n' >"$R/tests/mutations/a.patch"
	refuses one-line 'lacks a header line Expect:' "$R/harness/check-mutations.sh"
	refuses one-line 'there is no mutation none.patch' "$R/harness/check-mutations.sh" none.patch
	printf 'Guards: invariant 1\nExpect: kunit:a.b\nBoots: some\n---\n' >"$R/tests/mutations/a.patch"
	refuses one-line 'Boots: is not a number' "$R/harness/check-mutations.sh"
}

test_mutation_bad_input()
{
	local test
	fake_steps
	mkdir -p "$R/tests/mutations"
	for test in write_is_tracked kunit:suite selftest: kunit:; do
		printf 'Guards: invariant 1\nExpect: kunit:a.b\nExpect: %s\n---\n' "$test" >"$R/tests/mutations/a.patch"
		refuses one-line "'Expect: $test' names no test; write" "$R/harness/check-mutations.sh"
	done
	refuses one-line 'MUTATIONS=nonsense makes no sense; use all or invariants' \
		env MUTATIONS=nonsense "$R/harness/check-mutations.sh"
	printf 'Guards: rule\nExpect: kunit:a.b\n---\n' >"$R/tests/mutations/a.patch"
	refuses one-line 'no mutation of 6.12 guards an invariant' \
		env MUTATIONS=invariants "$R/harness/check-mutations.sh"
}

test_style_exception_without_a_reason()
{
	fake_steps
	echo LONG_LINE >>"$R/harness/checkpatch.ignore"
	refuses one-line 'has an entry without a reason; add it' "$R/harness/check-style.sh"
}

# reproduces EVIDENCE [CURE [TOPIC]]: make reproduce, with that as its only row
reproduces()
{
	echo "bug | 6.12 | plain | | fb_defio.vmalloc.write_is_tracked | it is wrong | ${2:-fixes: mm: Mend it} | $1" >"$R/harness/reproduce.table"
	make -s -C "$R" reproduce TOPIC="${3:-}"
}

# fake_bug: fake_steps with an unpatched kernel on which write_is_tracked fails;
# each boot leaves a line in ./boots
fake_bug()
{
	fake_steps
	cp -r "$R"/out/6.12/{patched,unpatched}
	run_leaves boot "echo >>$T/boots
		cp $TESTS/logs/good-guest/{console.log,status} \$1
		sed 's/^ok 1 /# fb_defio.c:99:write_is_tracked:Expected 0 (0) == diff (1)\nnot ok 1 /' $TESTS/logs/good-guest/verdict >\$1/verdict"
}

test_reproduce_by_the_assertion_that_fails()
{
	fake_bug
	reproduces 'fails Expected 0 .*== diff' >out || fail "$(cat out)"
	grep -Eq '^bug +plain +shown +fb_defio.c:99:' out || fail "$(cat out)"
	[ "$(tail -n 1 out)" = '1 passed, 0 failed, 0 skipped' ] || fail "$(cat out)"
	[ "$(wc -l <boots)" -eq 1 ] || fail "more boots than one"
	! reproduces 'fails Expected 0 .*== pages' >out || fail "another assertion is evidence"
	grep -Eq '^bug +plain +NO +nothing in [0-9]+ boots' out || fail "$(cat out)"
}

test_reproduce_by_an_assertion_of_kunit()
{
	local said='[ 1.0]     # test_it: EXPECTATION FAILED at ../a/b_kunit.c:7\r\n[ 1.0]     Expected a == 0, but\r\n[ 1.0]         a == 1 (0x1)\r\n[ 1.1]     Expected b\r\n'
	local row='bug | 6.12 | plain | | kunit:vmf_insert_pfn_mkwrite.test_mkwrite_inserts | it is wrong | fixes: mm: Mend it |'
	fake_steps
	cp -r "$R"/out/6.12/{patched,unpatched}
	run_leaves kunit "cp -r $TESTS/logs/good-kunit/. \$1
		sed -i '/test_mkwrite_inserts/{n;s/PASS/FAIL/}' \$1/results.json
		printf '$said' >>\$1/console.log"
	echo "$row fails ^b_kunit.c:7: Expected a == 0, but a == 1 \(0x1\)\$" >"$R/harness/reproduce.table"
	make -s -C "$R" reproduce >out || fail "$(cat out)"
	echo "$row fails Expected b" >"$R/harness/reproduce.table"
	! make -s -C "$R" reproduce >out || fail "what is no assertion is evidence"
}

test_reproduce_control()
{
	fake_bug
	! reproduces passes >out || fail "a control that fails is good"
	[ "$(wc -l <boots)" -eq 1 ] || fail "a control was tried again"
	grep -Eq '^bug +plain +NO +the test does not pass' out || fail "$(cat out)"
	run_leaves boot "cp -r $TESTS/logs/good-guest/. \$1"
	reproduces passes >out || fail "$(cat out)"
	grep -Eq '^bug +plain +control +fb_defio.vmalloc.write_is_tracked passes' out || fail "$(cat out)"
	run_leaves boot "cp -r $TESTS/logs/good-guest/. \$1; sed 1d $TESTS/logs/splats/bad-page.log >>\$1/console.log"
	! reproduces passes >out || fail "a control with a splat is good"
}

test_reproduce_with_the_cure()
{
	fake_bug
	mkdir "$R/out/6.12/upto"
	cp -r "$R"/out/6.12/{patched,upto/patched}
	! reproduces 'fails Expected 0 .*== diff' '' fixes >out || fail "a bug that stays is cured"
	grep -Eq '^bug +plain +UNCURED +the test does not pass with fixes' out || fail "$(cat out)"
	[ "$(wc -l <boots)" -eq 2 ] || fail "not one boot of each kernel"
	run_leaves boot "cp -r $TESTS/logs/good-guest/. \$1
		case \$1 in
		*cured) ;;
		*) sed -i 's/^ok 1 /# fb_defio.c:99:write_is_tracked:Expected 0 (0) == diff (1)\nnot ok 1 /' \$1/verdict ;;
		esac"
	reproduces 'fails Expected 0 .*== diff' '' fixes >out || fail "$(cat out)"
	[ "$(tail -n 1 out)" = '1 passed, 0 failed, 0 skipped' ] || fail "$(cat out)"
	refuses one-line 'lists no bug of 6.12 that the topic tests cures' reproduces passes 'fixes: mm: Mend it' tests
}

test_reproduce_cure_that_is_none()
{
	fake_steps
	refuses one-line "'mm Mend it' names no patch; write 'topic: subject'" reproduces 'fails it' 'mm Mend it'
	refuses one-line 'the topic fixes has no patch "mm: Mend" for 6.12; correct the row' reproduces 'fails it' 'fixes: mm: Mend'
	refuses one-line 'there is no topic nonsense' reproduces 'fails it' 'nonsense: mm: Mend it'
}

test_reproduce_bad_input()
{
	fake_steps
	refuses one-line "'fails' takes any failing assertion; write 'fails REGEX'" reproduces fails
	refuses one-line "'\\(' is not a regular expression" reproduces 'fails ('
	refuses one-line "'says' is not evidence; write 'says REGEX', 'fails REGEX' or 'passes'" reproduces says
	refuses one-line "'crashes' is not evidence" reproduces crashes
	echo '# nothing' >"$R/harness/reproduce.table"
	refuses one-line 'lists no bug of 6.12; restore it' make -s -C "$R" reproduce
}

# needs LINE...: what a kernel with the topic fixes has to pass of a program and a
# suite, with these lines in the table; the base has contiguous and tests, too
needs()
{
	printf '%s\n' "$@" >"$R/tests/needs.table"
	"$R/harness/needs.py" "fixes contiguous tests" fixes "$T/program" "$T/a_kunit.c"
}

test_tests_that_need_a_later_topic()
{
	fake_steps
	mkdir -p "$R/tests"
	# as kselftest_harness.h lists them
	cat >program <<-'END'
		#!/bin/sh
		cat >&2 <<-LIST
		$(printf '%-20s %-25s %s\n' '# FIXTURE' VARIANT TEST fb vmalloc map '' block draw '' '' unmap)
		--------------------------------------------------------------------------------
		$(printf '%-20s %-25s %s\n' global '' open)
		LIST
		exit 4
	END
	chmod +x program
	for suite in defio contract; do
		printf 'static struct kunit_case %s_cases[] = {\n\tKUNIT_CASE(test_a),\n\tKUNIT_CASE_PARAM(test_b, gen),\n\t{}\n};\n' "$suite"
		printf 'static struct kunit_suite suite = {\n\t.name = "%s",\n\t.test_cases = %s_cases,\n};\n' "$suite" "$suite"
	done >a_kunit.c
	needs >out
	[ "$(cat out)" = "program fb.vmalloc.map
program fb.vmalloc.draw
program fb.vmalloc.unmap
program fb.block.map
program fb.block.draw
program fb.block.unmap
program global.open
kunit defio
kunit contract" ] || fail "$(cat out)"
	needs 'selftest:fb\.block\..* contiguous' '.*\.open tests' 'kunit:contract.* contiguous' 'kunit:defio.test_b contiguous' '.*draw fixes' 'none fast' >out 2>said
	[ "$(cat out)" = "program fb.vmalloc.map
program fb.vmalloc.draw
program fb.vmalloc.unmap
kunit defio.test_a" ] || fail "$(cat out)"
	[ "$(cat said)" = "   left out until contiguous: 6 tests
   left out until tests: 1 tests" ] || fail "$(cat said)"
	refuses one-line 'selftest:fb matches no test; correct the line or remove it' needs 'selftest:fb contiguous'
	refuses one-line '"a nonsense" is not REGEX TOPIC; topics are: fixes' needs 'a nonsense'
	refuses one-line '"a" is not REGEX TOPIC' needs a
	refuses one-line '\( is not a regular expression' needs '( contiguous'
}

tap_run
