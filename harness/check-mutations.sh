#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# check-mutations.sh [PATCH...]: does each rule have a test that notices when it
# is broken? Every patch of tests/mutations/ breaks one rule of the patched kernel,
# NN-name@6.12.patch that of 6.12 only; MUTATIONS=invariants takes only those that
# guard an invariant. A patch's header says which rule, and which tests have to notice:
#
#	Guards: invariant 1
#	Expect: kunit:SUITE.CASE		or selftest:NAME
#	Kernel: debug				left out: plain
#	Boots: 8				a race: boots in which it has to show; left out: 1
#
# Each of the expected tests (several lines are allowed) is run alone and must
# go red, having been green without the mutation. A mutation that does not apply
# or does not build proves nothing: an error.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$ROOT/harness/trees.sh"

# Laid out as the base's own directory, so that the compiler cache knows the
# objects: it sees paths relative to the build directory.
MUTANTS=$BOUT/mutations
MUTANT=$MUTANTS/patched
RESULTS=$BOUT/results/mutations
# What takes longer than this hangs.
LIMIT=200
red=0 wrong=0 table=()

field() { sed -n "/^---\$/q; s/^$1: *//p" "$2"; }

kernel_of()
{
	local kernel
	kernel=$(field Kernel "$1")
	printf '%s' "${kernel:-plain}"
}

# run_test DIR KERNEL TEST: prints green, red or absent. A selftest is named by
# itself ("-t") or with its fixture ("-r").
run_test()
{
	local name=${3#*:} option=-t
	case $3 in
	kunit:*.*)
		in_bout "$MUTANTS" kunit "$1" "$LIMIT" patched "$2" "$name" 2>>"$LOG"
		;;
	selftest:?*)
		[[ $name != *.* ]] || option=-r
		"$ROOT/harness/boot.sh" "$1" "$LIMIT" "$(BOUT=$MUTANTS image_of patched "$2")" \
			"$initramfs" harness.job=tests "harness.args=\"$(selftest_program "$name") $option $name\"" 2>>"$LOG"
		;;
	esac
	"$ROOT/harness/judge.py" case "$1" "$name"
}

# mutate PATCH NAME: sets $verdict to "red" if all is well, or to what is wrong
mutate()
{
	local patch=$1 kernel expect test boots state
	verdict=red
	kernel=$(kernel_of "$patch")
	expect=$(field Expect "$patch")
	if ! hgit -C "$MUTANT" apply "$patch" >>"$LOG" 2>&1; then
		verdict="does not apply"
	elif ! in_bout "$MUTANTS" build patched "$kernel" >>"$LOG" 2>&1; then
		verdict="does not build"
	else
		for test in $expect; do
			boots=$(field Boots "$patch")
			while
				state=$(run_test "$RESULTS/$2" "$kernel" "$test")
				[ "$state" = green ] && [ "${boots:-1}" -gt 1 ]
			do
				boots=$((boots - 1))
			done
			case $state in
			red) ;;
			green) verdict="not noticed by $test" ;;
			*) verdict="$test did not run" ;;
			esac
		done
	fi
	hgit -C "$MUTANT" reset -q --hard
}

# green_before KERNEL TEST: dies if the test is not green without any mutation
green_before()
{
	local state
	state=$(run_test "$RESULTS/none" "$1" "$2")
	[ "$state" = green ] ||
		die "$2 is $state on the $1 kernel without any mutation; mend that first (make test), or the Expect: line"
}

for name in "$@"; do
	[ -f "$name" ] || die "there is no mutation $name; they are in tests/mutations"
done
if [ $# -eq 0 ]; then
	mapfile -t all < <(find "$ROOT/tests/mutations" -name '*.patch' \( ! -name '*@*' -o -name "*@$BASE.patch" \) | sort)
	[ ${#all[@]} -gt 0 ] || die "tests/mutations has no patches for $BASE; add one for each rule that has a test"
	case ${MUTATIONS:-all} in
	all) set -- "${all[@]}" ;;
	invariants)
		mapfile -t patches < <(grep -l '^Guards: *invariant' "${all[@]}")
		[ ${#patches[@]} -gt 0 ] || die "no mutation of $BASE guards an invariant; restore them"
		set -- "${patches[@]}"
		;;
	*) die "MUTATIONS=$MUTATIONS makes no sense; use all or invariants" ;;
	esac
fi
for name in "$@"; do
	for key in Guards Expect; do
		[ "$(field "$key" "$name")" ] || die "$name lacks a header line $key:; add it above the line ---"
	done
	[[ $(field Boots "$name") =~ ^([1-9][0-9]*)?$ ]] || die "$name: Boots: is not a number; write Boots: 8"
	for test in $(field Expect "$name"); do
		case $test in
		kunit:?*.?* | selftest:?*) ;;
		*) die "$name: 'Expect: $test' names no test; write kunit:SUITE.CASE or selftest:NAME" ;;
		esac
	done
done

"$ROOT/harness/deps.sh" fetch build qemu check
"$ROOT/harness/tree.sh" patched
initramfs=$("$ROOT/harness/initramfs.sh" patched)
lock mutations
phase "check-mutations: the kernel without any" check-mutations
rm -rf "$RESULTS"
mkdir -p "$RESULTS" "$MUTANTS"
[ -z "$(hgit -C "$BOUT/patched" status --porcelain)" ] ||
	die "${BOUT#"$ROOT"/}/patched has uncommitted changes, which a mutant would lack; commit them"
put_tree "$MUTANT" "$(hgit -C "$BOUT/patched" rev-parse HEAD)"
for kernel in $(for name in "$@"; do kernel_of "$name"; echo; done | sort -u); do
	logged "build $kernel" in_bout "$MUTANTS" build patched "$kernel"
done
for name in "$@"; do
	for test in $(field Expect "$name"); do
		printf '%s %s\n' "$(kernel_of "$name")" "$test"
	done
done | sort -u >"$RESULTS/expected"
while read -r kernel test; do
	green_before "$kernel" "$test" </dev/null
done <"$RESULTS/expected"
phase_end

for name in "$@"; do
	slug=$(basename "$name" .patch)
	start=$SECONDS
	mutate "$(realpath "$name")" "$slug"
	if [ "$verdict" = red ]; then red=$((red + 1)); else wrong=$((wrong + 1)); fi
	line=$(printf '%-34s %-28s %-30s %s, %s' "$slug" "$(field Guards "$name" | head -n 1 | cut -c1-27)" \
		"$(field Expect "$name" | tr '\n' ' ' | cut -c1-60)" "$verdict" "$(fmt_time $((SECONDS - start)))")
	say "   $line"
	table+=("$line")
done

if [ "$wrong" -gt 0 ]; then
	say "mutations that went wrong:"
	printf '%s\n' "${table[@]}" | grep -v ' red, ' >&2
fi
say "   $red of $((red + wrong)) mutations were noticed by the test that guards the rule"
[ "$wrong" -eq 0 ]
