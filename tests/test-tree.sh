#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# make tree and make refresh: the way there and back, and that no developer's
# work is lost on it.

. "$(dirname "${BASH_SOURCE[0]}")/tap.sh"
. "$TESTS/fake.sh"

test_round_trip()
{
	fake_repo
	cp -r "$R/patches" before
	rm -rf "$P"
	steps tree
	steps refresh
	diff -r before "$R/patches"
	"$R/harness/check-roundtrip.sh"
}

test_round_trip_notices_a_difference()
{
	fake_repo
	mv "$R"/patches/fixes/0001-mm-Change-twenty.patch "$R"/patches/fixes/0002-mm-Change-twenty.patch
	refuses 'refresh would change patches/' "$R/harness/check-roundtrip.sh"
	mv "$R"/patches/fixes/0002-mm-Change-twenty.patch "$R"/patches/fixes/0001-mm-Change-twenty.patch
	"$R/harness/check-roundtrip.sh"
	# one text, stored twice
	for base in 6.12 7.3; do
		cp "$R"/patches/fixes/0001-mm-Change-twenty.patch "$R/patches/fixes/0001-mm-Change-twenty@$base.patch"
	done
	rm "$R"/patches/fixes/0001-mm-Change-twenty.patch
	refuses 'refresh would change patches/' "$R/harness/check-roundtrip.sh"
}

test_file_in_no_series_is_noticed()
{
	fake_repo
	echo >"$R/lib/tests/forgotten.c"
	refuses 'name each file in the patch' "$R/harness/check-roundtrip.sh"
}

test_notes_below_the_line_stay()
{
	fake_repo
	sed -i 's/^---$/---\nv2: reworded\n/' "$R"/patches/fixes/0001-*.patch
	steps tree
	sed -i 's/^twenty$/twenty one/' "$P/mm/memory.c"
	git -C "$P" commit -q -a --fixup HEAD~2
	GIT_SEQUENCE_EDITOR=: git -C "$P" rebase -q -i --autosquash refs/harness/base
	steps refresh
	grep -q '^+twenty one$' "$R"/patches/fixes/0001-*.patch || fail "lost the edit"
	grep -q '^v2: reworded$' "$R"/patches/fixes/0001-*.patch || fail "lost the note"
	steps series | grep -q '^v2: reworded$' || fail "the mail lacks the note"
}

test_later_commits_of_a_new_file_are_folded()
{
	fake_repo
	echo '/* more */' >>"$P/lib/tests/mock.c"
	commit "mock: More" "Of it."
	steps refresh 2>said
	grep -q '"mock: More".* dropped' said || fail "did not say that the commit is dropped"
	grep -q more "$R/lib/tests/mock.c" || fail "the change is lost"
	[ "$(stored | wc -l)" -eq 4 ] || fail "another number of patches"
	[ "$(git -C "$P" rev-list --count refs/harness/base..HEAD)" -eq 3 ] || fail "the tree still has the commit"
	[ -z "$(git -C "$P" status --porcelain)" ] || fail "the tree is not clean"
}

test_file_at_the_root_that_is_newer_stays()
{
	fake_repo
	echo '/* at the root */' >>"$R/lib/tests/mock.c"
	sed -i 's/^30$/thirty/' "$P/mm/memory.c"
	commit "mm: Change thirty" "Too."
	steps refresh
	grep -q 'at the root' "$R/lib/tests/mock.c" || fail "overwrote the file at the root"
	grep -q 'at the root' "$P/lib/tests/mock.c" || fail "the tree has the old file"
	[ -f "$R"/patches/tests/0002-mm-Change-thirty@6.12.patch ] || fail "no fourth patch: $(stored)"
}

test_new_file_changed_on_both_sides()
{
	fake_repo
	echo '/* at the root */' >>"$R/lib/tests/mock.c"
	echo '/* in the tree */' >>"$P/lib/tests/mock.c"
	commit "mock: More" "Of it."
	refuses 'lib/tests/mock.c differs' steps refresh
	grep -q 'at the root' "$R/lib/tests/mock.c" || fail "overwrote the file at the root"
}

