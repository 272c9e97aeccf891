# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# A small repository of patches with kernel trees of a few files, for tests of
# the patch steps.

# fake_kernel DIR SUBLEVEL [BASE]
fake_kernel()
{
	local base=${3:-6.12}
	mkdir -p "$1"/{mm,lib,drivers/video/fbdev/core}
	printf 'VERSION = %s\nPATCHLEVEL = %s\nSUBLEVEL = %s\nEXTRAVERSION =\n' "${base%.*}" "${base#*.}" "$2" >"$1/Makefile"
	printf '*.o\n/*\n' >"$1/.gitignore"
	: >"$1/Kconfig"
	seq 1 40 >"$1/mm/memory.c"
	seq 101 140 >"$1/drivers/video/fbdev/core/fb_defio.c"
	seq 201 240 >"$1/lib/Makefile"
	seq 1 5 >"$1/mm/other.c"
	# Where the third patch has its context, and where none has.
	[ "$base" = 6.12 ] || sed -i 's/^129$/& of 7.3/; s/^105$/& of 7.3/' "$1/drivers/video/fbdev/core/fb_defio.c"
	find "$1" -exec touch -d '2024-01-01 00:00' {} +
}

# fake_repo: the repository $R with both bases fetched, as if version 6.12.5-1 and
# 7.3.2-1, and a series of three patches; the trees are made, $P and $Q.
fake_repo()
{
	R=$T/repo
	P=$R/out/6.12/patched
	# shellcheck disable=SC2034 # for test-tree.sh
	Q=$R/out/7.3/patched
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
	local tree base topic
	mkdir -p "$R/out/6.12" "$R/out/7.3" "$R/patches"
	cp -r "$TESTS"/../{harness,bases,Makefile} "$R"
	sed -i 's/^tested=.*/tested=6.12.5-1/' "$R/bases/6.12"
	sed -i 's/^tested=.*/tested=7.3.2-1/' "$R/bases/7.3"
	printf '/out/\n' >"$R/.gitignore"
	printf 'fixes\ncontiguous\nfast\ntests\n' >"$R/patches/topics"
	for topic in fixes contiguous tests; do
		mkdir "$R/patches/$topic"
		printf '# fbdev: Mend it\n\nIt is broken.\n' >"$R/patches/$topic/cover.md"
	done
	git init -q "$R"
	fake_kernel "$R/out/6.12/pristine" 5
	fake_kernel "$R/out/7.3/pristine" 2 7.3
	printf '6.12.5-1\n' >"$R/out/6.12/version"
	printf '7.3.2-1\n' >"$R/out/7.3/version"
	for base in 6.12 7.3; do
		steps tree BASE="$base"
		tree=$R/out/$base/patched
		sed -i 's/^20$/twenty/' "$tree/mm/memory.c"
		commit "mm: Change twenty" $'It was too small.\n\nTopic: fixes' "$tree"
		sed -i 's/^130$/one hundred and thirty/' "$tree/drivers/video/fbdev/core/fb_defio.c"
		commit "fbdev/defio: Spell it out" $'Fixes: 123456789abc ("fbdev: Do it")\nTopic: contiguous' "$tree"
		mkdir -p "$tree/lib/tests"
		printf '/* a mock */\n' >"$tree/lib/tests/mock.c"
		sed -i 's/^210$/obj-y += mock.o/' "$tree/lib/Makefile"
		commit "fbdev: Add a mock" $'For tests.\n\nTopic: tests' "$tree"
	done
	steps refresh
	mv "$R" "$T/../repo"
}

# steps TARGET [VARIABLE=...]: make in the fake repository
steps() { make -s -C "$R" "$@"; }

# commit SUBJECT BODY [TREE]: everything in the patched tree, of 6.12 if left out
commit()
{
	git -C "${3:-$P}" add -A
	git -C "${3:-$P}" commit -q -m "$1" -m "$2"
}

# stored: the names of the patches
stored() { (cd "$R/patches" && printf '%s\n' */*.patch); }
