# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# A small repository of patches with a kernel tree of a few files, for tests of
# the patch steps.

# fake_kernel DIR SUBLEVEL
fake_kernel()
{
	mkdir -p "$1"/{mm,lib,drivers/video/fbdev/core}
	printf 'VERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = %s\nEXTRAVERSION =\n' "$2" >"$1/Makefile"
	printf '*.o\n/*\n' >"$1/.gitignore"
	: >"$1/Kconfig"
	seq 1 40 >"$1/mm/memory.c"
	seq 101 140 >"$1/drivers/video/fbdev/core/fb_defio.c"
	seq 201 240 >"$1/lib/Makefile"
	seq 1 5 >"$1/mm/other.c"
	find "$1" -exec touch -d '2024-01-01 00:00' {} +
}

# fake_repo: the repository $R with base 6.12 fetched, as if version 6.12.5-1, and
# a series of three patches; its tree is made.
fake_repo()
{
	R=$T/repo
	P=$R/out/6.12/patched
	export HOME=$T GIT_CONFIG_NOSYSTEM=1
	unset GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL GIT_COMMITTER_NAME GIT_COMMITTER_EMAIL EMAIL
	git config --global user.name 'Ann Example'
	git config --global user.email ann@example.org
	# Made once per test file, copied for each test.
	[ -d "$T/../repo" ] || make_fake_repo
	cp -a "$T/../repo" "$R"
}

make_fake_repo()
{
	mkdir -p "$R/out/6.12" "$R/patches/6.12"
	cp -r "$TESTS"/../{harness,bases,Makefile} "$R"
	sed -i 's/^tested=.*/tested=6.12.5-1/' "$R/bases/6.12"
	printf '/out/\n' >"$R/.gitignore"
	git init -q "$R"
	fake_kernel "$R/out/6.12/pristine" 5
	printf '6.12.5-1\n' >"$R/out/6.12/version"
	steps tree
	sed -i 's/^20$/twenty/' "$P/mm/memory.c"
	commit "mm: Change twenty" "It was too small."
	mkdir -p "$P/lib/tests"
	printf '/* a mock */\n' >"$P/lib/tests/mock.c"
	sed -i 's/^210$/obj-y += mock.o/' "$P/lib/Makefile"
	commit "fbdev: Add a mock" "For tests."
	sed -i 's/^130$/one hundred and thirty/' "$P/drivers/video/fbdev/core/fb_defio.c"
	commit "fbdev/defio: Spell it out" "Fixes: 123456789abc (\"fbdev: Do it\")"
	steps refresh
	mv "$R" "$T/../repo"
}

# steps TARGET [VARIABLE=...]: make in the fake repository
steps() { make -s -C "$R" "$@"; }

# commit SUBJECT BODY: everything in the patched tree
commit()
{
	git -C "$P" add -A
	git -C "$P" commit -q -m "$1" -m "$2"
}
