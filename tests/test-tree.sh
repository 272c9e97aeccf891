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
	sed -i 's/^---$/---\n file.c | 2 +-/' "$R"/patches/6.12/0001-*.patch
	refuses 'refresh would change patches/6.12/0001-' "$R/harness/check-roundtrip.sh"
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
	sed -i 's/^---$/---\nv2: reworded\n/' "$R"/patches/6.12/0001-*.patch
	steps tree
	cp -r "$R/patches" before
	steps refresh
	grep -q '^v2: reworded$' "$R"/patches/6.12/0001-*.patch || fail "lost the note"
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
	[ "$(grep -c patch "$R/patches/6.12/series")" -eq 3 ] || fail "another number of patches"
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
	grep -q '0004-mm-Change-thirty.patch' "$R/patches/6.12/series" || fail "no fourth patch"
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
	sed -i 's/too small/much too small/' "$R"/patches/6.12/0001-*.patch
	refuses '1 new commits.*make refresh' steps tree
	refuses one-line 'have both changed' steps refresh
	[ "$(git -C "$P" rev-parse HEAD)" = "$head" ] || fail "moved the branch"
	grep -q 'much too small' "$R"/patches/6.12/0001-*.patch || fail "overwrote the patch"
}

test_changed_series_touches_only_what_differs()
{
	fake_repo
	touch -d '2024-02-02 00:00' "$P/mm/memory.c" "$P/lib/Makefile" "$P/drivers/video/fbdev/core/fb_defio.c"
	git -C "$P" update-index -q --refresh
	sed -i 's/^+twenty/+not twenty/; /^index/d' "$R"/patches/6.12/0001-*.patch
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
	sed -i '/0002/d' "$R/patches/6.12/series"
	rm "$R"/patches/6.12/0002-*
	"$R/harness/tree.sh" unpatched
	diff -r "$R/out/6.12/pristine" "$R/out/6.12/unpatched" -x tests
	[ ! -f "$R/out/6.12/unpatched/lib/tests/mock.c" ] || fail "still has the mock"
}

test_pristine_edited_in_place_is_noticed()
{
	fake_repo
	# what an editor does that writes in place, to a file with hard links
	echo more >>"$P/mm/other.c"
	refuses 'mm/other.c was edited' steps tree
}

test_patch_that_does_not_apply()
{
	local head
	fake_repo
	head=$(git -C "$P" rev-parse HEAD)
	sed -i 's/^-20$/-21/' "$R"/patches/6.12/0001-*.patch
	refuses '0001-mm-Change-twenty.patch does not apply to Linux 6.12.5-1: .*mm/memory.c' steps tree
	[ "$(git -C "$P" rev-parse HEAD)" = "$head" ] || fail "moved the tree"
	refuses 'does not apply' "$R/harness/check-apply.sh"
}

test_fuzz_is_refused_and_offsets_are_not()
{
	fake_repo
	"$R/harness/check-apply.sh"
	sed -i '1i a new first line' "$R/out/6.12/pristine/mm/memory.c"
	touch "$R/out/6.12/version"
	"$R/harness/check-apply.sh"
	sed -i 's/^17$/seventeen/' "$R/out/6.12/pristine/mm/memory.c"
	touch "$R/out/6.12/version"
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
