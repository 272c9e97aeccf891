#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# make reproduce: each bug of reproduce.table on the unpatched kernel, in a boot
# of its own, with the kernel's words; and the controls, tests that have to pass
# there. Fails when a bug does not show or a control does not pass.
# With TOPIC=fixes: only the bugs that this topic cures; and on the kernel that has
# the topics up to that one, the same tests have to pass.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$ROOT/harness/trees.sh"

RESULTS=$BOUT/results/reproduce
# Some bugs are races that are lost in every second boot; they have this many boots.
TRIES=8
shown=0 missing=0 table=()

trim() { local text=$1; text=${text#"${text%%[![:space:]]*}"}; printf '%s' "${text%"${text##*[![:space:]]}"}"; }

# rows: those of the table that concern this base and topic
rows()
{
	awk -F '|' -v base="$BASE" -v topic="${TOPIC:-}" '!/^(#|$)/ && index(" " $2 " ", " " base " ") &&
		(topic == "" || $7 ~ "^ *" topic ":")' "$ROOT/harness/reproduce.table"
}

# check_cure TOPIC: SUBJECT: dies unless that base has such a patch
check_cure()
{
	local topic=${1%%: *} subject=${1#*: } names
	[[ $1 == *': '* ]] || die "reproduce.table: '$1' names no patch; write 'topic: subject' before the evidence"
	names=$(TOPICS=$topic series --names)
	(cd "$ROOT/patches" && xargs head -qn 1 <<<"$names") | grep -qxF "Subject: [PATCH] $subject" ||
		die "reproduce.table: the topic $topic has no patch \"$subject\" for $BASE; correct the row"
}

# check_evidence HOW: dies unless HOW is valid evidence
check_evidence()
{
	local why rc=0
	case $1 in
	'says '?* | passes) ;;
	'fails '?*)
		why=$(grep -qE -- "${1#fails }" </dev/null 2>&1) || rc=$?
		[ "$rc" -eq 1 ] || die "reproduce.table: '${1#fails }' is not a regular expression: ${why#grep: }; correct it"
		;;
	fails) die "reproduce.table: 'fails' takes any failing assertion; write 'fails REGEX', which matches the one" ;;
	*) die "reproduce.table: '$1' is not evidence; write 'says REGEX', 'fails REGEX' or 'passes'" ;;
	esac
}

# failures DIR TEST: the failing assertions, one a line, as FILE:LINE and the text
failures()
{
	if [[ $2 != kunit:* ]]; then
		sed -nE "s/^# ($(selftest_program "$2")\.c:[0-9]+:)/\1/p" "$1/verdict"
		return
	fi
	# KUnit prints an assertion as one message, so all of its lines have the same time.
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
			# The kernel may not survive until the line that sums it up.
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

# run BOUT TREE DIR CONFIG ARGUMENTS TEST: one boot
run()
{
	local bout=$1 tree=$2 dir=$3
	shift 2
	if [[ $4 = kunit:* ]]; then
		[ -z "$3" ] || die "reproduce.table: kernel arguments are not for KUnit suites; leave '$3' out"
		in_bout "$bout" kunit "$dir" 300 "$tree" "$2" "${4#kunit:}" 2>>"$LOG"
		grep -qs 'KTAP version' "$dir/console.log" ||
			die "the KUnit suites did not start; see ${dir#"$ROOT"/}"
		return 0
	fi
	"$ROOT/harness/boot.sh" "$dir" 300 "$(BOUT=$bout image_of "$tree" "$2")" \
		"$bout/build/$tree-initramfs.cpio" harness.job=tests "harness.args=\"$(selftest_program "$4") -r $4\"" "$3" 2>>"$LOG"
	grep -qsE '^1\.\.1$' "$dir/verdict" || grep -qs "$4" "$dir/console.log" ||
		die "the selftest $4 did not start; see ${dir#"$ROOT"/}"
}

# cured DIR CONFIG ARGUMENTS TEST BOOTS: does the test pass with the topic, each time?
cured()
{
	local try
	for ((try = 0; try < $5; try++)); do
		run "$BOUT/upto" patched "${@:1:4}"
		[ "$("$ROOT/harness/judge.py" case "$1" "${4#kunit:}")" = green ] || return 1
	done
}

# reproduce NAME CONFIG ARGUMENTS TEST HOW TEXT
reproduce()
{
	local dir=$RESULTS/$1 try tries=$TRIES words='' verdict=NO good=shown
	# A control has to pass at once.
	if [ "$5" = passes ]; then tries=1 good=control; fi
	for ((try = 1; try <= tries; try++)); do
		run "$BOUT" unpatched "$dir" "$2" "$3" "$4"
		if words=$(evidence "$dir" "$4" "$5"); then
			verdict=$good
			break
		fi
	done
	if [ "$verdict" = shown ] && [ -n "${TOPIC:-}" ] && ! cured "$dir-cured" "$2" "$3" "$4" "$try"; then
		missing=$((missing + 1))
		verdict=UNCURED words="the test does not pass with $TOPIC; see ${dir#"$ROOT"/}-cured"
	elif [ "$verdict" = "$good" ]; then
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
[ -s "$WORK/rows" ] || die "harness/reproduce.table lists no bug of $BASE${TOPIC:+ that the topic $TOPIC cures}; restore it${TOPIC:+ or use another TOPIC=}"
# The evidence is the last field, so that its regular expression may have a |.
while IFS='|' read -r _ _ _ _ _ _ cure how; do
	check_evidence "$(trim "$how")"
	[ "$(trim "$how")" = passes ] || check_cure "$(trim "$cure")"
done <"$WORK/rows"
mapfile -t configs < <(cut -d '|' -f 3 "$WORK/rows" | tr -d ' ' | sort -u)
"$ROOT/harness/deps.sh" fetch build qemu
# prepare BOUT TREE: its kernels and initramfs
prepare()
{
	local config
	in_bout "$1" initramfs "$2" >/dev/null
	for config in "${configs[@]}"; do
		in_bout "$1" build "$2" "$config" >/dev/null
	done
}
"$ROOT/harness/tree.sh" unpatched
prepare "$BOUT" unpatched
if [ -n "${TOPIC:-}" ]; then
	"$ROOT/harness/tree.sh" upto "$TOPIC"
	prepare "$BOUT/upto" patched
fi

rm -rf "$RESULTS"
phase "reproduce on $(kernel_version "$BOUT/unpatched")${TOPIC:+, cured by $TOPIC}" reproduce
while IFS='|' read -r name _ config arguments test text _ how; do
	reproduce "$(trim "$name")" "$(trim "$config")" "$(trim "$arguments")" \
		"$(trim "$test")" "$(trim "$how")" "$(trim "$text")"
done <"$WORK/rows"
phase_end

echo
printf '%-14s %-6s %-7s %s\n' bug kernel shown "in the words of the kernel, or of the test${TOPIC:+; with $TOPIC, each test passes}"
printf '%s\n' "${table[@]}"
echo "logs: ${RESULTS#"$ROOT"/}/*/console.log"
echo "$shown passed, $missing failed, 0 skipped"
[ "$missing" -eq 0 ]
