#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# The mbox of "make series" goes in by git am, and its patches by quilt without
# fuzz, on trees that hold only the files that the series touches; both give the
# same files.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$ROOT/harness/trees.sh"

"$ROOT/harness/tree.sh" pristine
phase "check-apply" check-apply
WORK=
tmp_dir WORK

# With a caller of its own, so that the check needs no identity of yours.
GIT_AUTHOR_NAME='Some Body' GIT_AUTHOR_EMAIL=body@example.org SIGNOFF='' \
	make -s -C "$ROOT" series BASE="$BASE" >"$WORK/mbox"

small_repo "$WORK/am" "$PRISTINE"
logged "git am" hgit -C "$WORK/am" am "$WORK/mbox" ||
	die "the series does not apply to $(pristine_version) by git am; see the log"
commits=$(hgit -C "$WORK/am" rev-list --count base..HEAD)
patches=$(series --names | wc -l)
[ "$commits" -eq "$patches" ] || die "git am made $commits commits of $patches patches; see the log"
# rev-list: an author that is not the caller would be an invented one
[ "$(hgit -C "$WORK/am" log --format='%an <%ae>' base..HEAD | sort -u)" = 'Some Body <body@example.org>' ] ||
	die "the mails name another author than the caller; correct harness/series.py"

small_repo "$WORK/quilt" "$PRISTINE"
series --split "$WORK/quilt/patches"
(cd "$WORK/quilt" && QUILT_PATCHES=patches QUILT_PC=.pc \
	logged "quilt push" quilt --quiltrc=- push -a --fuzz=0) ||
	die "the series does not apply to $(pristine_version) by quilt without fuzz; see the log"
rm -rf "$WORK/quilt/.pc" "$WORK/quilt/patches"
logged "compare" diff -r -x .git "$WORK/am" "$WORK/quilt" ||
	die "git am and quilt give different files; see the log"
say "   $commits patches, by git am and by quilt --fuzz=0"
