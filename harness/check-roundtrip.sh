#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Series -> tree -> refresh gives the same files, byte for byte; and every kernel
# file at the root of the repository is in some series.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$ROOT/harness/trees.sh"

"$ROOT/harness/tree.sh" pristine
phase "check-roundtrip" check-roundtrip
WORK=
tmp_dir WORK

small_repo "$WORK/tree" "$PRISTINE"
head=$(commit_series "$WORK/tree" base)
hgit -C "$WORK/tree" reset -q --hard "$head"
drift=()
[ "$(pristine_version)" = "$(base_get tested)" ] || drift=(--drift)
logged "refresh" python3 "$ROOT/harness/refresh.py" --repo "$WORK/tree" --base base \
	--stage "$WORK/stage" "${drift[@]}" || die "the tree cannot be turned back into patches; see the log"
rm -rf "$WORK/stage/bases"
(cd "$WORK/stage" && find . -type f -printf '%P\n' | sort) >"$WORK/staged"
{
	(cd "$ROOT" && find "patches/$BASE" -type f)
	series --new-files
} | sort >"$WORK/stored"
logged "compare names" diff "$WORK/stored" "$WORK/staged" ||
	die "refresh would add or remove files; run make refresh BASE=$BASE and look at git diff"
while IFS= read -r path; do
	logged "compare $path" diff -u "$ROOT/$path" "$WORK/stage/$path" ||
		die "refresh would change $path; run make refresh BASE=$BASE and look at git diff"
done <"$WORK/staged"
say "   $(wc -l <"$WORK/staged") files come back as they were"

for path in "$ROOT"/patches/*/; do
	[ -f "$ROOT/bases/$(basename "$path")" ] ||
		die "patches/$(basename "$path") belongs to no base of bases/; remove it"
done

# A file that no series names would never reach a kernel.
for base in "$ROOT"/bases/*; do
	BASE=$(basename "$base") series --new-files
done | sort -u >"$WORK/named"
git -C "$ROOT" ls-files --cached --others --exclude-standard -- \
	lib drivers include mm tools scripts Documentation | sort -u >"$WORK/files"
logged "files in no series" diff "$WORK/named" "$WORK/files" ||
	die "kernel files at the root and New-file: lines differ, see the log; name each file in the patch that brings it"
