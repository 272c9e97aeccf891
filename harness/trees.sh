# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Kernel trees, for the steps that source this after lib.sh. Those of a base are
# work trees of one git repository, $REPO, in which refs/harness/base is the
# unpatched kernel. git writes only what differs, so kernel builds stay incremental.

HARNESS_AUTHOR='fbdev harness <harness@localhost>'
REPO=$BOUT/git
# The topics for the functions below; empty: all of them.
TOPICS=

# git without the user's own configuration, for repositories that are ours.
hgit()
{
	GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 \
		git -c user.name='fbdev harness' -c user.email=harness@localhost "$@"
}

# series ARGS...: the composed series, free of the caller's name and sign-off.
series()
{
	TOPIC=$TOPICS SIGNOFF='' COVER='' python3 "$ROOT/harness/series.py" --author "$HARNESS_AUTHOR" "$@"
}

# upto TOPIC: the base's topics up to that one
upto()
{
	local topics
	topics=$(TOPICS='' series --topics)
	grep -qxF -- "$1" <<<"$topics" ||
		die "there is no topic $1 for BASE=$BASE; topics are: $(tr '\n' ' ' <<<"$topics")"
	sed "/^$1\$/q" <<<"$topics"
}

# commit_series REPO REF [series.py options]: prints the commit that the series
# ends in, on top of REF; made once, then found by a hash of everything it is made from.
commit_series()
{
	local repo=$1 ref=$2 tmp made head rc=0
	shift 2
	tmp=$(mktemp -d)
	if series "$@" >"$tmp/mbox" && series --names "$@" >"$tmp/names"; then
		made=refs/harness/made/$({ hgit -C "$repo" rev-parse "$ref"; cat "$tmp/mbox"; } | sha256sum | cut -c1-40)
		if ! hgit -C "$repo" rev-parse -q --verify "$made"; then
			head=$(python3 "$ROOT/harness/chain.py" "$repo" "$ref" "$tmp/names" \
				"$(hgit -C "$repo" log -1 --format=%s "$ref")" <"$tmp/mbox") &&
				hgit -C "$repo" update-ref "$made" "$head" && printf '%s\n' "$head" || rc=1
		fi
	else
		rc=1
	fi
	rm -rf "$tmp"
	return "$rc"
}

# series_in REPO REF: is the whole series in that commit already?
series_in()
{
	local tmp rc=0
	tmp=$(mktemp -d)
	series --split "$tmp"
	[ -s "$tmp/series" ] || rc=1
	GIT_INDEX_FILE=$tmp/index hgit -C "$1" read-tree "$2"
	tac "$tmp/series" | while IFS= read -r name; do
		GIT_INDEX_FILE=$tmp/index hgit -C "$1" apply -R --cached --whitespace=nowarn "$tmp/$name" 2>/dev/null || exit 1
	done || rc=1
	rm -rf "$tmp"
	return "$rc"
}

# small_repo DIR FROM TEXT: a repository of only those files that the series
# touches or brings, as FROM has them, committed with that text as "base".
small_repo()
{
	local path
	hgit init -q "$1"
	hgit -C "$1" config core.autocrlf false
	{ series --paths && series --new-files; } | while IFS= read -r path; do
		# One that FROM does not have is left out, the patch that needs it will say so.
		[ -f "$2/$path" ] || continue
		mkdir -p "$1/$(dirname "$path")"
		cp -p "$2/$path" "$1/$path"
	done
	hgit -C "$1" add -f .
	hgit -C "$1" commit -q --allow-empty -m "Linux $3"
	hgit -C "$1" tag base
}

pristine_version() { head -n 1 "$BOUT/version"; }

# base_repo: $REPO has pristine/ as refs/harness/base
base_repo()
{
	local in=(env GIT_DIR="$REPO" GIT_WORK_TREE="$PRISTINE" GIT_INDEX_FILE="$REPO/base.index") blob commit
	if [ -f "$REPO/version" ] && cmp -s "$BOUT/version" "$REPO/version"; then return 0; fi
	phase "tree: repository of $BASE" tree-base
	hgit init -q --bare "$REPO"
	# Stamps do not depend on hard links.
	hgit -C "$REPO" config core.trustctime false
	hgit -C "$REPO" config core.autocrlf false
	hgit -C "$REPO" config gc.auto 0
	# One pack instead of 80,000 loose objects.
	logged "commit of the base" "${in[@]}" git -c core.bigFileThreshold=1 \
		-c core.compression=1 -c core.fsync=none add -A -f "$PRISTINE" ||
		die "${PRISTINE#"$ROOT"/} cannot be committed; see the log, check the disk space"
	# Debian's source packages ignore the whole tree ("/*"), which would hide a
	# developer's new files.
	if [ -f "$PRISTINE/.gitignore" ]; then
		blob=$(sed '\,^/\*$,d' "$PRISTINE/.gitignore" | hgit -C "$REPO" hash-object -w --stdin)
		"${in[@]}" git update-index --cacheinfo "100644,$blob,.gitignore"
	fi
	commit=$(GIT_AUTHOR_DATE='1700000000 +0000' GIT_COMMITTER_DATE='1700000000 +0000' \
		hgit -C "$REPO" commit-tree -m "Linux $(pristine_version)" "$("${in[@]}" git write-tree)")
	hgit -C "$REPO" update-ref refs/harness/base "$commit"
	# Which line of a file a hunk header shows depends on them.
	[ ! -f "$PRISTINE/.gitattributes" ] || cp "$PRISTINE/.gitattributes" "$REPO/info/attributes"
	cp "$BOUT/version" "$REPO/version"
}

# put_tree DIR COMMIT [checkout options]: DIR is a work tree at that commit
put_tree()
{
	local dir=$1 commit=$2
	shift 2
	[ $# -gt 0 ] || set -- --detach
	if [ ! -e "$dir/.git" ]; then
		rm -rf "$dir"
		mkdir -p "$(dirname "$dir")"
		hgit -C "$REPO" worktree prune
		hgit -C "$REPO" worktree add -q --no-checkout --detach "$dir" "$commit"
	fi
	# Or a file that is the same, but was touched, would be written again.
	hgit -C "$dir" update-index -q --refresh
	hgit -C "$dir" checkout -q -f "$@" "$commit"
}

# edits DIR: prints what a developer did there since the harness made it, if
# anything, e.g. "2 commits and uncommitted changes".
edits()
{
	local dir=$1 what='' ahead
	[ "$(hgit -C "$dir" rev-parse HEAD)" = "$(hgit -C "$dir" rev-parse refs/harness/applied)" ] || {
		ahead=$(hgit -C "$dir" rev-list --count refs/harness/applied..HEAD)
		what="$ahead new commits"
	}
	[ -z "$(hgit -C "$dir" status --porcelain)" ] ||
		what="${what:+$what and }uncommitted changes"
	printf '%s' "$what"
}

# put_patched REPO COMMIT: the tree to develop in beside that repository
put_patched()
{
	REPO=$1 put_tree "$(dirname "$1")/patched" "$2" -B series
	hgit -C "$1" update-ref refs/harness/applied "$2"
	series --digest >"$1/digest"
}
