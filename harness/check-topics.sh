#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# At the end of each topic, or of those in TOPIC= only, a kernel with the series up
# to there and "tests" on top boots and passes the selftests and KUnit suites of what
# it has. tests/needs.table says which of them need a later topic.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$ROOT/harness/trees.sh"

UPTO=$BOUT/upto
RESULTS=$BOUT/results/topics
# Some ten times what an idle machine takes.
LIMIT=400
passed=0

# judge DIR EXPECTED KIND SUITE-OR-PROGRAM...: EXPECTED tests, left out: any number
judge()
{
	local dir=$1 expected=$2 kind=$3 line ran
	shift 3
	line=$("$ROOT/harness/judge.py" "$kind" "$dir" "$@") ||
		die "with the topics up to $topic, tests fail; see above and ${dir#"$ROOT"/}"
	IFS=' =' read -r _ ran _ <<<"$line"
	[ "${expected:-$ran}" -eq "$ran" ] || die "$ran tests ran instead of $expected; see ${dir#"$ROOT"/}"
	passed=$((passed + ran))
}

# check_topic: $topic
check_topic()
{
	local root=$UPTO/build/patched-initramfs dir=$RESULTS/$topic known have program programs suite suites
	"$ROOT/harness/tree.sh" upto "$topic"
	in_bout "$UPTO" initramfs patched >/dev/null
	in_bout "$UPTO" build patched topics >/dev/null
	phase "check-topics: up to $topic" "check-topics-$topic"
	known=$(series --topics)
	have=$(upto "$topic")
	mapfile -t programs < <(cut -d : -f 2 "$root/selftests/list")
	mapfile -t suites < <(find "$UPTO/patched/lib/tests" "$UPTO/patched/drivers/video/fbdev" -maxdepth 1 -name '*_kunit.c' | sort)
	"$ROOT/harness/needs.py" "$known" "$have" "${programs[@]/#/$root/selftests/fbdev/}" "${suites[@]}" >"$WORK/wanted"

	# The list in the initramfs is replaced by one with the tests.
	mkdir -p "$WORK/root/selftests"
	for program in "${programs[@]}"; do
		awk -v name="$program" '$1 == name { printf "%s -r %s", n++ ? "" : "fbdev:" name, $2 } END { if (n) print "" }' "$WORK/wanted"
	done >"$WORK/root/selftests/list"
	(cd "$WORK/root" && find . -mindepth 1 | cpio --quiet -o -H newc -R 0:0) | cat "$root.cpio" - >"$WORK/initramfs.cpio"
	mapfile -t programs < <(grep -o '^fbdev:[^ ]*' "$WORK/root/selftests/list" | cut -d : -f 2)

	logged "selftests" "$ROOT/harness/boot.sh" "$dir" "$LIMIT" "$(BOUT=$UPTO image_of patched topics)" "$WORK/initramfs.cpio" harness.job=tests
	judge "$dir" "$(grep -vc '^kunit ' "$WORK/wanted")" guest "${programs[@]}"
	mapfile -t suites < <(sed -n 's/^kunit //p' "$WORK/wanted")
	for suite in "${suites[@]}"; do
		logged "$suite" in_bout "$UPTO" kunit "$dir-$suite" "$LIMIT" patched topics "$suite"
		judge "$dir-$suite" '' kunit "${suite%%.*}"
	done
	say "   up to $topic: $passed tests pass"
	passed=0
}

read -ra topics <<<"${TOPIC:-$(series --topics | grep -vx tests | tr '\n' ' ')}"
WORK=
tmp_dir WORK
"$ROOT/harness/deps.sh" fetch build qemu
for topic in "${topics[@]}"; do
	check_topic
done
