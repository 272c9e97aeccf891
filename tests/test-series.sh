#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# make series: the mbox, who it is from, and what it refuses.

. "$(dirname "${BASH_SOURCE[0]}")/tap.sh"
. "$TESTS/fake.sh"

test_git_am_gives_the_tree_of_the_series()
{
	fake_repo
	git -C "$P" checkout -q -b mine refs/harness/base
	steps series | git -C "$P" am -q
	[ "$(git -C "$P" rev-parse 'HEAD^{tree}')" = "$(git -C "$P" rev-parse 'refs/harness/applied^{tree}')" ] ||
		fail "another tree"
	[ "$(git -C "$P" log -1 --format='%an <%ae> %s')" = 'Ann Example <ann@example.org> fbdev: Add a mock' ] ||
		fail "another author or subject"
}

test_new_file_has_its_blob_name()
{
	fake_repo
	steps series >mbox
	blob=$(git hash-object "$R/lib/tests/mock.c" | cut -c1-12)
	grep -q "^index 000000000000\.\.$blob$" mbox || fail "no index line with $blob"
}

test_awkward_new_files()
{
	fake_repo
	printf 'no end of line' >"$P/lib/tests/short.h"
	: >"$P/lib/tests/empty.h"
	printf 'carriage\r\nreturn\r\n' >"$P/lib/tests/dos.h"
	printf '#!/bin/sh\n' >"$P/lib/tests/program.sh"
	chmod +x "$P/lib/tests/program.sh"
	commit "lib: Add awkward files" "All in one."
	steps refresh
	git -C "$P" checkout -q -b mine refs/harness/base
	steps series | git -C "$P" am -q --keep-cr
	git -C "$P" diff --exit-code refs/harness/applied
	for tree in "$R" "$P"; do
		[ -x "$tree/lib/tests/program.sh" ] || fail "lost the x bit in $tree"
	done
}

test_signoff()
{
	fake_repo
	steps series SIGNOFF='Bob Example <bob@example.org>' >mbox
	[ "$(grep -c '^Signed-off-by: Bob Example <bob@example.org>$' mbox)" -eq 3 ] || fail "not one in each mail"
	grep -A1 '^Fixes: ' mbox | grep -q '^Signed-off-by: ' || fail "not among the trailers"
	grep -B1 '^Signed-off-by: ' mbox | grep -q '^$' || fail "no empty line after the text"
	grep -q '^From: Ann Example <ann@example.org>$' mbox || fail "From: is the caller's"
	steps series >mbox
	if grep Signed-off-by mbox; then fail "sign-off that nobody asked for"; fi
}

test_signoff_that_is_none()
{
	fake_repo
	refuses one-line 'SIGNOFF "Bob".*SIGNOFF="Your Name <' steps series SIGNOFF=Bob
	[ ! -s .stdout ] || fail "wrote part of an mbox"
}

test_no_git_identity()
{
	fake_repo
	rm "$HOME/.gitconfig"
	refuses one-line 'git config --global user.name' steps series
	[ ! -s .stdout ] || fail "wrote part of an mbox"
}

test_author_with_special_characters()
{
	fake_repo
	git config --global user.name 'J. Exämple, Jun'
	git -C "$P" checkout -q -b mine refs/harness/base
	steps series | git -C "$P" am -q
	[ "$(git -C "$P" log -1 --format=%an)" = 'J. Exämple, Jun' ] || fail "$(git -C "$P" log -1 --format=%an)"
}

