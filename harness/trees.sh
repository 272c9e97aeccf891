# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Kernel trees as git repositories, for the steps that source this after lib.sh.

PATCHDIR=$ROOT/patches/$BASE
HARNESS_AUTHOR='fbdev harness <harness@localhost>'

# git without the user's own configuration, for repositories that are ours.
hgit()
{
	GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 \
		git -c user.name='fbdev harness' -c user.email=harness@localhost "$@"
}

# series ARGS...: the composed series, free of the caller's name and sign-off.
series()
{
	SIGNOFF='' python3 "$ROOT/harness/series.py" --allow-empty --author "$HARNESS_AUTHOR" "$@"
}

# new_repo DIR: an empty repository whose stamps do not depend on hard links.
new_repo()
{
	hgit init -q -b series "$1"
	hgit -C "$1" config core.trustctime false
	hgit -C "$1" config core.autocrlf false
	hgit -C "$1" config gc.auto 0
}

# copy_files FROM TO <list: regular files with their times; a file that FROM
# does not have is left out, the patch that needs it will say so.
copy_files()
{
	local path
	while IFS= read -r path; do
		[ -f "$1/$path" ] || continue
		mkdir -p "$2/$(dirname "$path")"
		cp -p --remove-destination "$1/$path" "$2/$path"
	done
}

# small_repo DIR FROM [series.py options]: DIR becomes a repository that holds
# only the existing files which the series touches, committed as "base".
small_repo()
{
	local dir=$1 from=$2
	shift 2
	rm -rf "$dir"
	new_repo "$dir"
	series --paths "$@" | copy_files "$from" "$dir"
	# Which line of a file a hunk header shows depends on them.
	[ ! -f "$from/.gitattributes" ] || cp "$from/.gitattributes" "$dir/.git/info/attributes"
	hgit -C "$dir" add -f .
	hgit -C "$dir" commit -q --allow-empty -m base
	hgit -C "$dir" tag base
}

# commit_series DIR REF [series.py options]: prints the commit that the series
# ends in, on top of REF; the work tree stays as it is.
commit_series()
{
	local dir=$1 ref=$2 tmp rc=0
	shift 2
	tmp=$(mktemp -d)
	series "$@" >"$tmp/mbox" && series --names "$@" >"$tmp/names" || rc=$?
	if [ "$rc" -eq 0 ]; then
		python3 "$ROOT/harness/chain.py" "$dir" "$ref" "$tmp/names" \
			"Linux $(pristine_version)" <"$tmp/mbox" || rc=$?
	fi
	rm -rf "$tmp"
	return "$rc"
}

pristine_version() { head -n 1 "$BOUT/version"; }

# series_in DIR: is the whole series in that tree already?
series_in()
{
	local dir=$1 tmp rc=0 name names
	tmp=$(mktemp -d)
	new_repo "$tmp/tree"
	{ series --paths && series --new-files; } | copy_files "$dir" "$tmp/tree"
	series --split "$tmp/mails"
	names=$(tac "$tmp/mails/series")
	[ -n "$names" ] || rc=1
	for name in $names; do
		hgit -C "$tmp/tree" apply -R --whitespace=nowarn "$tmp/mails/$name" \
			2>/dev/null || { rc=1; break; }
	done
	rm -rf "$tmp"
	return "$rc"
}

# A hard-linked tree shares its files with pristine/: an editor that writes in
# place changes both.
check_pristine()
{
	local changed
	changed=$(find "$PRISTINE" -type f -newer "$BOUT/version" -print -quit)
	[ -z "$changed" ] ||
		die "${changed#"$ROOT"/} was edited, pristine/ must stay as fetched; commit your edit in out/$BASE/patched, then rm -rf ${PRISTINE#"$ROOT"/}"
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

# hash_patches: of everything in patches/$BASE, as it stands.
hash_patches()
{
	local file
	for file in "$PATCHDIR"/series "$PATCHDIR"/*.patch; do
		[ ! -f "$file" ] || sha256sum <"$file"
	done | sha256sum | cut -d ' ' -f 1
}

# Raise it when a tree made by an older version of this file has to be remade.
FORMAT=1

stamp_of()
{
	{ echo "$FORMAT"; cat "$BOUT/version"; cat; } | sha256sum | cut -d ' ' -f 1
}

# move_to DIR COMMIT: writes only what differs between HEAD and COMMIT.
move_to()
{
	hgit -C "$1" update-index -q --refresh
	hgit -C "$1" read-tree -m -u HEAD "$2"
	hgit -C "$1" update-ref -m 'harness: series' HEAD "$2"
	hgit -C "$1" update-ref refs/harness/applied "$2"
}

record()
{
	mkdir -p "$1/.git/harness"
	cp "$BOUT/version" "$1/.git/harness/version"
	hash_patches >"$1/.git/harness/patches"
	printf '%s\n' "$2" >"$1/.git/harness/stamp"
}
