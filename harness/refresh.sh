#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# refresh.sh: from the commits of $BOUT/patched back to patches/$BASE and the new
# files at the root of the repository. Everything is staged and proved first: the
# staged series must give the very tree that the commits give.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$ROOT/harness/trees.sh"

[ -z "$KDIR" ] || die "refresh reads out/$BASE/patched; leave KDIR= out"
TREE=$BOUT/patched
STAGE=$BOUT/refresh.stage
[ -d "$TREE/.git/harness" ] || die "there is no out/$BASE/patched to read; run make tree BASE=$BASE, commit your change there, and repeat"

[ -z "$(hgit -C "$TREE" status --porcelain)" ] ||
	die "out/$BASE/patched has uncommitted changes; commit or stash them there, and repeat"
if [ -n "$(edits "$TREE")" ]; then
	[ "$(hash_patches)" = "$(cat "$TREE/.git/harness/patches")" ] ||
		die "patches/$BASE and out/$BASE/patched have both changed; in the tree: git branch mine && git reset --hard refs/harness/applied, then make tree BASE=$BASE, then cherry-pick from mine"
else
	"$ROOT/harness/tree.sh" patched
fi

lock "tree-$(basename "$BOUT")"
check_pristine
phase "refresh: patches/$BASE" refresh
rm -rf "$STAGE"
mkdir -p "$STAGE"
drift=()
[ "$(pristine_version)" = "$(base_get tested)" ] || drift=(--drift)
python3 "$ROOT/harness/refresh.py" --repo "$TREE" --base refs/harness/base \
	--applied refs/harness/applied --stage "$STAGE" "${drift[@]}"
head=$(commit_series "$TREE" refs/harness/base --root "$STAGE")

# What differs may only be a file whose newer version is at the root.
while IFS= read -r path; do
	cmp -s "$ROOT/$path" "$STAGE/$path" ||
		die "the new series would lose a change of $path; nothing was written, see ${STAGE#"$ROOT"/}"
done < <(hgit -C "$TREE" diff --name-only HEAD "$head")

is_program() { if [ -x "$1" ]; then echo yes; else echo no; fi; }

# install_file FROM TO: in one step, and only when it differs
install_file()
{
	if [ -f "$2" ] && cmp -s "$1" "$2" && [ "$(is_program "$1")" = "$(is_program "$2")" ]; then return 0; fi
	mkdir -p "$(dirname "$2")"
	cp -p "$1" "$2.new"
	mv "$2.new" "$2"
	say "   wrote ${2#"$ROOT"/}"
}
while IFS= read -r path; do
	install_file "$STAGE/$path" "$ROOT/$path"
done < <(cd "$STAGE" && find . -type f ! -path './bases/*' ! -name series -printf '%P\n' | sort)
install_file "$STAGE/patches/$BASE/series" "$PATCHDIR/series"
for file in "$PATCHDIR"/*.patch; do
	[ ! -f "$file" ] || [ -f "$STAGE/patches/$BASE/$(basename "$file")" ] || {
		rm "$file"
		say "   removed ${file#"$ROOT"/}"
	}
done
move_to "$TREE" "$head"
record "$TREE" "$(series | stamp_of)"
rm -rf "$STAGE"
