#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# harness/bench.py: medians, ratios, goals, and what it refuses. harness/bench.sh, with
# stand-ins for what takes long: the order of the boots, and its files.

. "$(dirname "${BASH_SOURCE[0]}")/tap.sh"

bench() { "$TESTS/../harness/bench.py" "$@"; }

# boots KEY VALUE...: five boots of each kernel in ./runs, where all is 100 on the
# unpatched and 0.5 on the patched one, but for the value KEY of the patched one's
boots()
{
	local tree number key
	for tree in unpatched patched; do
		for number in 1 2 3 4 5; do
			mkdir -p "runs/$tree-$number"
			{
				echo "program fb_defio_bench"
				echo "anon_ns 1000.0"
				for key in first-write-faults first-write-cost flush-1cpu flush-2cpu flush-sparse \
					sorted-8192 redraw-faults redraw-cpu redraw-frame idle-update stall-ms bytes-per-page; do
					case $tree in
					unpatched) echo "page-backed.$key 100.0000" ;;
					patched) printf '%s.%s 0.5000\n' page-backed "$key" contiguous "$key" ;;
					esac
				done
				echo "exit fb_defio_bench 0"
			} >"runs/$tree-$number/verdict"
		done
	done
	for number in 1 2 3 4 5; do
		[ $# -eq 0 ] || change "patched-$number" "$1" "${@:number + 1:1}"
	done
}

# change BOOT KEY VALUE
change()
{
	grep -q "^$2 " "runs/$1/verdict" || fail "no $2 in runs/$1"
	sed -i "s/^$2 .*/$2 $3/" "runs/$1/verdict"
}

# row NAME: its line in the file of figures, spaces for tabs
row() { grep -P "^$1\t" out.tsv | tr '\t' ' '; }

test_medians_and_ratios()
{
	boots contiguous.flush-1cpu 9 1 8000 5 -3
	bench table runs out.tsv >said
	cat said
	[ "$(head -n 1 out.tsv)" = $'name\tunpatched\tpatched\tratio\tgoal' ] || fail "first line"
	[ "$(row flush-1cpu)" = 'flush-1cpu 100.0000 5.0000 0.0500 0.1' ] || fail "$(row flush-1cpu)"
	[ "$(row stall)" = 'stall 100.0000 0.5000 0.0050 2' ] || fail "$(row stall)"
	[ "$(row flush-1cpu-page-backed)" = 'flush-1cpu-page-backed 100.0000 0.5000 0.0050 -' ] || fail "no goal"
	[ "$(awk -F '\t' 'NF != 5' out.tsv)" = '' ] || fail "columns"
	grep -q '^\([0-9]*\) of \1 goals met$' said || fail "a goal was missed"
}

test_the_unpatched_kernel_is_page_backed()
{
	boots page-backed.flush-2cpu 3 3 3 3 3
	change unpatched-1 page-backed.flush-2cpu 100.0
	bench table runs out.tsv
	[ "$(row flush-2cpu)" = 'flush-2cpu 100.0000 0.5000 0.0050 0.04' ] || fail contiguous
	[ "$(row flush-page-backed)" = 'flush-page-backed 100.0000 3.0000 0.0300 0.15' ] || fail page-backed
}

# missed KEY VALUE ROW: with that figure, this row alone
missed()
{
	rm -rf runs
	boots "$1" "$2" "$2" "$2" "$2" "$2"
	bench table runs out.tsv >said
	tail -n 1 said
	grep -q "goals met: missed $3\$" said || fail "$3 with $2 is not missed"
	grep "^$3 " said | grep -q 'MISSED$' || fail "$3 is not marked"
}

test_missed_goals()
{
	missed contiguous.flush-2cpu 4.2 flush-2cpu
	missed contiguous.redraw-cpu 9 redraw-cpu
	missed contiguous.stall-ms 2.1 stall
	missed contiguous.bytes-per-page 33.5 bytes-per-page
	missed contiguous.first-write-faults 1.02 first-write-faults
	missed page-backed.redraw-faults 3 redraw-faults-page-backed
	# As printed, this is 1.00.
	boots contiguous.first-write-faults 1.002 1.002 1.002 1.002 1.002
	bench table runs out.tsv | grep '^first-write-faults .*met$' || fail "1.002 is 1.00"
}

