#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# harness/mutants.py: each rule on mutants/sample.c, names and order, the copies
# that go into one kernel, and what a console says about a mutant.

. "$(dirname "${BASH_SOURCE[0]}")/tap.sh"

mutants() { "$TESTS/../harness/mutants.py" "$@"; }

# list: of the sample, in ./listed
list() { mutants list "$TESTS/mutants" - sample.c >listed; }

# has NAME CHANGE: the sample has that mutant
has()
{
	awk -F '\t' -v name="sample.c:$1" -v change="$2" '$2 == name && $5 == change { found = 1 }
		END { exit !found }' listed || fail "no $1: $2, but: $(grep -F ":${1%:*}:" listed)"
}

test_each_rule()
{
	list
	has sample_show+9:drop-call 'mutex_lock(&state->lock) -> (void)0'
	has sample_show+17:drop-statement 'state->busy = true -> (void)0'
	has sample_show+15:drop-jump 'goto out -> (void)0'
	has sample_show+6:always '!state->info || at >= size -> true'
	has sample_show+6:never '!state->info || at >= size -> false'
	has sample_show+6:negate.2 '!state->info || at >= size -> !(!state->info || at >= size)'
	has sample_show+6:part '!state->info || -> '
	has sample_show+6:part.2 '|| at >= size -> '
	has sample_show+6:bound '>= -> >'
	has sample_show+11:equal '== -> !='
	has sample_show+7:success 'return -EINVAL -> return 0'
	has sample_show+14:success '= -EFAULT -> = 0'
	has sample_show+3:limit 'min(state->size, at + 4) -> (state->size)'
	has sample_show+3:limit.2 'min(state->size, at + 4) -> (at + 4)'
	has sample_show+3:offset '+ 4 -> '
	has sample_show+13:offset '<< PAGE_SHIFT -> '
	has sample_show+17:flag 'true -> false'
	has sample_show+18:order 'list_add_tail -> list_add'
	has sample_show+17:swap 'state->busy = true; list_add_tail(&state->list, pages); -> list_add_tail(&state->list, pages); state->busy = true;'
	has sample_show+9:lock-late 'mutex_lock(&state->lock); prepare(state); -> prepare(state); mutex_lock(&state->lock);'
	has sample_forget+1:empty '{ -> { return;'
}

test_unlock_before_a_whole_loop()
{
	cat >loop.c <<-END
		#include <a.h>

		static void loop(struct state *state)
		{
			while (state->more) {
				step(state);
			}
			mutex_unlock(&state->lock);
		}
	END
	mutants list . - loop.c >listed
	grep -qF $'loop+2:unlock-early\t5\t' listed || fail "not before the loop: $(cat listed)"
}

test_names_do_not_depend_on_other_functions()
{
	list
	grep sample_forget listed | cut -f 2,4,5 >before
	[ -s before ] || fail "no mutants"
	{
		head -n 4 "$TESTS/mutants/sample.c"
		printf '\nstatic int other(int a)\n{\n\treturn a < 1;\n}\n'
		tail -n +5 "$TESTS/mutants/sample.c"
	} >sample.c
	mutants list . - sample.c >listed
	grep sample_forget listed | cut -f 2,4,5 >after
	same before after
	mutants list . - sample.c >again
	same listed again
	sed -i 's/count--/count = 0/' sample.c
	mutants list . - sample.c | grep sample_forget | cut -f 4 | sort -u >hash.txt
	[ "$(cut -f 2 before | sort -u)" != "$(cat hash.txt)" ] || fail "the hash is that of the old text"
}

test_only_lines_that_the_series_adds()
{
	git init -q .
	# More of it is old than new.
	{ cat "$TESTS/mutants/sample.c"; seq 100 | sed 's,.*,/* & */,'; } >sample.c
	git add .
	git -c user.name=a -c user.email=a commit -qm base
	git tag base
	sed -i 's/count--/count++/' sample.c
	git -c user.name=a -c user.email=a commit -qam series
	mutants list . base sample.c >listed
	[ "$(cut -f 2 listed)" = sample.c:sample_forget+2:drop-statement ] || fail "$(cat listed)"
}

