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
	[ "$(git -C "$P" log -1 --format='%an <%ae> %s')" = 'Ann Example <ann@example.org> fbdev/defio: Spell it out' ] ||
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

test_first_and_tests_only()
{
	fake_repo
	"$R/harness/series.py" --first 2 >mbox
	grep -q '^Subject: \[PATCH 2/2\] fbdev: Add a mock$' mbox || fail "not the first two"
	"$R/harness/series.py" --tests-only >mbox
	[ "$(grep '^Subject:' mbox)" = 'Subject: [PATCH] fbdev: Add a mock' ] || fail "not the tests only"
}

test_wrong_base()
{
	fake_repo
	for target in series tree fetch refresh apply check; do
		refuses one-line 'BASE=5.4 is no base; use one of: 6.12 7.3' steps "$target" BASE=5.4
	done
	refuses one-line 'is no base' steps tree BASE=../6.12
	refuses one-line 'no series for BASE=7.3 yet' steps series BASE=7.3
}

test_damaged_patches()
{
	local file new
	fake_repo
	file=$R/patches/6.12/0003-fbdev-defio-Spell-it-out.patch
	new=$R/patches/6.12/0002-fbdev-Add-a-mock.patch
	cp "$file" good
	cp "$new" good-new
	sed -i '0,/^ 131/{/^ 131/d}' "$file"
	refuses one-line '0003-.*hunk' steps series
	sed '1i From: Some Body <some@example.org>' good >"$file"
	refuses one-line '0003-.*only header' steps series
	sed 's/^---$/----/' good >"$file"
	refuses one-line '0003-.*no line "---"' steps series
	{ cat good; printf 'diff --git a/lib/x.c b/lib/x.c\nnew file mode 100644\n'; } >"$file"
	refuses one-line '0003-.*creates lib/x.c.*New-file:' steps series
	sed 's,^---$,---\nNew-file: lib/tests/mock.c,' good >"$file"
	refuses one-line 'mock.c is new in .*0002-' steps series
	cp good "$file"
	sed 's,mock\.c,absent.c,' good-new >"$new"
	refuses one-line 'lib/tests/absent.c is named' steps series
	sed 's,lib/tests,../tests,' good-new >"$new"
	refuses one-line 'no path inside a kernel tree' steps series
	cp good-new "$new"
	cp "$new" "$R/patches/6.12/0009-stray.patch"
	refuses one-line '0009-stray.patch is not named' steps series
	rm "$R/patches/6.12/0009-stray.patch"
	echo 0007-none.patch >>"$R/patches/6.12/series"
	refuses one-line '0007-none.patch, which is not there' steps series
	sed -i '$d' "$R/patches/6.12/series"
	steps series >mbox
}

tap_run
