#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# After each patch of the series the touched objects build, and where a patch
# touches a header, the directories that depend on it most.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$ROOT/harness/trees.sh"
. "$ROOT/harness/kbuild.sh"

check_tree
phase "check-prefixes" check-prefixes
OBJ=$CHECK/obj-prefixes
commit=
for commit in $(hgit -C "$REPO" rev-list --reverse base..end); do
	title=$(hgit -C "$REPO" log -1 --format=%s "$commit")
	tree_at "$commit"
	mapfile -t targets < <(objects_of "$commit")
	headers=$(hgit -C "$REPO" diff --name-only "$commit^" "$commit" -- '*.h')
	case $headers in
	*include/linux/mm* | *include/linux/rmap.h*) targets+=(drivers/video/fbdev/core/ mm/) ;;
	?*) targets+=(drivers/video/fbdev/core/) ;;
	esac
	configure objects "$OBJ"
	logged "$title" kmake "$TREE" "$OBJ" "${targets[@]}" ||
		die "after \"$title\" the touched objects do not build; see the log"
	say "   ok: $title"
done
[ -n "$commit" ] || die "the series of $BASE is empty; restore patches/"
need_objects "$OBJ" end
