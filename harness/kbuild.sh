# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Compiling parts of a kernel tree, for the checks that source this after lib.sh
# and trees.sh. They share one tree, $CHECK/tree, that moves along the series.

CHECK=$BOUT/check
TREE=$CHECK/tree
SMALL=$CHECK/small

# kmake TREE OBJ ARGS...
kmake()
{
	local tree=$1 obj=$2
	shift 2
	nice -n 5 make -C "$tree" O="$obj" CC='ccache gcc' HOSTCC='ccache gcc' -j "$JOBS" "$@"
}

# The small repository with the series as commits, and the shared tree at none
# of them.
check_tree()
{
	local head
	"$ROOT/harness/deps.sh" build
	"$ROOT/harness/tree.sh" pristine
	check_pristine
	mkdir -p "$CHECK"
	small_repo "$SMALL" "$PRISTINE"
	head=$(commit_series "$SMALL" base)
	hgit -C "$SMALL" tag end "$head"
	if [ ! -d "$TREE" ] || ! cmp -s "$BOUT/version" "$CHECK/version"; then
		rm -rf "$TREE" "$CHECK/files"
		cp -al "$PRISTINE" "$TREE"
		cp "$BOUT/version" "$CHECK/version"
	fi
	touch "$CHECK/files"
	{ series --paths && series --new-files; } | sort -u - "$CHECK/files" >"$CHECK/files.new"
	mv "$CHECK/files.new" "$CHECK/files"
}

# tree_at COMMIT: the shared tree as of that commit; equal files keep their times
tree_at()
{
	local path from
	hgit -C "$SMALL" checkout -q --detach "$1"
	while IFS= read -r path; do
		from=$SMALL/$path
		# A file that the series touched once and no longer does.
		if [ ! -f "$from" ] && ! hgit -C "$SMALL" cat-file -e "base:$path" 2>/dev/null; then
			from=$PRISTINE/$path
		fi
		if [ ! -f "$from" ]; then
			rm -f "$TREE/$path"
		elif ! cmp -s "$from" "$TREE/$path"; then
			mkdir -p "$(dirname "$TREE/$path")"
			cp --remove-destination "$from" "$TREE/$path"
		fi
	done <"$CHECK/files"
}

# configure OBJ: the harness's kernel with every touched driver
configure()
{
	mkdir -p "$1"
	cat "$ROOT/harness/config/base.config" "$ROOT/tools/testing/selftests/fbdev/config" \
		"$ROOT/lib/tests/fb_defio.kunitconfig" "$ROOT"/drivers/video/fbdev/*.kunitconfig \
		"$ROOT/harness/check/objects.config" >"$1/.config.new"
	# The kernel's make looks at times: leave an equal configuration alone.
	if ! cmp -s "$1/.config.new" "$1/.config.asked"; then
		cp "$1/.config.new" "$1/.config"
		mv "$1/.config.new" "$1/.config.asked"
	fi
	kmake "$TREE" "$1" olddefconfig
}

# objects_of COMMIT: the objects of all files that the series touches, as far as
# the tree has them at that commit
objects_of()
{
	{ hgit -C "$SMALL" diff --name-only base end -- '*.c'; } | while IFS= read -r path; do
		case $path in
		tools/*) continue ;;
		esac
		# Part of another object.
		if hgit -C "$SMALL" grep -qF "#include \"${path##*/}\"" "$1" -- "${path%/*}"; then continue; fi
		if hgit -C "$SMALL" cat-file -e "$1:$path" 2>/dev/null; then
			printf '%s\n' "${path%.c}.o"
		fi
	done
}

# need_objects OBJ COMMIT: fails when the configuration leaves a touched file out
need_objects()
{
	local object left=()
	while IFS= read -r object; do
		[ -f "$1/$object" ] || left+=("${object%.o}.c")
	done < <(objects_of "$2")
	[ ${#left[@]} -eq 0 ] ||
		die "not compiled: ${left[*]}; enable them in harness/check/objects.config"
}

# compiler_messages <LOG: what compiler and sparse say, one line each, with the
# line number behind a tab
compiler_messages()
{
	sed -nE 's,^(\.\./)*([^ ]*/tree/)?([^ :]+):([0-9]+)(:[0-9]+)?: (warning|error|note): ,\3: \6: \t\4\t,p' |
		awk -F '\t' '{ print $1 $3 "\t" $2 }' | sort
}

# no_new_messages BASE END: fails when END has a message that BASE lacks. Line
# numbers move; equal messages are counted.
no_new_messages()
{
	local new
	new=$(python3 - "$1" "$2" <<'END'
import collections, sys
base, end = ([line.rstrip('\n').split('\t') for line in open(name)] for name in sys.argv[1:])
known = collections.Counter(text for text, number in base)
for text, number in end:
    known[text] -= 1
    if known[text] < 0:
        print(text, f'(line {number})')
END
	)
	printf '++ new messages\n%s\n' "$new" >>"$LOG"
	if [ -n "$new" ]; then
		printf '%s\n' "$new" | sed 's/^/   | /' | head -n 20 >&2
		die "$(wc -l <<<"$new") new messages; see the log"
	fi
	say "   $(wc -l <"$2") messages, $(wc -l <"$1") without the series, none new"
}
