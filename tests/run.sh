#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# run.sh [FILE...]: runs tests/test-*.sh, or those named, and adds up their TAP
# results. A file that ends before its plan is fulfilled counts as a failure, and
# so does a run without any result.

. "$(dirname "${BASH_SOURCE[0]}")/../harness/lib.sh"

[ $# -gt 0 ] || set -- "$ROOT"/tests/test-*.sh
WORK=
tmp_dir WORK
passed=0 failed=0 skipped=0
for file; do
	[ -f "$file" ] || die "there is no test file $file; the files are tests/test-*.sh"
	start=$SECONDS
	rc=0
	bash "$file" >"$WORK/tap" 2>"$WORK/stderr" || rc=$?
	plan=$(sed -n 's/^1\.\.\([0-9]*\)$/\1/p' "$WORK/tap")
	ok=$(grep -c '^ok ' "$WORK/tap") || [ "$ok" = 0 ]
	skip=$(grep -ci '^ok .*# skip' "$WORK/tap") || [ "$skip" = 0 ]
	bad=$(grep -c '^not ok ' "$WORK/tap") || [ "$bad" = 0 ]
	if [ "$((ok + bad))" != "${plan:-none}" ] || [ "$ok" -eq 0 ] || { [ "$rc" -ne 0 ] && [ "$bad" -eq 0 ]; }; then
		echo "not ok - $(basename "$file"): $((ok + bad)) results, plan ${plan:-none}, exit code $rc" >>"$WORK/tap"
		tail -n 5 "$WORK/stderr" | sed 's/^/# /' >>"$WORK/tap"
		bad=$((bad + 1))
	fi
	echo "# $(basename "$file"), $(fmt_time $((SECONDS - start)))"
	cat "$WORK/tap"
	passed=$((passed + ok - skip)) failed=$((failed + bad)) skipped=$((skipped + skip))
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
