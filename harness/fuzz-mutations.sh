#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# fuzz-mutations.sh [PATCH...]: do the random operations of SEED notice a broken rule
# within OPS of them? Each of these patches of tests/mutations/ breaks one; left out:
# some that corrupt memory or lose writes. Prints after how many operations the
# program or the kernel has said so.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$ROOT/harness/trees.sh"

SEED=${SEED:-1}
OPS=${OPS:-20000}
# As in check-mutations.sh, for the compiler cache
MUTANTS=$BOUT/mutations
MUTANT=$MUTANTS/patched
RESULTS=$BOUT/results/fuzz-mutations
missed=0

# mutate PATCH: prints what has noticed it, and when
mutate()
{
	local patch=$1 name dir operation what
	name=$(basename "$1" .patch)
	dir=$RESULTS/$name
	hgit -C "$MUTANT" apply "$patch" >>"$LOG" 2>&1 || { echo "does not apply"; return 1; }
	in_bout "$MUTANTS" build patched plain >>"$LOG" 2>&1 || { echo "does not build"; return 1; }
	"$ROOT/harness/boot.sh" "$dir" $((300 + OPS / 20)) "$(BOUT=$MUTANTS image_of patched plain)" \
		"$initramfs" harness.job=fuzz "harness.args=\"fb_defio_fuzz -s $SEED -o $OPS\"" 2>>"$LOG"
	operation=$(sed -n 's/^# operation \([0-9]*\),.*/\1/p' "$dir/verdict" | head -n 1)
	what=$(sed -n 's/^# operation [0-9]*, //p' "$dir/verdict" | head -n 1)
	if [ "$operation" ]; then
		echo "operation $operation, $what"
	elif "$ROOT/harness/judge.py" quote "$dir" . >"$dir/quote"; then
		echo "splat: $(head -n 1 "$dir/quote")"
	else
		echo "not noticed"
		return 1
	fi
}

need_numbers 18 SEED OPS
for name in "$@"; do
	[ -f "$name" ] || die "there is no mutation $name; they are in tests/mutations"
done
if [ $# -eq 0 ]; then
	for number in 01 05 12 24 80 81 82 84 86; do
		set -- "$@" "$ROOT/tests/mutations/$number"-*.patch
	done
fi
"$ROOT/harness/deps.sh" fetch build qemu
"$ROOT/harness/tree.sh" patched
initramfs=$("$ROOT/harness/initramfs.sh" patched)
lock mutations
rm -rf "$RESULTS"
mkdir -p "$RESULTS" "$MUTANTS"
[ -z "$(hgit -C "$BOUT/patched" status --porcelain)" ] ||
	die "${BOUT#"$ROOT"/}/patched has uncommitted changes, which a mutant would lack; commit them"
put_tree "$MUTANT" "$(hgit -C "$BOUT/patched" rev-parse HEAD)"
for patch in "$@"; do
	phase "fuzz: $(basename "$patch" .patch)" fuzz-mutations
	found=$(mutate "$(realpath "$patch")") || missed=$((missed + 1))
	hgit -C "$MUTANT" reset -q --hard
	printf '%-38s %s\n' "$(basename "$patch" .patch)" "$found"
	phase_end
done
say "   $(($# - missed)) of $# mutations were noticed within $OPS operations of seed $SEED"
[ "$missed" -eq 0 ]
