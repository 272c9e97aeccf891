#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# make fuzz: OPS random operations from SEED on framebuffers, against a model
# (fb_defio_fuzz of the selftests), on each of the kernels CONFIGS. If they fail, says
# which is the shortest prefix that still does, and how to repeat it.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

SEED=${SEED:-1}
OPS=${OPS:-20000}
RESULTS=$BOUT/results/fuzz
bad=0

# run CONFIG OPS: a boot that does so many operations. Succeeds if all is good.
run()
{
	local seconds=$((300 + $2 / 20))
	"$ROOT/harness/boot.sh" "$RESULTS/$1" "$seconds" "$(image_of patched "$1")" "$initramfs" \
		harness.job=fuzz "harness.args=\"fb_defio_fuzz -s $SEED -o $2\"" 2>>"$LOG"
	"$ROOT/harness/judge.py" guest "$RESULTS/$1" fb_defio_fuzz >"$RESULTS/$1/judged" 2>"$RESULTS/$1/reasons"
}

# shortest CONFIG: after a failure, by halves. Where it depends on the clock whether a
# prefix fails, the answer is one that has failed.
shortest()
{
	local good=0 failing middle
	# The program stops at the first operation that goes wrong; a kernel that dies says nothing.
	failing=$(sed -n 's/^# operation \([0-9]*\),.*/\1/p' "$RESULTS/$1/verdict" | head -n 1)
	failing=${failing:-$OPS}
	rm -rf "$RESULTS/$1-failed"
	mv "$RESULTS/$1" "$RESULTS/$1-failed"
	while [ $((failing - good)) -gt 1 ]; do
		middle=$(((failing + good) / 2))
		if run "$1" "$middle"; then
			good=$middle
			say "   $middle operations: good"
		else
			failing=$middle
			say "   $middle operations: bad"
			rm -rf "$RESULTS/$1-failed"
			mv "$RESULTS/$1" "$RESULTS/$1-failed"
		fi
	done
	echo "SEED=$SEED OPS=$failing is the shortest prefix that still fails"
	grep '^# operation ' "$RESULTS/$1-failed/verdict" | head -n 1 ||
		echo "the guest did not say which operation went wrong"
	head -n 30 "$RESULTS/$1-failed/reasons"
	echo "to repeat it: make fuzz SEED=$SEED OPS=$failing BASE=$BASE CONFIGS=$1"
}

need_numbers 18 SEED OPS
[ "$OPS" -gt 0 ] || die "OPS=0 does nothing; use e.g. OPS=20000"
need_x86_64
set_configs "plain debug" plain debug kcsan

"$ROOT/harness/deps.sh" fetch build qemu
"$ROOT/harness/tree.sh" patched
for config in "${configs[@]}"; do
	"$ROOT/harness/build.sh" patched "$config" >/dev/null
done
initramfs=$("$ROOT/harness/initramfs.sh" patched)
rm -rf "$RESULTS"
mkdir -p "$RESULTS"
for config in "${configs[@]}"; do
	phase "fuzz: seed $SEED, $OPS operations, $config kernel" "fuzz-$config"
	if run "$config" "$OPS"; then
		sed -n 's/^# fuzz: //p' "$RESULTS/$config/verdict"
		sed -n 's/^# count //p' "$RESULTS/$config/verdict" | paste -sd ' ' | fold -s -w 90 | sed 's/^/   /'
		say "   $(cat "$RESULTS/$config/judged")"
	else
		bad=$((bad + 1))
		shortest "$config"
	fi
	phase_end
done
[ "$bad" -eq 0 ]
