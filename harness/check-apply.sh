#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# The mbox of "make series" goes in by git am, and its patches by quilt without
# fuzz, on trees that hold only the files that the series touches; both give the
# same files. So each topic applies to those before it; "tests" applies to each
# of these prefixes, and hyperv_fb's smallest fix to "fixes" alone. No topic is
# longer than a reviewer reads, and few patches have a text for each base.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$ROOT/harness/trees.sh"

TOPIC_MAX=9
TWO_TEXTS_MAX=8

"$ROOT/harness/tree.sh" pristine
phase "check-apply" check-apply
WORK=
tmp_dir WORK

small_repo "$WORK/am" "$PRISTINE" "$(pristine_version)"
cp -r "$WORK/am" "$WORK/quilt"
# With a caller of its own, so that the check needs no identity of yours.
GIT_AUTHOR_NAME='Some Body' GIT_AUTHOR_EMAIL=body@example.org SIGNOFF='' TOPIC='' COVER='' \
	make -s -C "$ROOT" series BASE="$BASE" >"$WORK/mbox"
logged "git am" hgit -C "$WORK/am" am "$WORK/mbox" ||
	die "the series does not apply to $(pristine_version) by git am; see the log"
commits=$(hgit -C "$WORK/am" rev-list --count base..HEAD)
patches=$(series --names | wc -l)
[ "$commits" -eq "$patches" ] || die "git am made $commits commits of $patches patches; see the log"
# rev-list: an author that is not the caller would be an invented one
[ "$(hgit -C "$WORK/am" log --format='%an <%ae>' base..HEAD | sort -u)" = 'Some Body <body@example.org>' ] ||
	die "the mails name another author than the caller; correct harness/series.py"

series --split "$WORK/quilt/patches"
(cd "$WORK/quilt" && QUILT_PATCHES=patches QUILT_PC=.pc \
	logged "quilt push" quilt --quiltrc=- push -a --fuzz=0) ||
	die "the series does not apply to $(pristine_version) by quilt without fuzz; see the log"
rm -rf "$WORK/quilt/.pc"
logged "compare" diff -r -x .git -x patches "$WORK/am" "$WORK/quilt" ||
	die "git am and quilt give different files; see the log"
say "   $commits patches, by git am and by quilt --fuzz=0"

for topic in $(series --topics); do
	TOPICS="$(upto "$topic") tests" commit_series "$WORK/am" base >>"$LOG"
	TOPIC=$topic COVER=1 "$ROOT/harness/series.py" --author "$HARNESS_AUTHOR" >"$WORK/mbox"
	count=$(TOPICS=$topic series --names | wc -l)
	[ "$count" -le "$TOPIC_MAX" ] ||
		die "the topic $topic has $count patches for $BASE, at most $TOPIC_MAX are read as one thread; move some to another topic or squash them"
done
hyperv=$(grep -m 1 '^hyperv/' "$WORK/quilt/patches/series") || [ $? -eq 1 ]
if [ -n "$hyperv" ]; then
	hgit -C "$WORK/am" checkout -q --detach "$(TOPICS=fixes commit_series "$WORK/am" base)"
	logged "$hyperv" hgit -C "$WORK/am" am "$WORK/quilt/patches/$hyperv" ||
		die "$hyperv does not apply to the topic fixes alone; stable kernels need it so, see the log"
fi
two=$(cd "$ROOT/patches" && find . -name '*@*.patch' | sed 's/@[^@]*$//' | sort | uniq -d | wc -l)
[ "$two" -le "$TWO_TEXTS_MAX" ] ||
	die "$two patches have a text for each base, at most $TWO_TEXTS_MAX are kept in step by hand; make some of them equal"
say "   each topic on those before it, with tests on top; $two patches have two texts"
