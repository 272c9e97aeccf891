#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# mutants.sh [FIRST-LAST[/STEP]]: breaks the series' code by rules (harness/mutants.py),
# one small bug at a time, and looks whether the tests notice: KUnit, then selftests,
# in one boot each, until the first is red. FILES= names the files; left out: all of
# the series' own code that the kernel has. CONFIGS=debug tries what the plain
# kernel leaves unnoticed on the debug kernel.
#
# Noticed is what a failed assertion or a kernel splat says. A run that hangs, or a
# guest that dies without a word, does not count. A mutant that the compiler refuses,
# warns of, or makes the same code of, is left out; tests/mutants.equivalent lists,
# with proofs, those that are different code and no bug.
#
# Results, one line each, are in results/mutants/table. What it has already is not
# run again while the function stays the same, and, if nothing noticed, the tests.
# mutants.sh --score prints the score, --write puts it into docs/mutants.md.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$ROOT/harness/trees.sh"
. "$ROOT/harness/kbuild.sh"

MUTANTS=$BOUT/mutants
RESULTS=$BOUT/results/mutants
TABLE=$RESULTS/table
EQUIVALENT=$ROOT/tests/mutants.equivalent
DOCUMENT=$ROOT/docs/mutants.md
generator=$ROOT/harness/mutants.py
config=${CONFIGS:-plain}

# default_files: what the series changes, and the kernel has
default_files()
{
	hgit -C "$MUTANTS/patched" diff --name-only refs/harness/base HEAD -- '*.c' \
		':!lib/tests' ':!tools' ':!*_kunit.c' | while IFS= read -r path; do
		[ ! -f "$build/${path%.c}.o" ] || printf '%s\n' "$path"
	done
}

# compile: the files with all mutants that compile, and why others do not
compile()
{
	local rc objects=("${files[@]/%.c/.o}")
	: >"$RESULTS/refused"
	while
		"$generator" write "$BOUT/patched" refs/harness/base "$MUTANTS/patched" "$RESULTS/refused" "${files[@]}"
		rc=0
		kmake "$MUTANTS/patched" "$build" -s -k "${objects[@]}" >"$WORK/said" 2>&1 || rc=$?
		cat "$WORK/said" >>"$LOG"
		"$generator" errors "$RESULTS/list" <"$WORK/said" >"$WORK/refused"
		[ -s "$WORK/refused" ]
	do
		cat "$WORK/refused" >>"$RESULTS/refused"
	done
	[ "$rc" -eq 0 ] || die "the files with the mutants do not compile; see the log"
	"$generator" same "$RESULTS/list" "${objects[@]/#/$build/}" >"$RESULTS/same"
}

# boot NUMBER DIR: prints verdict and what noticed
boot()
{
	local pid
	"$ROOT/harness/boot.sh" "$2" "$limit" "$(BOUT=$MUTANTS image_of patched "$config")" "$initramfs" \
		kunit.enable=1 harness.job=tests "mutant=$1" 2>>"$LOG" >&2 &
	pid=$!
	"$generator" watch "$2" "$pid" "$2.passed"
	# The children of boot.sh: timeout, which ends QEMU.
	if kill -0 "$pid" 2>/dev/null; then pkill -P "$pid" || kill "$pid"; fi
	wait "$pid"
}

# try NUMBER NAME HASH CHANGE: one line of the table
try()
{
	local start=$SECONDS verdict by dir=$RESULTS/runs/$1
	verdict=$(boot "$1" "$dir")
	by=${verdict#*$'\t'}
	verdict=${verdict%%$'\t'*}
	if [ "$verdict" = survived ] && [ -n "$(comm -23 "$RESULTS/passed" "$dir.passed")" ]; then
		verdict=dead by="did not run: $(comm -23 "$RESULTS/passed" "$dir.passed" | head -n 1)"
	fi
	# What was noticed needs no evidence but the words that say so.
	case $verdict in test | splat) rm -rf "$dir" ;; esac
	rm -f "$dir.passed"
	printf '%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s\n' "$2" "$3" "$config" "$verdict" "$by" \
		$((SECONDS - start)) "$tests" "$4" >>"$TABLE"
	say "   $1 $2: $verdict, $by ($(fmt_time $((SECONDS - start))))"
}

# work: those that no other worker has begun
work()
{
	local number name line hash change
	while IFS=$'\t' read -r number name line hash change; do
		if mkdir "$WORK/begun-$number" 2>/dev/null; then
			try "$number" "$name" "$hash" "$change" </dev/null
		fi
	done <"$WORK/todo"
}

