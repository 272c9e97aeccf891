#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# make soak: OPS random operations (fb_defio_fuzz) and WRITES tracked writes under load
# (fb_defio_stress), shared out to both bases and the kernels CONFIGS, in boots of
# bounded length with seeds 1, 2, ..., JOBS guests at a time. Ends early after HOURS.
# Each boot that has ended is a line of out/soak/table; the next run goes on behind
# them, unless the series has changed. Prints the table for docs/hardening.md.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$ROOT/harness/trees.sh"

OPS=${OPS:-10000000}
WRITES=${WRITES:-10000000}
HOURS=${HOURS:-0}
SOAK=$OUT/soak
TABLE=$SOAK/table
# A boot takes minutes on an idle machine, and gets ten times as long.
BOOT_OPS=50000
BOOT_WRITES=200000
LIMIT=7200

# soak BASE CONFIG PROGRAM SEED: one boot, one line of the table
soak()
{
	local base=$1 config=$2 program=$3 seed=$4 dir=$SOAK/$1-$2-$3-$4 args judged sums start=$SECONDS
	case $program in
	fb_defio_fuzz) args="-s $seed -o $BOOT_OPS" ;;
	fb_defio_stress) args="-s $seed -w $BOOT_WRITES" ;;
	esac
	"$ROOT/harness/boot.sh" "$dir" "$LIMIT" "$OUT/$base/build/patched-$config/arch/x86/boot/bzImage" \
		"$OUT/$base/build/patched-initramfs.cpio" harness.job=fuzz "harness.args=\"$program $args\"" 2>>"$LOG"
	judged=$("$ROOT/harness/judge.py" guest "$dir" "$program" 2>"$dir/reasons") || [ $? -eq 1 ] ||
		die "judge.py failed on ${dir#"$ROOT"/}; see there"
	# "# fuzz: seed 1 operations 50000 ..." or "# stress: writes 200000 lost 0 ..."
	sums=$(sed -n 's/^# \(fuzz\|stress\): //p' "$dir/verdict" | tail -n 1)
	printf '%s %s %s %s %s seconds=%d %s\n' "$base" "$config" "$program" "$seed" "$judged" \
		$((SECONDS - start)) "$sums" >>"$TABLE"
	case $judged in
	*verdict=good) rm -rf "$dir" ;;
	*) say "   bad: ${dir#"$ROOT"/}, $(head -n 2 "$dir/reasons" | tail -n 1)" ;;
	esac
}

# summary: of the table, a line for each kernel and program
summary()
{
	echo '| kernel | program | boots | operations | writes | lost | rounds | splats | bad boots |'
	echo '|---|---|---|---|---|---|---|---|---|'
	awk '
		function value(name, i) {
			for (i = 5; i < NF; i++)
				if ($i == name)
					return $(i + 1)
			return 0
		}
		{
			key = $1 " " $2 " | `" $3 "`"
			if (!(key in boots)) order[++n] = key
			boots[key]++
			ops[key] += value("operations")
			writes[key] += value("stores") + value("writes")
			lost[key] += value("lost")
			rounds[key] += value("rounds")
			match($0, /splats=[0-9]+/)
			splats[key] += substr($0, RSTART + 7, RLENGTH - 7)
			bad[key] += !/verdict=good/
		}
		END {
			for (i = 1; i <= n; i++) {
				key = order[i]
				printf "| %s | %d | %d | %d | %d | %d | %d | %d |\n", key, boots[key], ops[key],
					writes[key], lost[key], rounds[key], splats[key], bad[key]
			}
		}' <(sort "$TABLE")
}

need_numbers 16 OPS WRITES HOURS
[ $((OPS + WRITES)) -gt 0 ] || die "OPS=0 and WRITES=0 leave nothing to do; use e.g. OPS=1000000"
[ -z "$KDIR" ] || die "make soak works with both bases; leave KDIR= out"
need_x86_64
set_configs "debug kcsan" plain debug kcsan

"$ROOT/harness/deps.sh" fetch build qemu
read -ra bases <<<"$(known_bases)"
mkdir -p "$SOAK"
lock soak
for base in "${bases[@]}"; do
	BASE=$base "$ROOT/harness/tree.sh" patched
	BASE=$base "$ROOT/harness/initramfs.sh" patched >/dev/null
	for config in "${configs[@]}"; do
		BASE=$base "$ROOT/harness/build.sh" patched "$config" >/dev/null
	done
done
# What was run of another series says nothing about this one.
digest=$(for base in "${bases[@]}"; do BASE=$base series --digest; done | sha256sum)
if [ ! -f "$SOAK/digest" ] || [ "$(cat "$SOAK/digest")" != "$digest" ]; then
	[ ! -s "$TABLE" ] || say "   the series has changed since the last make soak; it starts anew"
	rm -f "$TABLE"
	printf '%s\n' "$digest" >"$SOAK/digest"
fi
touch "$TABLE"

kernels=$((${#bases[@]} * ${#configs[@]}))
# Each kernel's share, rounded up to boots
declare -A boots=(
	[fb_defio_fuzz]=$(((OPS + kernels * BOOT_OPS - 1) / (kernels * BOOT_OPS)))
	[fb_defio_stress]=$(((WRITES + kernels * BOOT_WRITES - 1) / (kernels * BOOT_WRITES)))
)
most=${boots[fb_defio_fuzz]}
[ "$most" -ge "${boots[fb_defio_stress]}" ] || most=${boots[fb_defio_stress]}
phase "soak: $OPS operations, $WRITES writes, $kernels kernels" soak
pids=()
for ((seed = 1; seed <= most; seed++)); do
	for program in fb_defio_fuzz fb_defio_stress; do
		[ "$seed" -le "${boots[$program]}" ] || continue
		for base in "${bases[@]}"; do
			for config in "${configs[@]}"; do
				! grep -q "^$base $config $program $seed " "$TABLE" || continue
				while [ "$(jobs -pr | wc -l)" -ge "$JOBS" ]; do sleep 0.5; done
				if [ "$HOURS" -gt 0 ] && [ "$SECONDS" -ge $((HOURS * 3600)) ]; then
					say "   $HOURS hours are over; make soak goes on from here"
					break 4
				fi
				soak "$base" "$config" "$program" "$seed" &
				pids+=($!)
			done
		done
	done
done
for pid in "${pids[@]}"; do
	wait "$pid" || die "a boot could not be judged; see ${LOG#"$ROOT"/}"
done
phase_end

summary
[ -s "$TABLE" ] && ! grep -qv 'verdict=good' "$TABLE"
