#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Series -> trees of all bases -> refresh gives the same files, byte for byte; and
# every kernel file at the root of the repository is in some series.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$ROOT/harness/trees.sh"

heads=()
for base in $(known_bases); do
	BASE=$base "$ROOT/harness/tree.sh" pristine
	heads+=("$base=$(BASE=$base commit_series "$OUT/$base/git" refs/harness/base)")
done
phase "check-roundtrip" check-roundtrip
WORK=
tmp_dir WORK
logged "refresh" python3 "$ROOT/harness/refresh.py" --stage "$WORK/stage" "${heads[@]}" ||
	die "the trees cannot be turned back into patches; see the log"
logged "compare" diff -r "$ROOT/patches" "$WORK/stage/patches" ||
	die "refresh would change patches/, see the log; run make refresh and look at git diff"
(cd "$WORK/stage" && find . -type f ! -path './patches/*' ! -path './bases/*' -printf '%P\n' | sort) >"$WORK/new"
while IFS= read -r path; do
	logged "compare $path" diff -u "$ROOT/$path" "$WORK/stage/$path" ||
		die "refresh would change $path; run make refresh and look at git diff"
done <"$WORK/new"
say "   $(find "$WORK/stage" -type f ! -path '*/bases/*' | wc -l) files come back as they were"

# A file that no series names would never reach a kernel.
git -C "$ROOT" ls-files --cached --others --exclude-standard -- \
	lib drivers include mm tools scripts Documentation | sort -u >"$WORK/files"
logged "files in no series" diff "$WORK/new" "$WORK/files" ||
	die "kernel files at the root and New-file: lines differ, see the log; name each file in the patch that brings it"