score() { "$generator" score "$RESULTS" "$EQUIVALENT" "$BASE"; }

# write_score: the part of the document between the lines of this base
write_score()
{
	local begin="<!-- $BASE: harness/mutants.sh --write -->" end="<!-- end of $BASE -->" line
	for line in "$begin" "$end"; do
		grep -qxF -- "$line" "$DOCUMENT" || die "docs/mutants.md lacks the line '$line'; add it where the score belongs"
	done
	{
		sed "\\,^$begin\$,q" "$DOCUMENT"
		printf '\n'
		score
		printf '\n'
		sed -n "\\,^$end\$,"',$p' "$DOCUMENT"
	} >"$DOCUMENT.new"
	mv "$DOCUMENT.new" "$DOCUMENT"
}

work_all()
{
	local job pid pids=() rc=0
	for ((job = 0; job < JOBS; job++)); do
		work &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do
		wait "$pid" || rc=$?
	done
	return "$rc"
}

case ${1:-} in
'' | --score | --write) ;;
*) [[ $1 =~ ^[0-9]+-[0-9]*(/[1-9][0-9]*)?$ ]] || die "ONLY=$1 makes no sense; use FIRST-LAST or FIRST-LAST/STEP, such as 1-100/5" ;;
esac
case $config in
plain | debug) ;;
*) die "CONFIGS=$config makes no sense; use plain or debug, one at a time" ;;
esac
need_x86_64
[ -z "$KDIR" ] || die "the mutants belong to a base; leave KDIR= out"
case ${1:-} in
--*)
	[ -s "$TABLE" ] || die "there is no ${TABLE#"$ROOT"/} yet; run make mutants first"
	[ "$1" != --write ] || write_score
	score
	exit
	;;
esac

"$ROOT/harness/deps.sh" fetch build qemu
"$ROOT/harness/tree.sh" patched
initramfs=$("$ROOT/harness/initramfs.sh" patched)
lock mutants
phase "mutants: one kernel with all of them" mutants
WORK=
tmp_dir WORK
mkdir -p "$RESULTS/runs"
touch "$TABLE"
[ -z "$(hgit -C "$BOUT/patched" status --porcelain)" ] ||
	die "${BOUT#"$ROOT"/}/patched has uncommitted changes, which the mutants would lack; commit them"
put_tree "$MUTANTS/patched" "$(hgit -C "$BOUT/patched" rev-parse HEAD)"
build=$(BOUT=$MUTANTS build_dir patched "$config")
[ -d "$build" ] || logged "build $config" in_bout "$MUTANTS" build patched "$config"
mapfile -t files < <(if [ -n "${FILES:-}" ]; then tr ' ' '\n' <<<"$FILES"; else default_files; fi)
for file in "${files[@]}"; do
	[ -f "$build/${file%.c}.o" ] || die "FILES=$file: the $config kernel has no such file; the files are $(default_files | tr '\n' ' ')"
done
"$generator" list "$BOUT/patched" refs/harness/base "${files[@]}" >"$RESULTS/list"
compile
"$generator" equivalent "$RESULTS" "$EQUIVALENT" "$BASE" >"$WORK/equivalent"
logged "build $config" in_bout "$MUTANTS" build patched "$config"
limit=1200
tests=$(cd "$BOUT/patched" && find lib/tests tools/testing/selftests/fbdev -type f -print0 | sort -z |
	xargs -0 sha256sum | sha256sum | cut -c1-12)
start=$SECONDS
verdict=$(boot 0 "$RESULTS/runs/0")
[ "$verdict" = $'survived\t-' ] ||
	die "without any mutant the tests are red: $verdict; mend that first (make test), or let the machine be idle"
mv "$RESULTS/runs/0.passed" "$RESULTS/passed"
# A hang takes longer than any good run.
limit=$(((SECONDS - start) * 5 + 60))
phase_end

phase "mutants" mutants-runs
"$generator" todo "$RESULTS" "$tests" "$config" "${1:-1-}" "$WORK/equivalent" >"$WORK/todo"
say "   $(wc -l <"$WORK/todo") of $(wc -l <"$RESULTS/list") to run; the results: ${TABLE#"$ROOT"/}"
logged "mutants" work_all || die "a run failed; see the log"
phase_end
score