test_all_mutants_in_one_file()
{
	local copies
	mkdir to
	cp "$TESTS/mutants/sample.c" to/
	list
	: >left-out
	mutants write "$TESTS/mutants" - to left-out sample.c
	copies=$(grep -c '^#line .*#[1-9]' to/sample.c)
	[ "$copies" -eq "$(wc -l <listed)" ] || fail "$copies copies of $(wc -l <listed)"
	grep -q 'case 1: return sample_show__m1(state, at, pages);' to/sample.c || fail "not called"
	cut -f 2 listed | head -n 1 >left-out
	mutants write "$TESTS/mutants" - to left-out sample.c
	if grep -q __m1\( to/sample.c; then fail "left out and there"; fi
	# What is the same keeps its time.
	touch -d 2024-01-01 to/sample.c
	mutants write "$TESTS/mutants" - to left-out sample.c
	[ "$(date -r to/sample.c +%Y)" = 2024 ] || fail "written again"
}

test_what_the_compiler_says()
{
	list
	cat >said <<-END
		sample.c#3:12:3: error: expected something
		sample.c#5:12:3: warning: never called [-Wunused-function]
		In function 'find', inlined from 'sample_show__m7' at sample.c#7:1:
		./include/find.h:9:3: warning: used uninitialized [-Wuninitialized]
	END
	mutants errors listed <said | cut -f 1 >names
	sed -n '3p; 7p' listed | cut -f 2 >expected
	same expected names
	echo 'sample.c#0:12:3: error: expected something' >said
	# shellcheck disable=SC2016
	refuses one-line 'does not compile without a mutant' \
		bash -c '"$0" errors listed <said' "$TESTS/../harness/mutants.py"
}

test_same_code()
{
	cat >a.c <<-END
		int f__m0(int a) { return a + 1; }
		int f__m1(int a) { return a + 2; }
		int f__m2(int a) { return 1 + a; }
		int f__m3(int a) { return 2 + a; }
	END
	printf '%s\tf%s\n' 1 1 2 2 3 3 >listed
	gcc -O2 -fno-ipa-icf -c a.c -o a.o
	mutants same listed a.o >names
	printf 'f2\tthe original\nf3\tf1\n' >expected
	same expected names
}

# watched LINES...: what a console of these lines says; the guest has ended
watched()
{
	mkdir -p run
	printf '[    1.2] %s\n' "$@" >run/console.log
	mutants watch run none passed
}

test_reasons_to_be_red()
{
	[ "$(watched '    # test_a: EXPECTATION FAILED at lib/tests/a.c:12')" = $'test\ttest_a (a.c:12)' ] || fail KUnit
	[ "$(watched 'BUG: kernel NULL pointer dereference')" = $'splat\tBUG: kernel NULL pointer dereference' ] || fail splat
	[ "$(watched 'guest: # a.c:5:b:Expected 1 == 2' 'guest: not ok 3 a.b')" = $'test\ta.b (a.c)' ] || fail selftest
	[ "$(watched 'guest: ok 1 a.b' 'guest: verdict done 1')" = $'survived\t-' ] || fail survived
	[ "$(cat passed)" = a.b ] || fail passed
}

test_no_reason_is_not_red()
{
	[[ $(watched 'guest: # b: Test terminated by timeout' 'guest: not ok 3 a.b' 'guest: verdict done 1') == hang* ]] ||
		fail "a time-out counts"
	[[ $(watched 'guest: ok 1 a.b') == dead* ]] || fail "silence counts"
	echo 124 >run/status
	[[ $(watched 'guest: ok 1 a.b') == hang* ]] || fail "the end of the time counts"
}

# results: a directory of results with a table
results()
{
	list
	mkdir -p results
	cp listed results/list
	: >results/refused
	: >results/same
	hash=$(head -n 1 listed | cut -f 4)
	first=$(head -n 1 listed | cut -f 2)
	second=$(sed -n 2p listed | cut -f 2)
	printf '%s\t%s\tplain\t%s\tx\t5\ttests\tc\n' "$first" "$hash" test "$second" "$hash" survived >results/table
	: >proved
}

todo() { mutants todo results "$1" plain "$2" proved; }

test_results_are_kept()
{
	results
	[ "$(todo tests 1- | head -n 1 | cut -f 1)" = 3 ] || fail "run again"
	[ "$(todo others 1- | head -n 1 | cut -f 1)" = 2 ] || fail "a survivor is not run again with other tests"
	[ "$(todo tests 3-9/3 | cut -f 1 | tr '\n' ' ')" = '3 6 9 ' ] || fail "not each third"
	sed -i "s/$hash/other/" results/table
	[ "$(todo tests 1- | head -n 1 | cut -f 1)" = 1 ] || fail "the function has changed"
}

test_score()
{
	results
	printf '# comment\n%s %s It is the same.\n' "$second" "$hash" >proofs
	: >none
	mutants score results none 6.12 >said
	grep -q '| 2 | 1 | 0 | 0 | 0 | 1 | 50.0 % |' said || fail "$(cat said)"
	mutants score results proofs 6.12 >said
	grep -q '| 1 | 1 | 0 | 0 | 0 | 0 | 100.0 % |' said || fail "$(cat said)"
	grep -qF -- "- \`$second\`: It is the same." said || fail "no proof"
}

test_proof_of_a_function_that_changed()
{
	results
	echo "$second other It is the same." >proofs
	refuses one-line 'is no mutant any more, or its function has changed' mutants equivalent results proofs 6.12
	echo "$second@7.3 other It is the same." >proofs
	mutants equivalent results proofs 6.12
	echo "$second $hash" >proofs
	refuses one-line 'has no proof' mutants equivalent results proofs 6.12
}

test_bad_input()
{
	refuses one-line 'usage: ' mutants list
	refuses one-line 'ONLY=some makes no sense' "$TESTS/../harness/mutants.sh" some
	CONFIGS=both refuses one-line 'CONFIGS=both makes no sense' "$TESTS/../harness/mutants.sh"
}

tap_run
