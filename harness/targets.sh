#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# targets.sh [--resume] "TARGET [VARIABLE=...]"...: runs make for each of its
# arguments, all of them even if one fails, and adds up their results. A target that
# ends without a sum counts as a failure. What failed is said once more at the end,
# as that may be all that is kept of a long output.
#
# --resume: what has passed at this very commit is not run again. Its results are in
# out/targets/COMMIT; remove that directory to begin from the start.

set -euo pipefail
cd "$(dirname "$0")/.."

done=
if [ "${1:-}" = --resume ]; then
	shift
	if [ -n "$(git status --porcelain)" ]; then
		echo "targets.sh: this tree has changes that are not committed: no result of before counts, and none is kept" >&2
	else
		done=out/targets/$(git rev-parse HEAD)
		mkdir -p "$done"
	fi
fi
[ $# -gt 0 ] || { echo "targets.sh: name the targets to run, e.g. harness/targets.sh test 'check ONLY=shell'" >&2; exit 1; }
passed=0 failed=0 skipped=0 table=() bad=()
log=$(mktemp) complaints=$(mktemp)
trap 'rm -f "$log" "$complaints"' EXIT
for target; do
	echo "=== make $target"
	start=$SECONDS
	before=$done/${target// /,}
	if [ -n "$done" ] && [ -s "$before" ]; then
		line=$(<"$before")
		echo "has passed before: $line"
		[[ $line =~ ([0-9]+)\ passed,\ 0\ failed,\ ([0-9]+)\ skipped, ]]
		passed=$((passed + BASH_REMATCH[1])) skipped=$((skipped + BASH_REMATCH[2]))
		table+=("$line")
		continue
	fi
	read -ra words <<<"$target"
	rc=0
	# The sum is the last line of stdout; make's own messages go to stderr.
	{ make -s "${words[@]}" 2>&1 >&3 | tee "$complaints" >&2; } 3>&1 | tee "$log" || rc=$?
	# reasons of harness/judge.py, and checks that failed
	mapfile -t -O ${#bad[@]} bad < <(awk '/^(   - |FAIL )/' "$complaints" "$log")
	last=$(tail -n 1 "$log")
	if [[ $last =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed,\ ([0-9]+)\ skipped$ ]]; then
		passed=$((passed + BASH_REMATCH[1]))
		failed=$((failed + BASH_REMATCH[2]))
		skipped=$((skipped + BASH_REMATCH[3]))
		[ "$rc" -eq 0 ] || [ "${BASH_REMATCH[2]}" -gt 0 ] || failed=$((failed + 1))
	else
		last="no result, exit code $rc"
		failed=$((failed + 1))
	fi
	line=$(printf '%-34s %s, %d min %02d s' "$target" "$last" $(((SECONDS - start) / 60)) $(((SECONDS - start) % 60)))
	table+=("$line")
	if [ -n "$done" ] && [ "$rc" -eq 0 ] && [[ $last =~ ^[1-9][0-9]*\ passed,\ 0\ failed, ]]; then
		printf '%s\n' "$line" >"$before"
	fi
done
echo
[ ${#bad[@]} -eq 0 ] || printf '%s\n' "what failed:" "${bad[@]:0:40}"
printf '%s\n' "${table[@]}"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
