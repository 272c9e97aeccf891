#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# check-NAME.sh, a link to this: compiles what the lines NAME of compile.table say.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$ROOT/harness/trees.sh"
. "$ROOT/harness/config.sh"
. "$ROOT/harness/kbuild.sh"

# set_goals COMMIT: sets $goals, what make is told
set_goals()
{
	local target path
	goals=()
	for target in "${targets[@]}"; do
		case $target in
		TOUCHED) mapfile -t -O ${#goals[@]} goals < <(objects_of "$1") ;;
		HEADERS)
			case $(hgit -C "$REPO" diff --name-only "$1^" "$1" -- '*.h') in
			*include/linux/mm* | *include/linux/rmap.h*) goals+=(drivers/video/fbdev/core/ mm/) ;;
			?*) goals+=(drivers/video/fbdev/core/) ;;
			esac
			;;
		*.c)
			for path in "$TREE"/$target; do
				path=${path#"$TREE"/}
				if [ -f "$TREE/$path" ]; then
					goals+=("${path%.c}.o")
				elif [ "$1" = end ]; then
					die "the kernel has no $path; correct harness/compile.table"
				fi
			done
			;;
		*) goals+=("$target") ;;
		esac
	done
	[ ${#goals[@]} -gt 0 ] || die "the series touches no object; nothing to compile"
}

# compile COMMIT: sets $made, the objects below the directories that are goals
compile()
{
	local goal from directories=()
	title="$1 of the series"
	[ "$messages" != each ] || title=$(hgit -C "$REPO" log -1 --format=%s "$1")
	tree_at "$1"
	[ -z "$kernel" ] || configure "$OBJ" "$start" "$kernel" "${args[@]}"
	[ "$1" != end ] || [ -z "${ignored:-}" ] ||
		die "the kernel $kernel ignores $(tr '\n' ' ' <<<"$ignored"); correct harness/config"
	set_goals "$1"
	for goal in "${goals[@]}"; do
		case $messages:$goal in
		# What is up to date would be silent.
		each:*) ;;
		*/) directories+=("$OBJ/$goal"); rm -rf "${OBJ:?}/$goal" ;;
		*.o | *:vmlinux) rm -f "$OBJ/$goal" ;;
		*:htmldocs) rm -rf "$OBJ/Documentation" ;;
		esac
	done
	from=$(wc -l <"$LOG")
	logged "$title" kmake "$TREE" "$OBJ" "${args[@]}" "${goals[@]}" ||
		die "at \"$title\" these do not compile: ${goals[*]}; see the log"
	tail -n "+$((from + 1))" "$LOG" >"$WORK/log"
	if grep -E '^(WARNING|ERROR): modpost|is not available or not up to date' "$WORK/log" >&2; then
		die "make complains, see above"
	fi
	compiler_messages <"$WORK/log" >"$WORK/$1"
	[ ${#directories[@]} -eq 0 ] || find "${directories[@]}" -name '*.o' | sort >"$WORK/$1.objects"
	for goal in "${goals[@]}"; do
		[[ $goal != *.o ]] || [ -f "$OBJ/$goal" ] || die "$goal was not compiled; enable it in harness/config"
	done
}

# run: one line of the table
run()
{
	local commit result
	case $messages in
	each)
		for commit in $(hgit -C "$REPO" rev-list --reverse base..end^) end; do
			compile "$commit"
			say "   ok: $title"
		done
		return
		;;
	new) compile base ;;
	none) : >"$WORK/base" ;;
	*) die "compile.table: '$messages' for messages makes no sense; use none, new or each" ;;
	esac
	compile end
	for result in "${results[@]}"; do
		[ -s "$OBJ/$result" ] || die "make left no $result; correct harness/config or compile.table"
	done
	if [ -f "$WORK/base.objects" ]; then
		comm -23 "$WORK/base.objects" "$WORK/end.objects" >"$WORK/lost"
		[ ! -s "$WORK/lost" ] || die "only without the series there is $(tr '\n' ' ' <"$WORK/lost"); see the log"
	fi
	comm -13 "$WORK/base" "$WORK/end" | tee -a "$LOG" | sed 's/^/   | /' >"$WORK/new"
	if [ -s "$WORK/new" ]; then
		head -n 20 "$WORK/new" >&2
		die "$(wc -l <"$WORK/new") new messages; see the log"
	fi
	say "   ${kernel:-$STEP}: $(wc -l <"$WORK/end") messages, $(wc -l <"$WORK/base") without the series, none new"
}

check_tree
phase "$STEP" "$STEP"
WORK=
tmp_dir WORK
found=
# shellcheck disable=SC2162 # backslashes join lines
while IFS='|' read name kernel args targets results messages; do
	[ "${name// /}" = "${STEP#check-}" ] || continue
	found=yes
	read -r start kernel <<<"$kernel"
	read -ra args <<<"$args"
	read -ra targets <<<"$targets"
	read -ra results <<<"$results"
	messages=${messages// /}
	cross=
	for arg in "${args[@]}"; do [[ $arg != CROSS_COMPILE=* ]] || cross=${arg#*=}; done
	args+=("CC=$ROOT/harness/cc.sh ${cross}gcc")
	OBJ=$CHECK/obj-${kernel:-$STEP}
	run
done < <(cat "$ROOT/harness/compile.table")
[ "$found" ] || die "harness/compile.table has no line ${STEP#check-}; run a link to it, such as harness/check-links.sh"
