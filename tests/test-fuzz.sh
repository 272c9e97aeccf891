#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# harness/fuzz.sh and harness/soak.sh, with stand-ins for what takes long: the search
# for the shortest prefix, the table of what has run, and what they refuse.

. "$(dirname "${BASH_SOURCE[0]}")/tap.sh"

# fake_repo: the harness in ./repo. A boot is good, unless it does as many operations
# as the file ./bad says, and leaves its arguments in ./boots.
fake_repo()
{
	local base step
	mkdir repo
	cp -r "$TESTS"/../{harness,bases,Makefile} repo
	for base in 6.12 7.3; do
		mkdir -p "repo/out/$base/patched/drivers/video/fbdev"
		printf 'VERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = 5\n' >"repo/out/$base/patched/Makefile"
		: >"repo/out/$base/patched/Kconfig"
	done
	for step in deps tree build initramfs; do
		printf '#!/bin/bash\necho stand-in\n' >"repo/harness/$step.sh"
	done
	printf '#!/usr/bin/env python3\nprint("the series")\n' >repo/harness/series.py
	cat >repo/harness/boot.sh <<-'END'
		#!/bin/bash
		words=($(sed 's/.*harness.args=//; s/"//g' <<<"$*"))
		mkdir -p "$1"
		cp "$LOGS_OF_GUEST"/* "$1"
		echo "${words[*]}" >>"$T/boots"
		bad=$(cat "$T/bad" 2>/dev/null)
		{
			echo "begin fuzz"
			echo "program ${words[0]}"
			echo "1..1"
			if [ "$bad" ] && [ "${words[4]}" -ge "$bad" ]; then
				[ -e "$T/mute" ] || echo "# operation $((bad + 5 < words[4] ? bad + 5 : words[4])), store (x): raised signal 7"
				echo "not ok 1 - a"
			else
				case ${words[0]} in
				fb_defio_fuzz) echo "# fuzz: seed ${words[2]} operations ${words[4]} stores 10 comparisons 2 rounds 3" ;;
				*) echo "# stress: writes ${words[4]} lost 0 rounds 4 forks 1 moves 1 unbound 1" ;;
				esac
				echo "# count store 5"
				echo "ok 1 - a"
			fi
			echo "exit ${words[0]} 0"
			echo "verdict done 1"
		} >"$1/verdict"
	END
	export T LOGS_OF_GUEST=$TESTS/logs/good-guest
}

fuzz() { make -s -C repo fuzz "$@"; }
soak() { make -s -C repo soak "$@"; }

test_good()
{
	fake_repo
	fuzz SEED=7 OPS=1000 CONFIGS="plain debug" >out
	grep -q '^seed 7 operations 1000 ' out || fail "no sum"
	[ "$(cat boots)" = $'fb_defio_fuzz -s 7 -o 1000\nfb_defio_fuzz -s 7 -o 1000' ] || fail "boots: $(cat boots)"
}

test_shortest_prefix()
{
	fake_repo
	echo 333 >bad
	! fuzz CONFIGS=plain >out || fail "succeeded"
	cat out
	grep -qx 'SEED=1 OPS=333 is the shortest prefix that still fails' out || fail "not found"
	grep -q 'to repeat it: make fuzz SEED=1 OPS=333 BASE=6.12 CONFIGS=plain' out || fail "no command"
	grep -q 'operation 333, store' out || fail "not the operation of that prefix"
	# From the operation that the program named, not from all of them
	[ "$(wc -l <boots)" -le 11 ] || fail "$(wc -l <boots) boots"
}

test_shortest_prefix_of_a_mute_guest()
{
	fake_repo
	echo 1 >bad
	touch mute
	! fuzz CONFIGS=plain OPS=64 >out || fail "succeeded"
	grep -qx 'SEED=1 OPS=1 is the shortest prefix that still fails' out || fail "not found"
	grep -q 'did not say' out || fail "says which operation"
}

test_fuzz_refuses()
{
	fake_repo
	refuses one-line 'SEED=x is no number' fuzz SEED=x
	refuses one-line 'OPS=1e6 is no number' fuzz OPS=1e6
	refuses one-line 'OPS=-5 is no number' fuzz OPS=-5
	refuses one-line 'OPS=007 is no number' fuzz OPS=007
	refuses one-line 'OPS=0 does nothing' fuzz OPS=0
	refuses one-line 'names no kernel lean' fuzz CONFIGS=lean
	refuses one-line 'only make test knows ARCH=arm64' fuzz ARCH=arm64
	[ ! -e boots ] || fail "something was booted"
}

test_soak_adds_up_and_goes_on()
{
	fake_repo
	soak OPS=400000 WRITES=800000 CONFIGS=debug >out
	cat out
	# shellcheck disable=SC2016 # Markdown
	grep -qF '| 6.12 debug | `fb_defio_fuzz` | 4 | 200000 | 40 | 0 | 12 | 0 | 0 |' out || fail "operations"
	# shellcheck disable=SC2016 # Markdown
	grep -qF '| 7.3 debug | `fb_defio_stress` | 2 | 0 | 400000 | 0 | 8 | 0 | 0 |' out || fail "writes"
	rm boots
	soak OPS=400000 WRITES=800000 CONFIGS=debug >again
	[ ! -e boots ] || fail "booted again"
	same out again
	soak OPS=500000 WRITES=0 CONFIGS=debug >further
	[ "$(sort boots)" = $'fb_defio_fuzz -s 5 -o 50000\nfb_defio_fuzz -s 5 -o 50000' ] || fail "$(cat boots)"
}

test_soak_starts_anew_with_another_series()
{
	fake_repo
	soak OPS=100000 WRITES=0 CONFIGS=debug >out
	rm boots
	printf '#!/usr/bin/env python3\nprint("another series")\n' >repo/harness/series.py
	soak OPS=100000 WRITES=0 CONFIGS=debug >out
	[ "$(wc -l <boots)" -eq 2 ] || fail "nothing was booted"
}

test_soak_fails_with_a_bad_boot()
{
	fake_repo
	echo 1 >bad
	! soak OPS=100000 WRITES=0 CONFIGS=debug >out 2>err || fail "succeeded"
	grep -qF '| 1 | 0 | 0 | 0 | 0 | 0 | 1 |' out || fail "$(cat out)"
	grep -q 'bad: out/soak/6.12-debug-fb_defio_fuzz-1' err || fail "$(cat err)"
	[ -s repo/out/soak/6.12-debug-fb_defio_fuzz-1/verdict ] || fail "nothing left to look at"
}

test_soak_refuses()
{
	fake_repo
	refuses one-line 'OPS=many is no number' soak OPS=many
	refuses one-line 'HOURS=-1 is no number' soak HOURS=-1
	refuses one-line 'leave nothing to do' soak OPS=0 WRITES=0
	refuses one-line 'names no kernel asan' soak CONFIGS=asan
	[ ! -e boots ] || fail "something was booted"
}

tap_run