test_uncommitted_edits_are_not_lost()
{
	fake_repo
	sed -i 's/^30$/thirty/' "$P/mm/memory.c"
	steps tree 2>said
	grep -q 'uncommitted changes.*used as it is' said || fail "does not say that it tests edits"
	echo '/* changed */' >>"$R/lib/tests/mock.c"
	refuses 'uncommitted changes.*make refresh' steps tree
	refuses one-line 'uncommitted changes; commit or stash' steps refresh
	grep -q thirty "$P/mm/memory.c" || fail "lost the edit"
}

test_untracked_file_is_an_edit()
{
	fake_repo
	echo >"$P/lib/tests/new.c"
	echo '/* changed */' >>"$R/lib/tests/mock.c"
	refuses 'uncommitted changes.*make refresh' steps tree
	[ -f "$P/lib/tests/new.c" ] || fail "lost the file"
}

test_commits_are_not_lost()
{
	local head
	fake_repo
	sed -i 's/^30$/thirty/' "$P/mm/memory.c"
	commit "mm: Change thirty" "Too."
	head=$(git -C "$P" rev-parse HEAD)
	sed -i 's/too small/much too small/' "$R"/patches/fixes/0001-*.patch
	refuses '1 new commits.*make refresh' steps tree
	refuses one-line 'have both changed' steps refresh
	[ "$(git -C "$P" rev-parse HEAD)" = "$head" ] || fail "moved the branch"
	grep -q 'much too small' "$R"/patches/fixes/0001-*.patch || fail "overwrote the patch"
}

test_changed_series_touches_only_what_differs()
{
	fake_repo
	find "$P" -type f ! -name .git -exec touch -d '2024-02-02 00:00' {} +
	sed -i 's/^+twenty/+not twenty/' "$R"/patches/fixes/0001-*.patch
	steps tree
	grep -q 'not twenty' "$P/mm/memory.c" || fail "the tree is not up to date"
	[ "$(find "$P" -name '*.[ch]' -newermt '2024-03-01' ! -path '*/tests/*' -printf '%P\n')" = mm/memory.c ] ||
		fail "touched more: $(find "$P" -newermt '2024-03-01' ! -path '*/.git/*')"
	[ "$(stat -c %Y "$P/lib/Makefile")" -eq "$(date -d '2024-02-02 00:00' +%s)" ] || fail "touched lib/Makefile"
}

test_unpatched_has_the_tests_only()
{
	fake_repo
	"$R/harness/tree.sh" unpatched
	same "$R/out/6.12/unpatched/mm/memory.c" "$R/out/6.12/pristine/mm/memory.c"
	grep -q mock.o "$R/out/6.12/unpatched/lib/Makefile" || fail "the mock is not wired"
	same "$R/out/6.12/unpatched/lib/tests/mock.c" "$R/lib/tests/mock.c"
	# and lets go of what the series no longer brings
	sed -i '/^New-file/d' "$R"/patches/tests/0001-*
	"$R/harness/tree.sh" unpatched
	[ ! -e "$R/out/6.12/unpatched/lib/tests/mock.c" ] || fail "the mock is still there"
}

test_topics_up_to_one()
{
	fake_repo
	"$R/harness/tree.sh" upto fixes
	same "$R/out/6.12/upto/patched/mm/memory.c" "$P/mm/memory.c"
	same "$R/out/6.12/upto/patched/drivers/video/fbdev/core/fb_defio.c" "$R/out/6.12/pristine/drivers/video/fbdev/core/fb_defio.c"
	same "$R/out/6.12/upto/patched/lib/tests/mock.c" "$R/lib/tests/mock.c"
	touch -d '2024-02-02 00:00' "$R/out/6.12/upto/patched/mm/memory.c"
	"$R/harness/tree.sh" upto contiguous
	same "$R/out/6.12/upto/patched/drivers/video/fbdev/core/fb_defio.c" "$P/drivers/video/fbdev/core/fb_defio.c"
	[ "$(stat -c %Y "$R/out/6.12/upto/patched/mm/memory.c")" -eq "$(date -d '2024-02-02 00:00' +%s)" ] || fail "touched mm/memory.c"
	refuses one-line 'there is no topic nonsense for BASE=6.12; topics are: fixes contiguous tests' "$R/harness/tree.sh" upto nonsense
	refuses one-line 'usage: tree.sh' "$R/harness/tree.sh" upto
}

