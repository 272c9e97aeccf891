# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# For test files: source this, define functions test_*, end with tap_run. Each
# function runs in a subshell with errexit and an empty directory of its own,
# $T, as working directory.

set -euo pipefail
export TESTS
TESTS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
# What the caller asked of make must not reach the repositories under test.
unset BASE KDIR ARCH CONFIGS MUTATIONS V SIGNOFF ONLY FILES SEED OPS WRITES HOURS SPATCH ROOT OUT BOUT PRISTINE LOGS HARNESS_LOGS MAKEFLAGS MAKELEVEL MFLAGS

# fail MESSAGE: ends the test function
fail()
{
	echo "failed: $*"
	exit 1
}

# refuses PATTERN COMMAND...: must exit non-zero and say a line on stderr that
# matches. With "one-line" before PATTERN that line, make's own words aside, must
# be the only one.
refuses()
{
	local only='' pattern rc=0
	if [ "$1" = one-line ]; then
		only=1
		shift
	fi
	pattern=$1
	shift
	"$@" >"$T/.stdout" 2>"$T/.stderr" || rc=$?
	cat "$T/.stderr"
	[ "$rc" -ne 0 ] || fail "$* succeeded"
	grep -v '^make' "$T/.stderr" >"$T/.said" || fail "$* said nothing"
	grep -Eq -- "$pattern" "$T/.said" || fail "$* did not say: $pattern"
	[ -z "$only" ] || [ "$(wc -l <"$T/.said")" -eq 1 ] || fail "$* said more than one line"
}

# same FILE FILE
same() { cmp -s "$1" "$2" || fail "$1 and $2 differ: $(diff "$1" "$2" | head -n 20)"; }

# state DIR: names, contents, modes and times of everything in it
state()
{
	(cd "$1" && find . ! -path './.git/*' ! -name .git -printf '%p %y %m %T@\n' | sort &&
		find . -type f ! -path './.git/*' -exec sha256sum {} + | sort) | sha256sum
}

tap_run()
{
	local names name number=0 rc bad=0 work
	mapfile -t names < <(declare -F | awk '$3 ~ /^test_/ { print $3 }')
	echo "1..${#names[@]}"
	work=$(mktemp -d)
	T=$work/t
	for name in "${names[@]}"; do
		number=$((number + 1))
		mkdir "$work/t"
		# Not in a condition: that would switch errexit off in the function.
		set +e
		(
			set -e
			cd "$T"
			"$name"
		) >"$work/log" 2>&1
		rc=$?
		set -e
		if [ "$rc" -eq 0 ]; then
			echo "ok $number - ${name#test_}"
		elif [ "$rc" -eq 77 ]; then
			echo "ok $number - ${name#test_} # SKIP $(tail -n 1 "$work/log")"
		else
			echo "not ok $number - ${name#test_}"
			tail -n 25 "$work/log" | sed 's/^/#   /'
			bad=1
		fi
		rm -rf "$work/t"
	done
	rm -rf "$work"
	return "$bad"
}
