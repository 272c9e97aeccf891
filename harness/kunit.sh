#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# kunit.sh DIR SECONDS TREE CONFIG [FILTER [CPU]]: runs the KUnit suites of a kernel
# that harness/build.sh has built, by the kernel's own kunit.py. Leaves in DIR:
# console.log (the raw log), results.json, status (kunit.py's exit code),
# kunit.log (what kunit.py printed) and qemu.sh (the command, to repeat it).
# It judges nothing, harness/judge.py does.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

case $# in
4 | 5 | 6) ;;
*) die "usage: harness/kunit.sh DIR SECONDS TREE CONFIG [FILTER [CPU]]" ;;
esac
dir=$1
seconds=$2
src=$BOUT/$3
build=$(build_dir "$3" "$4")
filter=${5:-}
cpu=${6:-}
[ -s "$(image_of "$3" "$4")" ] || die "no kernel in $build; run harness/build.sh $3 $4 first"

rm -rf "$dir"
mkdir -p "$dir"
dir=$(cd "$dir" && pwd -P)
start=$SECONDS
status=0
rm -f "$build/test.log"
qemu=$(arch_get qemu)
QEMU_PROGRAM=$(command -v "$qemu") || die "$qemu is missing; run harness/deps.sh qemu"
export QEMU_PROGRAM
BIN=
tmp_dir BIN
ln -s "$ROOT/harness/qemu-tcg.sh" "$BIN/$qemu"
# kunit.py ends QEMU at its own time-out; the outer one, somewhat later, is for
# kunit.py itself.
PATH=$BIN:$PATH timeout --kill-after=10 $((seconds + ${KUNIT_GRACE:-60})) python3 "$src/tools/testing/kunit/kunit.py" exec \
	--arch="$(arch_get kunit)" --build_dir="$build" --timeout="$seconds" --json="$dir/results.json" \
	--qemu_args="-smp 2${cpu:+ -cpu $cpu}" \
	--kernel_args="$TEST_ARGS panic=-1 oops=panic" \
	${filter:+"$filter"} >"$dir/kunit.log" 2>&1 || status=$?
printf '%d\n' "$status" >"$dir/status"
[ ! -f "$build/test.log" ] || cp "$build/test.log" "$dir/console.log"
{
	printf '#!/bin/sh\n# SPDX-License-Identifier: GPL-2.0\n'
	sed -n 's/ -accel [a-z]*//g; s/^\$ \(qemu-system-.*\)/exec \1 -accel tcg/p' "$dir/kunit.log"
} >"$dir/qemu.sh"
chmod +x "$dir/qemu.sh"
say "   KUnit ${dir#"$OUT"/}: $(fmt_time $((SECONDS - start))), log ${dir#"$ROOT"/}/console.log"