test_less_than_nothing_is_nothing()
{
	boots contiguous.redraw-cpu -1 -1 -1 -1 -1
	bench table runs out.tsv
	[ "$(row redraw-cpu)" = 'redraw-cpu 100.0000 -1.0000 0.0000 0.08333' ] || fail "$(row redraw-cpu)"
	sed -i 's/^page-backed.redraw-cpu.*/page-backed.redraw-cpu 0.0/' runs/unpatched-*/verdict
	refuses one-line 'redraw-cpu .*no ratio' bench table runs out.tsv
}

test_refuses_what_is_incomplete()
{
	refuses one-line '0 boots of the unpatched kernel; 5 are needed' bench table . out.tsv
	boots
	rm -r runs/patched-3
	refuses one-line '4 boots of the patched kernel' bench table runs out.tsv
	boots
	sed -i '/contiguous.stall-ms/d' runs/patched-2/verdict
	refuses one-line 'patched-2/verdict has no line contiguous.stall-ms' bench table runs out.tsv
	rm runs/patched-2/verdict
	refuses one-line 'patched-2/verdict: No such file' bench table runs out.tsv
	[ ! -e out.tsv ] || fail "figures in spite of that"
	refuses one-line usage bench
	refuses one-line 'No such file' bench plot none.tsv
}

test_plot()
{
	boots contiguous.stall-ms 150 150 150 150 150
	bench table runs out.tsv
	bench plot out.tsv >drawn
	[ "$(wc -l <drawn)" -eq "$(($(wc -l <out.tsv) - 1))" ] || fail "a row is missing"
	# 150 is 1.5 of 100, the goal of 2 is 0.02 of it, and missed.
	grep -qP '^-\d+\t1.5\t0.02\t0\tstall\t100 → 150 ms, goal ≤ 2.00$' drawn || fail "stall"
	grep -qP '\t0.005\t0.1\t1\tflush-1cpu\t' drawn || fail "flush-1cpu"
	grep -qP '\t0.005\t-\t2\tflush-1cpu-page-backed\t' drawn || fail "no goal"
	sed -i 's/^stall\t/else\t/' out.tsv
	refuses one-line 'a line else' bench plot out.tsv
}

# fake_repo: a copy of the harness in ./repo, with stand-ins
fake_repo()
{
	local step
	mkdir -p repo/out/6.12/patched/drivers/video/fbdev bin
	cp -r "$TESTS"/../{harness,bases,Makefile} repo
	printf 'VERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = 5\n' >repo/out/6.12/patched/Makefile
	: >repo/out/6.12/patched/Kconfig
	for step in deps tree build initramfs; do
		printf '#!/bin/bash\n' >"repo/harness/$step.sh"
	done
	boots
	mv runs recorded
	# shellcheck disable=SC2016
	printf '#!/bin/bash\nname=${1##*/}\necho "$name $6" >>%s/order\ncp -r %s/recorded/$name $1\n' "$T" "$T" >repo/harness/boot.sh
	printf '#!/bin/bash\n' >repo/harness/judge.py
	# lib.sh puts Debian's programs first.
	# shellcheck disable=SC2016
	sed -i 's,^PATH=,&$HOME/bin:,' repo/harness/lib.sh
	export HOME=$T
}

test_boots_in_turn()
{
	fake_repo
	# shellcheck disable=SC2016
	printf '#!/bin/bash\neval "${2%%%%; kernel*}"\necho picture >"$target"\n' >bin/gnuplot
	chmod +x bin/gnuplot
	make -s -C repo bench >out 2>err || fail "$(cat err)"
	cut -d ' ' -f 1 order | paste -sd ' ' >turns
	[ "$(cat turns)" = "$(printf 'unpatched-%s patched-%s ' 1 1 2 2 3 3 4 4 5 5 | sed 's/ $//')" ] || fail "$(cat turns)"
	! grep '^unpatched.*contiguous' order || fail "contiguous memory on the unpatched kernel"
	[ -s repo/out/bench/6.12.png ] || fail "no plot"
	[ "$(wc -l <repo/out/bench/6.12.tsv)" -gt 13 ] || fail "no figures"
	grep -q 'Linux 6.12.5' out || fail "no version"
	grep -q '^stall ' out || fail "no table"
}

test_a_bad_boot_ends_it()
{
	fake_repo
	printf '#!/bin/bash\nexit 1\n' >repo/harness/judge.py
	refuses 'boot 1 of the unpatched kernel went wrong' make -s -C repo bench
	[ ! -e repo/out/bench/6.12.tsv ] || fail "figures in spite of that"
}

tap_run
