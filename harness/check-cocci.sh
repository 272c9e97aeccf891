#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# The semantic patch says of the samples in tests/cocci what is written there, of
# the unpatched tree what docs/users-$BASE.txt says, and of the patched tree what
# tests/cocci/patched.txt says. docs/users.md has an entry for each file that mentions
# deferred I/O, and docs/migration.md explains each finding and each message of the core.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

RULE=$ROOT/scripts/coccinelle/api/fb_deferred_io.cocci
LIST=docs/users-$BASE.txt
GUIDE=$ROOT/docs/migration.md

"$ROOT/harness/tree.sh" patched
phase "check-cocci" check-cocci
WORK=
tmp_dir WORK

# mentions DIR: the C files of that tree that know of deferred I/O
mentions()
{
	(cd "$1" && grep -rlE --include='*.[ch]' --exclude-dir=.git 'fbdefio|fb_deferred_io' .) |
		sed 's,^\./,,' | sort
}

# apply_rule DIR MODE FILE: what the rule says of the files listed in FILE, each
# judged alone, as coccicheck does it.
apply_rule()
{
	local dir=$1 mode=$2 diff=--no-show-diff rc=0
	[ "$mode" != context ] || diff=--show-diff
	[ -s "$3" ] || die "there is no file to look at in ${dir#"$ROOT"/}; the search for them is broken"
	sed 's/$/\n/' "$3" >"$WORK/groups"
	# The kernel's .cocciconfig would have git search, in a tree that need not be
	# one of git's. An exception in a script ends neither spatch nor its exit code.
	(cd "$dir" && spatch --very-quiet --no-includes --include-headers --use-coccigrep -D "$mode" "$diff" \
		--jobs "$JOBS" --chunksize 1 --cocci-file "$RULE" --file-groups "$WORK/groups") \
		>"$WORK/said" 2>"$WORK/stderr" || rc=$?
	sed -i '/^[0-9]* files match$/d' "$WORK/stderr"
	if [ "$rc" -ne 0 ] || [ -s "$WORK/stderr" ]; then
		cat "$WORK/said" "$WORK/stderr" >>"$LOG"
		die "spatch fails in ${dir#"$ROOT"/}, mode $mode; see the log"
	fi
	cat "$WORK/said" >>"$LOG"
	sed '/^$/d' "$WORK/said" | if [ "$mode" = context ]; then
		# The rest of the diff has names of temporary files.
		awk '/^--- / { name = $2; next } /^-/ { print name ": " $0 }'
	else
		cat
	fi | sort -t: -k1,1 -k2,2n
}

# compare EXPECTED FOUND TEXT
compare()
{
	diff -u --label expected --label found "$1" "$2" >"$WORK/diff" && return 0
	cat "$WORK/diff" >>"$LOG"
	sed 's/^/   | /' "$WORK/diff" >&2
	die "$3; the difference is above"
}

# Line numbers move with each point release.
without_lines() { sed -E 's/^([^:]*):[0-9]+:[0-9]+-[0-9]+: WARNING: /\1: /'; }

# Without it, a run over a whole tree takes an hour.
spatch --parse-cocci "$RULE" >"$WORK/said" 2>&1 || die "the rule cannot be parsed: spatch --parse-cocci $RULE"
[ "$(grep -A 1 '^Grep query' "$WORK/said" | tail -n 1)" = fb_deferred_io_init ] ||
	die "the rule would parse files that do not call fb_deferred_io_init(); find the part that causes this, and add its dependency"

(cd "$ROOT/tests/cocci" && printf '%s\n' *.c) >"$WORK/samples"
for mode in report org context; do
	apply_rule "$ROOT/tests/cocci" "$mode" "$WORK/samples" >"$WORK/found"
	compare "$ROOT/tests/cocci/$mode.txt" "$WORK/found" \
		"the rule in mode $mode does not say of tests/cocci what $mode.txt there has"
done
# The three files can be made by the rule that they are to test; the marks cannot.
(cd "$ROOT/tests/cocci" && grep -n '/[*] bad' -- *.c) | cut -d: -f1,2 | sort >"$WORK/expected"
cut -d: -f1,2 "$ROOT/tests/cocci/report.txt" | sort -u >"$WORK/found"
compare "$WORK/expected" "$WORK/found" "the samples have other lines marked as bad than report.txt"
say "   $(wc -l <"$WORK/samples") samples, $(wc -l <"$ROOT/tests/cocci/report.txt") findings"

"$ROOT/harness/cocci.sh" "$ROOT"/tests/cocci/*.c >"$WORK/said"
# shellcheck disable=SC2016 # backquotes of Markdown
sed -n 's/^| `.*` | \(.*\) | \(.*\) |$/\1|\2/p' "$GUIDE" >"$WORK/table"
while IFS='|' read -r todo section; do
	grep -qF "$todo" "$WORK/said" || die "no sample in tests/cocci leads to \"$todo\" of docs/migration.md; add one"
	grep -Eqx "##+ $section" "$GUIDE" || die "docs/migration.md refers to a section \"$section\" that it lacks"
done <"$WORK/table"
say "   docs/migration.md: $(wc -l <"$WORK/table") kinds of findings"

mentions "$PRISTINE" >"$WORK/files"
apply_rule "$PRISTINE" report "$WORK/files" | without_lines | sort >"$WORK/found"
grep -v '^#' "$ROOT/$LIST" | sort >"$WORK/expected"
compare "$WORK/expected" "$WORK/found" "the rule does not say of the unpatched tree what $LIST has"
say "   unpatched: $(wc -l <"$WORK/files") files, $(wc -l <"$WORK/found") findings as in $LIST"

while IFS= read -r path; do
	grep -qF "\`$path\`" "$ROOT/docs/users.md" || die "docs/users.md does not mention $path; read it, and add it there"
done <"$WORK/files"

mentions "$BOUT/patched" >"$WORK/files"
apply_rule "$BOUT/patched" report "$WORK/files" | without_lines | sort >"$WORK/found"
grep -v '^#' "$ROOT/tests/cocci/patched.txt" >"$WORK/expected"
compare "$WORK/expected" "$WORK/found" "the rule does not say of the patched tree what tests/cocci/patched.txt has"
say "   patched: $(wc -l <"$WORK/files") files, $(wc -l <"$WORK/found") findings as in tests/cocci/patched.txt"

sed -n 's/.*dev_err(.*"\(deferred I\/O: .*\)\\n".*/\1/p' \
	"$BOUT/patched/drivers/video/fbdev/core/fb_defio.c" | sort >"$WORK/expected"
# shellcheck disable=SC2016
sed -n 's/^| `\(deferred I\/O: .*\)` | .* |$/\1/p' "$GUIDE" | sort >"$WORK/found"
compare "$WORK/expected" "$WORK/found" "docs/migration.md does not have the messages of fb_defio.c"
