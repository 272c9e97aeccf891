# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Compiling parts of a kernel tree, for the checks that source this after lib.sh
# and trees.sh. They share one tree, $CHECK/tree, that moves along the series.

CHECK=$BOUT/check
TREE=$CHECK/tree

# kmake TREE OBJ ARGS...
kmake()
{
	local tree=$1 obj=$2
	shift 2
	nice -n 5 make -C "$tree" O="$obj" CC="$ROOT/harness/cc.sh gcc" HOSTCC='ccache gcc' -j "$JOBS" "$@"
}

# The series as the commits "base" to "end" of $REPO, and the shared tree.
check_tree()
{
	local head
	"$ROOT/harness/deps.sh" build
	"$ROOT/harness/tree.sh" pristine
	head=$(commit_series "$REPO" refs/harness/base)
	hgit -C "$REPO" update-ref refs/tags/base refs/harness/base
	hgit -C "$REPO" update-ref refs/tags/end "$head"
}

# tree_at COMMIT: the shared tree as of that commit; equal files keep their times
tree_at() { put_tree "$TREE" "$1"; }

# configure OBJ TARGET KERNEL ARGS...: by the make target all...config with the
# fragments of config/table. Sets $ignored to the harness's own options that the
# result does not have.
configure()
{
	local obj=$1 target=$2 kernel=$3 list
	shift 3
	list=$(fragments "$kernel" "$TREE")
	mkdir -p "$obj"
	xargs -d '\n' cat <<<"$list" >"$obj/asked.config"
	logged "configuration" kmake "$TREE" "$obj" "$@" KCONFIG_ALLCONFIG="$obj/asked.config" "$target" ||
		die "the kernel $kernel cannot be configured; see the log"
	# shellcheck disable=SC2034 # for the caller
	ignored=$(grep -F "$ROOT/harness/config/" <<<"$list" | xargs -d '\n' cat | awk '
		/^CONFIG_/ { name = value = $0; sub(/=.*/, "", name) }
		/^# CONFIG_.* is not set$/ { name = $2; value = "" }
		name == "" { next }
		FILENAME == "-" { asked[name] = value }
		FILENAME != "-" { has[name] = value }
		{ name = "" }
		END { for (name in asked) if (has[name] != asked[name]) print name }' - "$obj/.config")
}

# objects_of COMMIT: the objects of all files that the series touches, as far as
# the tree has them at that commit
objects_of()
{
	local path
	hgit -C "$REPO" diff --name-only base end -- '*.c' ':!tools' | while IFS= read -r path; do
		# Part of another object.
		if hgit -C "$REPO" grep -qF "#include \"${path##*/}\"" "$1" -- "${path%/*}"; then continue; fi
		if hgit -C "$REPO" cat-file -e "$1:$path" 2>/dev/null; then
			printf '%s\n' "${path%.c}.o"
		fi
	done
}

# compiler_messages <LOG: what compiler, sparse, kernel-doc and Sphinx say, one line
# each, sorted, without line numbers. 7.3's kernel-doc has the kind in front.
compiler_messages()
{
	sed -nE -e 's,^(Warning|WARNING|Error|ERROR): ([^ :]+:[0-9]+) ,\2: \1: ,' \
		-e 's,^(\.\./)*([^ ]*/tree/)?([^ :]+\.[a-zA-Z]+)(:[0-9]+){0\,2}: (warning|error|note|severe): ,\3: \L\5\E: ,Ip' | sort
}
