#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# make bench: what deferred I/O costs on the unpatched and on the patched kernel, and
# the goals. Boots them in turn, so that what slows the machine for a while slows both.
# Leaves a table and a plot in out/bench. A missed goal is a result, not a failure.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

BENCH=$OUT/bench
RESULTS=$BOUT/results/bench
BOOTS=5
# Some five times what an idle machine takes.
LIMIT=600

# boot TREE NUMBER KIND...: with these kinds of memory. The KUnit suites' configuration,
# which the unpatched kernel does not have, zeroes all pages: not for a yardstick.
boot()
{
	local dir=$RESULTS/$1-$2 tree=$1
	logged "$1 $2" "$ROOT/harness/boot.sh" "$dir" "$LIMIT" "$(image_of "$tree" plain)" \
		"$BOUT/build/$tree-initramfs.cpio" harness.job=bench "harness.args=\"${*:3}\"" \
		init_on_alloc=0 cma=256M
	"$ROOT/harness/judge.py" plain "$dir" >>"$LOG" || die "boot $2 of the $1 kernel went wrong; see above"
}

need_x86_64
"$ROOT/harness/deps.sh" fetch build qemu bench
for tree in unpatched patched; do
	"$ROOT/harness/tree.sh" "$tree"
	"$ROOT/harness/build.sh" "$tree" plain >/dev/null
	"$ROOT/harness/initramfs.sh" "$tree" >/dev/null
done
rm -rf "$RESULTS"
mkdir -p "$RESULTS" "$BENCH"
for ((number = 1; number <= BOOTS; number++)); do
	phase "bench: boot $number of $BOOTS of each kernel" "bench-$number"
	boot unpatched "$number" page-backed
	boot patched "$number" page-backed contiguous
done

phase "bench: table and plot" bench
name=$BENCH/${BOUT##*/}
version=$(kernel_version "$BOUT/patched")
"$ROOT/harness/bench.py" table "$RESULTS" "$name.tsv" >"$RESULTS/table"
"$ROOT/harness/bench.py" plot "$name.tsv" >"$RESULTS/plot"
logged "plot" gnuplot -e "data='$RESULTS/plot'; target='$name.png'; kernel='$version'" \
	"$ROOT/harness/bench.gnuplot" || die "gnuplot fails; see above"
[ -s "$name.png" ] || die "gnuplot left no ${name#"$ROOT"/}.png; see ${LOG#"$ROOT"/}"
phase_end

echo
echo "Linux $version, unpatched and patched"
echo
cat "$RESULTS/table"
echo
echo "${name#"$ROOT"/}.tsv, ${name#"$ROOT"/}.png; the boots: ${RESULTS#"$ROOT"/}/*/verdict"
