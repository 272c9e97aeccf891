#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# make reproduce: each bug of reproduce.table on the unpatched kernel, in a boot
# of its own, with the kernel's words; and the controls, tests that have to pass
# there. Fails when a bug does not show or a control does not pass.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

RESULTS=$BOUT/results/reproduce
# Some of them are races, lost in every second boot: so many boots to show up.
TRIES=8
shown=0 missing=0 table=()

trim() { local text=$1; text=${text#"${text%%[![:space:]]*}"}; printf '%s' "${text%"${text##*[![:space:]]}"}"; }

# rows: those of the table that concern this base
rows()
{
	awk -F '|' -v base="$BASE" '!/^(#|$)/ && index(" " $2 " ", " " base " ")' \
		"$ROOT/harness/reproduce.table"
}

# check_evidence HOW: dies unless it is some
check_evidence()
{
	local why rc=0
	case $1 in
	'says '?* | passes) ;;
	'fails '?*)
		why=$(grep -qE -- "${1#fails }" </dev/null 2>&1) || rc=$?
		[ "$rc" -eq 1 ] || die "reproduce.table: '${1#fails }' is no regular expression: ${why#grep: }; correct it"
		;;
	fails) die "reproduce.table: 'fails' takes any failing assertion; write 'fails REGEX', which matches the one" ;;
	*) die "reproduce.table: '$1' is no evidence; write 'says REGEX', 'fails REGEX' or 'passes'" ;;
	esac
}

# failures DIR TEST: the failing assertions, one a line, as FILE:LINE and the text
failures()
{
	if [[ $2 != kunit:* ]]; then
		sed -nE "s/^# ($(selftest_program "$2")\.c:[0-9]+:)/\1/p" "$1/verdict"
		return
	fi
	# KUnit says all of one in one message, so all of its lines have the same time.
	tr -d '\r' <"$1/console.log" | awk '
		{ time = substr($0, 1, index($0, "]")); sub(/^\[ *[0-9.]+\] */, "") }
		/(EXPECTATION|ASSERTION) FAILED at / { sub(/.*\//, ""); print_one(); text = $0 ":"; since = time; next }
		time == since { text = text " " $0; next }
		{ print_one() }
		END { print_one() }
		function print_one() { if (text) print text; text = since = "" }'
}

# evidence DIR TEST HOW: prints what shows the bug, fails if nothing does
evidence()
{
	case $3 in
	'says '*) "$ROOT/harness/judge.py" quote "$1" "${3#says }" ;;
	'fails '*)
		if [[ $2 = kunit:* ]]; then
			[ "$("$ROOT/harness/judge.py" case "$1" "${2#kunit:}")" = red ] || return 1
		else
			# The kernel may not survive for the line that sums it up.
			! grep -qE "^ok [0-9]+ ${2//./\\.}\$" "$1/verdict" || return 1
		fi
		failures "$1" "$2" | grep -E -- "${3#fails }" | sed -n 1,3p
		;;
	passes)
		[ "$("$ROOT/harness/judge.py" case "$1" "${2#kunit:}")" = green ] &&
			echo "${2#kunit:} passes, and the kernel says nothing"
		;;
	esac
}

# run DIR CONFIG ARGUMENTS TEST: one boot
run()
{
	local dir=$1
	if [[ $4 = kunit:* ]]; then
		[ -z "$3" ] || die "reproduce.table: kernel arguments are not for KUnit suites; leave '$3' out"
		"$ROOT/harness/kunit.sh" "$dir" 300 unpatched "$2" "${4#kunit:}" 2>>"$LOG"
		grep -qs 'KTAP version' "$dir/console.log" ||
			die "the KUnit suites did not start; see ${dir#"$ROOT"/}"
		return 0
	fi
	"$ROOT/harness/boot.sh" "$dir" 300 "$(image_of unpatched "$2")" \
		"$initramfs" harness.job=tests "harness.args=\"$(selftest_program "$4") -r $4\"" "$3" 2>>"$LOG"
	grep -qsE '^1\.\.1$' "$dir/verdict" || grep -qs "$4" "$dir/console.log" ||
		die "the selftest $4 did not start; see ${dir#"$ROOT"/}"
}

# reproduce NAME CONFIG ARGUMENTS TEST HOW TEXT
reproduce()
{
	local dir=$RESULTS/$1 try tries=$TRIES words='' verdict=NO good=shown
	# A control has to pass at once.
	if [ "$5" = passes ]; then tries=1 good=control; fi
	for ((try = 1; try <= tries; try++)); do
		run "$dir" "$2" "$3" "$4"
		if words=$(evidence "$dir" "$4" "$5"); then
			verdict=$good
			break
		fi
	done
	if [ "$verdict" = "$good" ]; then
		shown=$((shown + 1))
	else
		missing=$((missing + 1))
		if [ "$5" = passes ]; then
			words="the test does not pass; see ${dir#"$ROOT"/}"
		else
			words="nothing in $tries boots; see ${dir#"$ROOT"/}"
		fi
	fi
	printf '\n%s (%s kernel%s): %s\n' "$1" "$2" "${3:+, $3}" "$6"
	printf '%s\n' "$words" | sed 's/^/   | /' | cut -c1-150
	table+=("$(printf '%-14s %-6s %-7s ' "$1" "$2" "$verdict")$(printf '%s\n' "$words" | sed 's/^\[ *[0-9.]*\] *//; q' | cut -c1-90)")
}

need_x86_64
WORK=
tmp_dir WORK
rows >"$WORK/rows"
[ -s "$WORK/rows" ] || die "harness/reproduce.table lists no bug of $BASE; restore it"
# The evidence is the last field, so that its regular expression may have a |.
while IFS='|' read -r _ _ _ _ _ _ how; do
	check_evidence "$(trim "$how")"
done <"$WORK/rows"
"$ROOT/harness/deps.sh" fetch build qemu
"$ROOT/harness/tree.sh" unpatched
initramfs=$("$ROOT/harness/initramfs.sh" unpatched)
mapfile -t configs < <(cut -d '|' -f 3 "$WORK/rows" | tr -d ' ' | sort -u)
for config in "${configs[@]}"; do
	"$ROOT/harness/build.sh" unpatched "$config" >/dev/null
done

rm -rf "$RESULTS"
phase "reproduce on $(kernel_version "$BOUT/unpatched")" reproduce
while IFS='|' read -r name _ config arguments test text how; do
	reproduce "$(trim "$name")" "$(trim "$config")" "$(trim "$arguments")" \
		"$(trim "$test")" "$(trim "$how")" "$(trim "$text")"
done <"$WORK/rows"
phase_end

echo
printf '%-14s %-6s %-7s %s\n' bug kernel shown 'in the words of the kernel, or of the test'
printf '%s\n' "${table[@]}"
echo "logs: ${RESULTS#"$ROOT"/}/*/console.log"
echo "$shown passed, $missing failed, 0 skipped"
[ "$missing" -eq 0 ]
