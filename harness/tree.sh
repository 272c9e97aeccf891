#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# tree.sh TREE: makes that kernel tree of the base, or brings it up to date.
#
#   pristine      as fetched, and as a commit
#   patched       with the series as commits, to develop in
#   unpatched     with the topic "tests" only
#   upto TOPIC    with the topics up to that one, and "tests": upto/patched, laid out
#                 so that the compiler cache, which sees paths relative to the build
#                 directory, knows the objects of patched

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$ROOT/harness/trees.sh"

make_patched()
{
	local tree=$BOUT/patched head has=''
	if [ -n "$KDIR" ] && series_in "$REPO" refs/harness/base; then
		say "   $KDIR has the series already; tested as it is"
		head=$(hgit -C "$REPO" rev-parse refs/harness/base)
	else
		head=$(commit_series "$REPO" refs/harness/base)
	fi
	if [ -e "$tree" ]; then
		[ -f "$tree/.git" ] || die "${tree#"$ROOT"/} was not made by this harness; move it out of the way"
		has=$(edits "$tree")
		if [ "$(hgit -C "$REPO" rev-parse refs/harness/applied)" = "$head" ]; then
			[ -z "$has" ] || say "   ${tree#"$ROOT"/} has $has that patches/ has not; used as it is"
			return 0
		fi
		[ -z "$has" ] ||
			die "${tree#"$ROOT"/} has $has, and the series has changed, too; save them first: make refresh BASE=$BASE"
	fi
	phase "tree: patched $BASE" tree-patched
	put_patched "$REPO" "$head"
}

# make_other NAME: of $TOPICS, for tests that nobody develops in
make_other()
{
	if [ -n "$KDIR" ] && TOPICS='' series_in "$REPO" refs/harness/base; then
		die "$KDIR has the series already, so no unpatched kernel can be made of it; give an unpatched tree"
	fi
	put_tree "$BOUT/$1" "$(commit_series "$REPO" refs/harness/base)"
}

case $#:${1:-} in
1:pristine | 1:patched | 1:unpatched) ;;
2:upto) TOPICS="$(upto "$2") tests" ;;
*) die "usage: tree.sh pristine|patched|unpatched, or tree.sh upto TOPIC" ;;
esac
"$ROOT/harness/fetch.sh"
lock tree
base_repo
case $1 in
patched) make_patched ;;
unpatched) TOPICS=tests make_other unpatched ;;
upto) make_other upto/patched ;;
esac
