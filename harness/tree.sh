#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# tree.sh patched|unpatched|pristine: makes that kernel tree of the base, or
# brings it up to date. Files that do not differ keep their times, so that
# kernel builds stay incremental.
#
#   patched    pristine and the series, a git repository to develop in
#   unpatched  pristine and only the patches that bring the tests

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$ROOT/harness/trees.sh"

# The old tree's times, for every file that the new tree has with equal content.
keep_times()
{
	local old=$1 new=$2 path
	{ series --paths && series --new-files; } | while IFS= read -r path; do
		if [ -f "$old/$path" ] && [ -f "$new/$path" ] && cmp -s "$old/$path" "$new/$path"; then
			touch -r "$old/$path" "$new/$path"
		fi
	done
}

make_patched()
{
	local tree=$BOUT/patched stamp='' head has='' new=$BOUT/patched.new
	stamp=$(series | stamp_of)
	if [ -f "$tree/.git/harness/stamp" ]; then
		has=$(edits "$tree")
		if [ "$(cat "$tree/.git/harness/stamp")" = "$stamp" ]; then
			[ -z "$has" ] || say "   ${tree#"$ROOT"/} has $has that patches/$BASE has not; used as it is"
			return 0
		fi
		[ -z "$has" ] ||
			die "${tree#"$ROOT"/} has $has, and the series has changed, too; save them first: make refresh BASE=$BASE"
	elif [ -e "$tree" ]; then
		die "${tree#"$ROOT"/} was not made by this harness; move it out of the way"
	fi

	phase "tree: patched $BASE" tree-patched
	if [ -d "$tree" ] && cmp -s "$BOUT/version" "$tree/.git/harness/version"; then
		head=$(commit_series "$tree" refs/harness/base)
		move_to "$tree" "$head"
		record "$tree" "$stamp"
		return 0
	fi
	rm -rf "$new"
	cp -al "$PRISTINE" "$new"
	new_repo "$new"
	# Debian's source packages ignore the whole tree ("/*"), which would hide a
	# developer's new files. sed -i writes a new file: pristine/ keeps its own.
	[ ! -f "$new/.gitignore" ] || sed -i '\,^/\*$,d' "$new/.gitignore"
	# One pack instead of 80,000 loose objects.
	logged "commit of the base" hgit -C "$new" -c core.bigFileThreshold=1 \
		-c core.compression=1 -c core.fsync=none add -f .
	hgit -C "$new" commit -q -m "Linux $(pristine_version)"
	hgit -C "$new" update-ref refs/harness/base HEAD
	head=$(commit_series "$new" HEAD)
	move_to "$new" "$head"
	if [ -d "$tree" ]; then
		keep_times "$tree" "$new"
		hgit -C "$new" update-index -q --refresh
	fi
	record "$new" "$stamp"
	rm -rf "$tree.old"
	[ ! -d "$tree" ] || mv -T "$tree" "$tree.old"
	mv -T "$new" "$tree"
	rm -rf "$tree.old"
}

# make_plain KIND [series.py options]: $BOUT/KIND without git, of pristine and
# those patches
make_plain()
{
	local kind=$1 small=$BOUT/$1.small tree=$BOUT/$1 new=$BOUT/$1.new stamp head path
	shift
	stamp=$(series "$@" | stamp_of)
	[ ! -f "$tree.stamp" ] || [ "$(cat "$tree.stamp")" != "$stamp" ] || return 0

	phase "tree: $kind $BASE" "tree-$kind"
	small_repo "$small" "$PRISTINE" "$@"
	if [ -n "$KDIR" ] && series_in "$PRISTINE"; then
		[ "$kind" = patched ] ||
			die "$KDIR has the series already, so no unpatched kernel can be made of it; give an unpatched tree"
		say "   $KDIR has the series already; tested as it is"
		: >"$BOUT/$kind.files.new"
	else
		head=$(commit_series "$small" base "$@")
		hgit -C "$small" reset -q --hard "$head"
		{ series --paths "$@" && series --new-files "$@"; } >"$BOUT/$kind.files.new"
	fi
	rm -f "$tree.stamp"
	if [ ! -d "$tree" ] || [ ! -f "$tree.version" ] || ! cmp -s "$BOUT/version" "$tree.version"; then
		rm -rf "$new" "$tree.files"
		cp -al "$PRISTINE" "$new"
	else
		mv -T "$tree" "$new"
	fi
	# What an older series brought and this one does not.
	if [ -f "$tree.files" ]; then
		while IFS= read -r path; do
			rm -f "$new/$path"
			[ ! -f "$PRISTINE/$path" ] || ln "$PRISTINE/$path" "$new/$path"
		done < <(grep -vxFf "$BOUT/$kind.files.new" "$tree.files")
	fi
	while IFS= read -r path; do
		if [ ! -f "$small/$path" ]; then
			rm -f "$new/$path"
		elif ! cmp -s "$small/$path" "$new/$path"; then
			mkdir -p "$(dirname "$new/$path")"
			cp --remove-destination "$small/$path" "$new/$path"
		fi
	done <"$BOUT/$kind.files.new"
	if [ -d "$tree" ]; then
		keep_times "$tree" "$new"
		rm -rf "$tree"
	fi
	mv -T "$new" "$tree"
	mv "$BOUT/$kind.files.new" "$tree.files"
	cp "$BOUT/version" "$tree.version"
	rm -rf "$small"
	printf '%s\n' "$stamp" >"$tree.stamp"
}

case ${1:-} in
pristine | patched | unpatched) ;;
*) die "usage: tree.sh pristine|patched|unpatched" ;;
esac
"$ROOT/harness/fetch.sh"
[ "$1" != pristine ] || exit 0
lock "tree-$(basename "$BOUT")"
check_pristine
case $1 in
unpatched) make_plain unpatched --tests-only ;;
# Nobody develops in the copy of a KDIR: it needs no repository.
patched) if [ -n "$KDIR" ]; then make_plain patched; else make_patched; fi ;;
esac
