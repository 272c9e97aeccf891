#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# make test: the KUnit suites and the selftests on a plain and on a debug kernel,
# one image per configuration for both, and pictures on display hardware with the
# debug kernel, which has the drivers; CONFIGS="debug" makes it one of the two.
# On another machine than x86_64: the KUnit suites, on each of its CPU models
# (harness/arches). The last line sums up what really ran.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

JUDGE=$ROOT/harness/judge.py
RESULTS=$BOUT/results/test
[ "$ARCH" = x86_64 ] || RESULTS=$RESULTS-$ARCH
passed=0 failed=0 skipped=0 bad=0 table=()

# Seconds until a hang is called one: some ten times what an idle machine takes.
limit() { if [ "$1" = debug ]; then echo 1800; else echo 400; fi; }

# Nobody would notice that the image lacks a suite, so each one in the sources has
# to be in the results. That of a driver is expected where the base has the driver,
# and runs on machines that Hyper-V supports.
suites()
{
	local from=("$ROOT/lib/tests")
	case $ARCH in
	x86_64 | arm64) from+=("$BOUT/patched/drivers/video/fbdev") ;;
	esac
	find "${from[@]}" -maxdepth 1 -name '*_kunit.c' -exec \
		sed -n '/^static struct kunit_suite/,/^};/ s/^\t\.name = "\(.*\)",$/\1/p' {} +
}

# programs CONFIG: the same for the selftests; the debug kernel has kmemleak
programs()
{
	local names
	[ -f "$ROOT/tools/testing/selftests/fbdev/Makefile" ] || return 0
	names=$(sed -n 's/^TEST_GEN_PROGS := //p' "$ROOT/tools/testing/selftests/fbdev/Makefile")
	[ -z "$names" ] || tr ' ' '\n' <<<"$names"
	[ "$1" != debug ] || echo kmemleak
}

# count COMMAND...: judges a run by that command, adds to the sums, and sets
# $counts, $splats and $verdict for the table. A bad run in which no test failed,
# such as one with a splat after the last test, counts as one failure.
count()
{
	local line p f s
	line=$("$@") || [ $? -eq 1 ] || die "${1#"$ROOT"/} failed; see above"
	IFS=' =' read -r _ p _ f _ s _ splats _ verdict <<<"$line"
	counts="$p/$f/$s"
	if [ "$verdict" != good ]; then
		bad=$((bad + 1))
		[ "$f" -gt 0 ] || f=1
	fi
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
}

# guests CONFIG IMAGE: both at once, as each of them uses one CPU most of the time
guests()
{
	local kunit rc=0
	"$ROOT/harness/kunit.sh" "$RESULTS/$1-kunit" "$(limit "$1")" patched "$1" &
	kunit=$!
	"$ROOT/harness/boot.sh" "$RESULTS/$1-selftest" "$(limit "$1")" "$2" "$initramfs" harness.job=tests || rc=$?
	wait "$kunit" || rc=$?
	return "$rc"
}

test_config()
{
	local config=$1 image row all_splats all_verdicts programs
	"$ROOT/harness/build.sh" patched "$config" >/dev/null
	image=$(image_of patched "$config")

	phase "KUnit and selftests, $config kernel" "test-$config"
	logged "KUnit and selftests, $config kernel" guests "$config" "$image"
	phase_end
	count "$JUDGE" "$(arch_get judge)" "$RESULTS/$config-kunit" "${wanted[@]}"
	row=$(printf '%-16s' "$counts") all_splats=$splats all_verdicts=$verdict
	mapfile -t programs < <(programs "$config")
	count "$JUDGE" guest "$RESULTS/$config-selftest" "${programs[@]}"
	row+=$(printf ' %-16s' "$counts") all_splats=$((all_splats + splats)) all_verdicts+=$verdict
	if [ "$config" = debug ]; then
		count "$ROOT/harness/display.sh" "$RESULTS/$config-display" "$(limit "$config")" "$config"
		all_splats=$((all_splats + splats)) all_verdicts+=$verdict
	else
		counts=-
	fi
	case $all_verdicts in
	*bad*) verdict=bad ;;
	esac
	table+=("$(printf '%-16s %s %-10s %-7d %s' "$(kernel_version "$BOUT/patched") $config" \
		"$row" "$counts" "$all_splats" "$verdict")")
}

# has_both_ways CPU: sets that model dirty bits in the way for which it is listed?
has_both_ways()
{
	local way=software expected=software
	! grep -q 'detected: Hardware dirty bit management' "$RESULTS/$1/console.log" || way=hardware
	[ "$1" != "$(arch_get dirty)" ] || expected=hardware
	[ "$way" = "$expected" ] ||
		die "CPU $1 sets dirty bits in $way; correct harness/arches/arm64, so that both ways are tested"
}

# test_cpu [CPU]: the KUnit suites on a machine other than x86_64
test_cpu()
{
	local cpu=${1:-} name=${1:-default}
	phase "KUnit, $ARCH, CPU $name" "test-$ARCH-$name"
	logged "KUnit, $ARCH, CPU $name" "$ROOT/harness/kunit.sh" "$RESULTS/$name" 1200 patched plain "" "$cpu"
	phase_end
	count "$JUDGE" "$(arch_get judge)" "$RESULTS/$name" "${wanted[@]}"
	[ "$ARCH" != arm64 ] || has_both_ways "$name"
	table+=("$(printf '%-16s %-16s %-16s %-10s %-7d %s' "$(kernel_version "$BOUT/patched") $ARCH" \
		"$counts" "CPU $name" - "$splats" "$verdict")")
}

set_configs "plain debug" plain debug

if [ "$ARCH" = x86_64 ]; then
	"$ROOT/harness/deps.sh" fetch build qemu clients
else
	"$ROOT/harness/deps.sh" fetch build "$ARCH"
fi
"$ROOT/harness/tree.sh" patched
mapfile -t wanted < <(suites)
[ ${#wanted[@]} -gt 0 ] || die "found no KUnit suite in lib/tests/*_kunit.c; restore them"
[ -n "$(programs plain)" ] || die "tools/testing/selftests/fbdev/Makefile names no test program (TEST_GEN_PROGS); restore it"

if [ "$ARCH" = x86_64 ]; then
	initramfs=$("$ROOT/harness/initramfs.sh" patched)
	rm -rf "$RESULTS"
	for config in "${configs[@]}"; do
		test_config "$config"
	done
else
	"$ROOT/harness/build.sh" patched plain >/dev/null
	rm -rf "$RESULTS"
	read -ra cpus <<<"$(arch_get cpus)"
	[ ${#cpus[@]} -gt 0 ] || cpus=("")
	for cpu in "${cpus[@]}"; do
		test_cpu "$cpu"
	done
fi

echo
printf '%-16s %-16s %-16s %-10s %-7s %s\n' 'kernel' 'KUnit p/f/s' 'selftests p/f/s' display splats verdict
printf '%s\n' "${table[@]}"
echo "p/f/s: passed/failed/skipped; logs: ${RESULTS#"$ROOT"/}/*/console.log"
echo "whole run: $(fmt_time $SECONDS)"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$bad" -eq 0 ] && [ "$passed" -gt 0 ]