# amend N SED FILE [TREE]: changes that file in the last commit but N
amend()
{
	local tree=${4:-$P}
	sed -i "$2" "$tree/$3"
	git -C "$tree" commit -q -a --fixup "HEAD~$1"
	GIT_SEQUENCE_EDITOR=: git -C "$tree" rebase -q -i --autosquash refs/harness/base
}

test_edit_that_fits_both_bases()
{
	fake_repo
	amend 2 's/^twenty$/score/' mm/memory.c
	steps refresh
	[ "$(stored | grep fixes)" = fixes/0001-mm-Change-twenty.patch ] || fail "$(stored)"
	grep -qx '+score' "$R"/patches/fixes/0001-*.patch || fail "the edit is lost"
	steps tree BASE=7.3
	grep -qx score "$Q/mm/memory.c" || fail "the other base lacks the edit"
	"$R/harness/check-roundtrip.sh"
}

test_edit_that_fits_one_base()
{
	fake_repo
	cp "$R"/patches/fixes/0001-mm-Change-twenty.patch before
	amend 2 's/^105$/one hundred and five/' drivers/video/fbdev/core/fb_defio.c
	steps refresh 2>said
	[ "$(stored | grep fixes)" = "fixes/0001-mm-Change-twenty@6.12.patch
fixes/0001-mm-Change-twenty@7.3.patch" ] || fail "$(stored)"
	grep -q 'fixes/0001-mm-Change-twenty: the change fits 6.12 only' said || fail "$(cat said)"
	same before "$R"/patches/fixes/0001-mm-Change-twenty@7.3.patch
	steps tree BASE=7.3
	"$R/harness/check-roundtrip.sh"
	# and back again
	amend 2 's/^one hundred and five$/105/' drivers/video/fbdev/core/fb_defio.c
	steps refresh 2>said
	grep -q 'fixes/0001-mm-Change-twenty: one text for all bases now' said || fail "$(cat said)"
	same before "$R"/patches/fixes/0001-mm-Change-twenty.patch
}

# Of two new texts of which the second needs the first, both stay with their base.
test_edit_that_a_later_one_needs()
{
	fake_repo
	amend 2 's/^105$/one hundred and five/' drivers/video/fbdev/core/fb_defio.c
	amend 0 's/^106$/one hundred and six/' drivers/video/fbdev/core/fb_defio.c
	steps refresh
	[ "$(stored | grep -c '^\(fixes\|tests\)/.*@')" -eq 4 ] || fail "$(stored)"
	steps tree BASE=7.3
	"$R/harness/check-roundtrip.sh"
}

test_both_trees_edited()
{
	fake_repo
	for tree in "$P" "$Q"; do
		amend 2 's/^twenty$/score/' mm/memory.c "$tree"
		sed -i 's/^30$/thirty/' "$tree/mm/memory.c"
		commit "mm: Change thirty" $'Too.\n\nTopic: fixes' "$tree"
	done
	steps refresh BASE=7.3 2>said
	grep -q 'out/6.12/patched has new commits, too' said || fail "$(cat said)"
	[ "$(stored | grep fixes)" = "fixes/0001-mm-Change-twenty.patch
fixes/0002-mm-Change-thirty.patch" ] || fail "$(stored)"
	for base in 6.12 7.3; do
		steps tree BASE="$base" 2>said
		[ ! -s said ] || fail "the tree of $base was not up to date: $(cat said)"
	done
}

test_subject_reworded()
{
	fake_repo
	git -C "$P" reset -q --hard HEAD~2
	git -C "$P" commit -q --amend -m 'mm: Spell twenty' -m 'It was too small.'
	git -C "$P" cherry-pick "series@{2}~1" "series@{2}"
	steps refresh
	[ "$(stored | grep fixes)" = fixes/0001-mm-Spell-twenty.patch ] || fail "$(stored)"
	steps tree BASE=7.3
	[ "$(git -C "$Q" log -1 --format=%s HEAD~2)" = 'mm: Spell twenty' ] || fail "the other base has the old subject"
}

test_patch_of_one_base_keeps_its_place()
{
	fake_repo
	sed -i 's/^30$/thirty/' "$Q/mm/memory.c"
	commit "mm: Change thirty" $'Only there.\n\nTopic: fixes' "$Q"
	steps refresh BASE=7.3
	sed -i 's/^35$/thirty five/' "$P/mm/memory.c"
	commit "mm: Change thirty five" $'Everywhere.\n\nTopic: fixes'
	steps refresh
	[ "$(stored | grep fixes)" = "fixes/0001-mm-Change-twenty.patch
fixes/0002-mm-Change-thirty@7.3.patch
fixes/0003-mm-Change-thirty-five@6.12.patch" ] || fail "$(stored)"
	cp -r "$R/patches" before
	for base in 7.3 6.12; do
		steps refresh BASE="$base"
		diff -r before "$R/patches"
	done
	# and goes when its base drops it
	git -C "$P" rebase -q --onto HEAD~3 HEAD~2
	steps refresh
	[ "$(stored | grep fixes)" = "fixes/0001-mm-Change-twenty.patch
fixes/0002-mm-Change-thirty@7.3.patch" ] || fail "$(stored)"
}

test_dropped_on_one_base()
{
	fake_repo
	git -C "$P" rebase -q --onto refs/harness/base HEAD~2
	steps refresh 2>said
	[ "$(stored | grep fixes)" = fixes/0001-mm-Change-twenty@7.3.patch ] || fail "$(stored)"
	grep -q 'fixes/0001-mm-Change-twenty: only 7.3 has it now' said || fail "$(cat said)"
}

test_commit_without_a_topic()
{
	fake_repo
	git -C "$P" reset -q --hard refs/harness/base
	sed -i 's/^30$/thirty/' "$P/mm/memory.c"
	commit "mm: Change thirty" "Too."
	refuses 'belongs to no topic; end its message with a line "Topic: NAME", one of: fixes' steps refresh
	git -C "$P" commit -q --amend -m "mm: Change thirty" -m "Topic: nonsense"
	refuses 'belongs to no topic' steps refresh
}

# On 7.3, the last patch needs the one before it, which 6.12 does not have.
test_order_that_fits_one_base()
{
	fake_repo
	for tree in "$P" "$Q"; do
		sed -i 's/^3$/three/' "$tree/mm/other.c"
		commit "mm: Change three" $'Too.\n\nTopic: fixes' "$tree"
	done
	sed -i 's/^31$/thirty one/' "$Q/mm/memory.c"
	commit "mm: Change 31" $'There.\n\nTopic: fixes' "$Q"
	for tree in "$P" "$Q"; do
		sed -i 's/^33$/thirty three/' "$tree/mm/memory.c"
		commit "mm: Change 33" $'Too.\n\nTopic: fixes' "$tree"
	done
	steps refresh
	cp -r "$R/patches" before
	# twenty, three, 33 and the others, in another order
	git -C "$P" reset -q --hard HEAD~4
	git -C "$P" cherry-pick "series@{1}~2" "series@{1}~3" "series@{1}~1" "series@{1}"
	refuses '"mm: Change 33" does not fit 7.3 in this place: patch failed: mm/memory.c' steps refresh
	diff -r before "$R/patches"
}

test_patch_that_does_not_apply()
{
	local head
	fake_repo
	head=$(git -C "$P" rev-parse HEAD)
	sed -i 's/^-20$/-21/' "$R"/patches/fixes/0001-*.patch
	refuses '0001-mm-Change-twenty.patch does not apply to Linux 6.12.5-1: .*mm/memory.c' steps tree
	[ "$(git -C "$P" rev-parse HEAD)" = "$head" ] || fail "moved the tree"
	refuses 'does not apply' "$R/harness/check-apply.sh"
}

test_fuzz_is_refused_and_offsets_are_not()
{
	fake_repo
	"$R/harness/check-apply.sh"
	sed -i '1i a new first line' "$R/out/6.12/pristine/mm/memory.c"
	"$R/harness/check-apply.sh"
	sed -i 's/^17$/seventeen/' "$R/out/6.12/pristine/mm/memory.c"
	refuses 'does not apply' "$R/harness/check-apply.sh"
}

test_later_point_release()
{
	fake_repo
	cp -r "$R/patches" before
	sed -i '1i a new first line' "$R/out/6.12/pristine/mm/memory.c"
	echo 6.12.6-1 >"$R/out/6.12/version"
	steps tree
	[ "$(head -n 1 "$P/mm/memory.c")" = 'a new first line' ] || fail "still the old base"
	grep -q twenty "$P/mm/memory.c" || fail "the series is not in"
	"$R/harness/check-roundtrip.sh"
	steps refresh
	diff -r before "$R/patches"
}

tap_run
