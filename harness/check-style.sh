#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# checkpatch.pl --strict finds nothing in any composed patch.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$ROOT/harness/trees.sh"

ignore=$(awk '/^[A-Z_]+[ \t]+[^ \t]/ { printf "%s%s", sep, $1; sep = ","; next }
	!/^#/ && NF { bad = 1 } END { exit bad }' "$ROOT/harness/checkpatch.ignore") ||
	die "harness/checkpatch.ignore has an entry without a reason; add it"
"$ROOT/harness/tree.sh" patched
phase "check-style" check-style
WORK=
tmp_dir WORK
series --split "$WORK"

# At the top of a git tree checkpatch looks up licences, files and Kconfig
# symbols; elsewhere it says nothing about them.
cd "$BOUT/patched"
bad=0
count=0
while IFS= read -r name; do
	count=$((count + 1))
	rc=0
	perl scripts/checkpatch.pl --strict --show-types --ignore "$ignore" "$WORK/$name" >"$WORK/said" 2>&1 || rc=$?
	{ echo "++ $name"; cat "$WORK/said"; } >>"$LOG"
	# One that ended early would be silent, too.
	grep -q '^total: [0-9]* errors, ' "$WORK/said" ||
		die "checkpatch.pl did not finish with $name; see the log"
	if [ "$rc" -ne 0 ] || ! grep -q '^total: 0 errors, 0 warnings, 0 checks' "$WORK/said"; then
		bad=$((bad + 1))
		say "   $name:"
		grep -E -A 1 '^(ERROR|WARNING|CHECK):' "$WORK/said" | grep -v '^--$' | sed 's/^/   | /' >&2
	fi
done <"$WORK/series"
[ "$count" -gt 0 ] || die "the series has no patch to look at"
[ "$bad" -eq 0 ] || die "checkpatch.pl reports problems in $bad of $count patches; see the log"
say "   $count patches"