test_topics()
{
	fake_repo
	steps series TOPIC='fixes tests' >mbox
	[ "$(grep '^Subject:' mbox)" = "Subject: [PATCH 1/2] mm: Change twenty
Subject: [PATCH 2/2] fbdev: Add a mock" ] || fail "not the two topics, numbered"
	steps series TOPIC=tests >mbox
	[ "$(grep '^Subject:' mbox)" = 'Subject: [PATCH] fbdev: Add a mock' ] || fail "a number without need"
	fake_kernel linux 5
	for target in series apply; do
		refuses one-line 'there is no topic nonsense; topics are: fixes contiguous fast tests' \
			steps "$target" TOPIC=nonsense KDIR="$T/linux"
	done
	refuses one-line 'the topic fast has no patch for BASE=6.12' steps series TOPIC=fast
}

test_text_of_the_base()
{
	fake_repo
	[ "$(stored)" = "contiguous/0001-fbdev-defio-Spell-it-out@6.12.patch
contiguous/0001-fbdev-defio-Spell-it-out@7.3.patch
fixes/0001-mm-Change-twenty.patch
tests/0001-fbdev-Add-a-mock.patch" ] || fail "$(stored)"
	! grep -l '^index ' "$R"/patches/*/*.patch || fail "a text with an index line"
	steps series >mbox
	! grep -q 'of 7.3' mbox || fail "the other base's text"
	steps series BASE=7.3 >mbox
	[ "$(grep -c '^Subject:' mbox)" -eq 3 ] || fail "not all patches"
	grep -q 'of 7.3' mbox || fail "the other base's text"
}

test_cover_letter()
{
	fake_repo
	steps series TOPIC=fixes COVER=1 >mbox
	[ "$(grep '^Subject:' mbox)" = "Subject: [PATCH 0/1] fbdev: Mend it
Subject: [PATCH] mm: Change twenty" ] || fail "$(grep '^Subject:' mbox)"
	grep -qx 'It is broken.' mbox || fail "lost the text"
	refuses one-line 'of one topic; name it by TOPIC=' steps series COVER=1
	rm "$R/patches/tests/cover.md"
	refuses one-line 'patches/tests/cover.md, .*add it' steps series COVER=1 TOPIC=tests
}

test_wrong_base()
{
	fake_repo
	for target in series tree fetch refresh apply check; do
		refuses one-line 'BASE=5.4 is not a base; use one of: 6.12 7.3' steps "$target" BASE=5.4
	done
	refuses one-line 'is not a base' steps tree BASE=../6.12
	rm "$R"/patches/*/*.patch
	refuses one-line 'no patch for BASE=7.3 yet' steps series BASE=7.3
}

test_damaged_patches()
{
	local file new
	fake_repo
	file=$R/patches/contiguous/0001-fbdev-defio-Spell-it-out@6.12.patch
	new=$R/patches/tests/0001-fbdev-Add-a-mock.patch
	cp "$file" good
	cp "$new" good-new
	sed -i '0,/^ 131/{/^ 131/d}' "$file"
	refuses one-line '0001-.*damaged hunks .*make refresh' steps series
	{ cat good; echo '+one more'; } >"$file"
	refuses one-line '0001-.*damaged hunks .*longer' steps series
	sed '1i From: Some Body <some@example.org>' good >"$file"
	refuses one-line '0001-.*only header' steps series
	sed 's/^---$/----/' good >"$file"
	refuses one-line '0001-.*no line "---"' steps series
	{ cat good; printf 'diff --git a/lib/x.c b/lib/x.c\nnew file mode 100644\n'; } >"$file"
	refuses one-line '0001-.*creates lib/x.c.*New-file:' steps series
	sed 's,^---$,---\nNew-file: lib/tests/mock.c,' good >"$file"
	refuses one-line '"lib/tests/mock.c" is in patches/contiguous/0001-.* already' steps series
	cp good "$file"
	sed 's,mock\.c,absent.c,' good-new >"$new"
	refuses one-line 'lib/tests/absent.c is named' steps series
	sed 's,lib/tests,../tests,' good-new >"$new"
	refuses one-line 'not a path inside a kernel tree' steps series
	cp good-new "$new"
	steps series >mbox
}

test_misnamed_patches()
{
	local dir
	fake_repo
	dir=$R/patches/contiguous
	cp "$dir"/0001-*@6.12.patch good
	for name in spell.patch '1-spell.patch' '0001-spell@.patch'; do
		cp good "$dir/$name"
		refuses one-line "$name: a patch is named NNNN-what-it-does.patch" steps series
		rm "$dir/$name"
	done
	cp good "$dir/0001-spell@5.4.patch"
	refuses one-line 'there is no base 5.4; use one of: 6.12 7.3' steps series
	mv "$dir/0001-spell@5.4.patch" "$dir/0001-spell.patch"
	refuses one-line 'same number; a second text needs @BASE in both names' steps series
	rm "$dir/0001-spell.patch"
	sed '1s/out/in/' good >"$dir/0001-spell@6.12.patch"
	refuses one-line 'same number and is another patch; renumber one' steps series
	mv "$dir/0001-spell@6.12.patch" "$dir/0002-spell.patch"
	cp good "$dir/0002-spell.patch"
	refuses one-line 'a subject names one patch' steps series
	rm "$dir/0002-spell.patch"
	mkdir "$R/patches/more"
	refuses one-line 'patches/more is not a topic; add it to patches/topics' steps series
}

tap_run
