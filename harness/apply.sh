#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# apply.sh: puts the series, or its topics TOPIC=, into the tree KDIR=, as changes
# of its files (no commits). Everything is tried on copies first; KDIR gets all of
# it or nothing.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$ROOT/harness/trees.sh"

[ -n "$KDIR" ] || die "which tree? give it: make apply KDIR=/path/to/linux BASE=$BASE (for git am see make series)"
"$ROOT/harness/deps.sh" fetch
TOPICS=${TOPIC:-}
series --names >/dev/null

phase "apply: ${TOPICS:-all topics} to $KDIR" apply
SMALL=
tmp_dir SMALL
small_repo "$SMALL" "$KDIR" "$(kernel_version "$KDIR") ($KDIR)"
if series_in "$SMALL" base; then
	say "   $KDIR has it already; nothing was changed"
	exit 0
fi
head=$(commit_series "$SMALL" base)
hgit -C "$SMALL" diff --name-only --diff-filter=AM base "$head" >"$SMALL/.git/written"
hgit -C "$SMALL" diff --name-only --diff-filter=D base "$head" >"$SMALL/.git/deleted"
mapfile -t written <"$SMALL/.git/written"
mapfile -t deleted <"$SMALL/.git/deleted"
hgit -C "$SMALL" reset -q --hard "$head"

TMP=.harness-apply-$$
cleanup_new()
{
	local path
	for path in "${written[@]}"; do rm -f "$KDIR/$path$TMP"; done
}

# First everything beside its place, which may fail for want of space or rights...
write_new()
{
	local path
	for path in "${written[@]}"; do
		mkdir -p "$(dirname "$KDIR/$path")" && cp "$SMALL/$path" "$KDIR/$path$TMP" || return 1
		if [ -f "$KDIR/$path" ]; then
			chmod --reference "$KDIR/$path" "$KDIR/$path$TMP" || return 1
			[ "$(id -u)" -ne 0 ] || chown --reference "$KDIR/$path" "$KDIR/$path$TMP" || return 1
		fi
	done
	for path in "${deleted[@]}"; do
		[ -w "$(dirname "$KDIR/$path")" ] || return 1
	done
}

# ...then only renames, undone from the base commit if one of them fails.
put_in_place()
{
	local path
	for path in "${written[@]}"; do
		mv -T "$KDIR/$path$TMP" "$KDIR/$path" || return 1
	done
	for path in "${deleted[@]}"; do
		rm "$KDIR/$path" || return 1
	done
}

undo()
{
	local path
	hgit -C "$SMALL" reset -q --hard base
	for path in "${written[@]}" "${deleted[@]}"; do
		if [ -f "$SMALL/$path" ]; then
			cmp -s "$SMALL/$path" "$KDIR/$path" || cp --remove-destination "$SMALL/$path" "$KDIR/$path"
		else
			rm -f "$KDIR/$path"
		fi
	done
}

if ! write_new 2>>"$LOG"; then
	cleanup_new
	die "$KDIR cannot be written ($(tail -n 1 "$LOG")); nothing was changed, check its rights and the disk space"
fi
if ! put_in_place 2>>"$LOG"; then
	undo
	cleanup_new
	die "$KDIR could not be changed ($(tail -n 1 "$LOG")); it was put back as it was"
fi
say "   changed or new: ${#written[@]} files, deleted: ${#deleted[@]}"
