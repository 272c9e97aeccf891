#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# KDIR=: the user's own tree, tested on a copy, changed by make apply only.

. "$(dirname "${BASH_SOURCE[0]}")/tap.sh"
. "$TESTS/fake.sh"

# user_tree: a tree of the user's in $K, another point release, built in
user_tree()
{
	K=$T/linux
	fake_kernel "$K" 9
	: >"$K/mm/memory.o"
}

test_apply()
{
	fake_repo
	user_tree
	chmod 640 "$K/mm/memory.c"
	steps apply KDIR="$K"
	same "$K/mm/memory.c" "$P/mm/memory.c"
	same "$K/lib/tests/mock.c" "$R/lib/tests/mock.c"
	[ "$(stat -c %a "$K/mm/memory.c")" = 640 ] || fail "changed the mode"
	[ -z "$(find "$K" -name '*harness*')" ] || fail "left files behind"
}

test_apply_a_topic()
{
	fake_repo
	user_tree
	steps apply KDIR="$K" TOPIC=fixes
	same "$K/mm/memory.c" "$P/mm/memory.c"
	[ ! -e "$K/lib/tests/mock.c" ] || fail "brought another topic"
	steps apply KDIR="$K" TOPIC=fixes 2>said
	grep -q 'has it already; nothing was changed' said || fail "does not say so"
	steps apply KDIR="$K" TOPIC='contiguous tests'
	same "$K/lib/tests/mock.c" "$R/lib/tests/mock.c"
}

test_apply_twice()
{
	local before
	fake_repo
	user_tree
	steps apply KDIR="$K"
	before=$(state "$K")
	steps apply KDIR="$K" 2>said
	grep -q 'has it already; nothing was changed' said || fail "does not say so"
	[ "$(state "$K")" = "$before" ] || fail "changed the tree"
}

test_apply_changes_nothing_when_one_patch_fails()
{
	local before
	fake_repo
	user_tree
	sed -i 's/^130$/other/' "$K/drivers/video/fbdev/core/fb_defio.c"
	before=$(state "$K")
	refuses 'contiguous/0001-.* does not apply to Linux 6.12.9' steps apply KDIR="$K"
	[ "$(state "$K")" = "$before" ] || fail "changed the tree"
}

test_apply_half_of_it_is_there()
{
	local before
	fake_repo
	user_tree
	cp "$P/mm/memory.c" "$K/mm/memory.c"
	before=$(state "$K")
	refuses '0001-.* does not apply' steps apply KDIR="$K"
	[ "$(state "$K")" = "$before" ] || fail "changed the tree"
}

test_apply_changes_nothing_when_it_cannot_write()
{
	fake_repo
	user_tree
	# a file where the new file needs a directory
	: >"$K/lib/tests"
	cp -a "$K" before
	refuses 'cannot be written .*nothing was changed' steps apply KDIR="$K"
	diff -r before "$K"
}

test_apply_to_a_git_tree_commits_nothing()
{
	fake_repo
	user_tree
	git init -q "$K"
	git -C "$K" add -f .
	git -C "$K" commit -q -m mine
	steps apply KDIR="$K"
	[ "$(git -C "$K" rev-list --count HEAD)" -eq 1 ] || fail "made a commit"
	[ -n "$(git -C "$K" status --porcelain)" ] || fail "changed nothing"
}

test_apply_without_kdir()
{
	fake_repo
	refuses one-line 'make apply KDIR=/path' steps apply
}

test_kdir_that_is_no_kernel()
{
	fake_repo
	mkdir empty
	for target in apply tree; do
		refuses one-line 'not a kernel source tree; give' steps "$target" KDIR="$T/empty"
		refuses one-line 'is not a directory; give' steps "$target" KDIR="$T/absent"
	done
	refuses one-line 'leave KDIR' steps refresh KDIR="$R/out/6.12/patched/"
}

test_kdir_of_another_version()
{
	fake_repo
	user_tree
	sed -i 's/PATCHLEVEL = 12/PATCHLEVEL = 11/' "$K/Makefile"
	refuses one-line 'is Linux 6.11.9, the series is for 6.12.y' steps apply KDIR="$K"
}

test_kdir_is_copied_and_left_alone()
{
	local before copy
	fake_repo
	user_tree
	before=$(state "$K")
	steps tree KDIR="$K"
	[ "$(state "$K")" = "$before" ] || fail "changed the user's tree"
	copy=$(echo "$R"/out/kdir-*)
	same "$copy/patched/mm/memory.c" "$P/mm/memory.c"
	same "$copy/patched/mm/other.c" "$K/mm/other.c"
	[ ! -e "$copy/patched/mm/memory.o" ] || fail "copied a build product"
	# the user's next edit is seen, and other files keep their times
	cp -p "$copy/patched/mm/memory.c" memory.c
	echo 6 >>"$K/mm/other.c"
	steps tree KDIR="$K"
	same "$copy/patched/mm/other.c" "$K/mm/other.c"
	[ ! "$copy/patched/mm/memory.c" -nt memory.c ] || fail "touched a file that is the same"
}

test_kdir_that_has_the_series()
{
	local copy
	fake_repo
	user_tree
	steps apply KDIR="$K"
	steps tree KDIR="$K" 2>said
	grep -q 'has the series already; tested as it is' said || fail "does not say so"
	copy=$(echo "$R"/out/kdir-*)
	same "$copy/patched/mm/memory.c" "$P/mm/memory.c"
	KDIR=$K refuses 'no unpatched kernel can be made' "$R/harness/tree.sh" unpatched
}

test_kdir_files_that_git_ignores_but_tracks()
{
	fake_repo
	user_tree
	git init -q "$K"
	git -C "$K" add -f Makefile Kconfig mm/memory.c mm/memory.o mm/other.c lib drivers
	git -C "$K" commit -q -m mine
	rm "$K/mm/other.c"
	steps tree KDIR="$K"
	[ -f "$(echo "$R"/out/kdir-*/patched)/mm/memory.o" ] || fail "left out a tracked file"
	[ ! -f "$(echo "$R"/out/kdir-*/patched)/mm/other.c" ] || fail "brought a deleted file back"
}

tap_run
