#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# refresh.sh: from the commits of $BOUT/patched, and of another base's tree if
# there are new ones, back to patches/ and the new files at the root of the
# repository. Everything is staged and proved first: the staged series must give
# the very tree that the commits give, and apply to the other base.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$ROOT/harness/trees.sh"

[ -z "$KDIR" ] || die "refresh reads out/$BASE/patched; leave KDIR= out"
STAGE=$OUT/refresh.stage
[ -f "$BOUT/patched/.git" ] || die "there is no out/$BASE/patched to read; run make tree BASE=$BASE, commit your change there, and repeat"

# edited BASE: is there new work in its tree? All of it has to be in commits.
edited()
{
	local tree=$OUT/$1/patched
	[ -f "$tree/.git" ] && [ -n "$(edits "$tree")" ] || return 1
	[ -z "$(hgit -C "$tree" status --porcelain)" ] ||
		die "out/$1/patched has uncommitted changes; commit or stash them there, and repeat"
	[ "$(BASE=$1 series --digest)" = "$(cat "$OUT/$1/git/digest")" ] ||
		die "the patches of $1 and out/$1/patched have both changed; in the tree: git branch mine && git reset --hard refs/harness/applied, then make tree BASE=$1, then cherry-pick from mine"
}

heads=()
for base in "$BASE" $(known_bases); do
	if [[ " ${heads[*]}" == *" $base="* ]]; then continue; fi
	if edited "$base"; then
		[ "$base" = "$BASE" ] || say "   out/$base/patched has new commits, too: they are taken with it"
	elif [ "$base" = "$BASE" ]; then
		"$ROOT/harness/tree.sh" patched
	else
		BASE=$base "$ROOT/harness/tree.sh" pristine
		continue
	fi
	heads+=("$base=$(hgit -C "$OUT/$base/patched" rev-parse HEAD)")
done

lock tree
phase "refresh: patches/" refresh
rm -rf "$STAGE"
mkdir -p "$STAGE"
python3 "$ROOT/harness/refresh.py" --stage "$STAGE" "${heads[@]}"
made=()
for head in "${heads[@]}"; do
	base=${head%%=*}
	made+=("$(BASE=$base commit_series "$OUT/$base/git" refs/harness/base --root "$STAGE")")
	# What differs may only be a file whose newer version is at the root.
	while IFS= read -r path; do
		cmp -s "$ROOT/$path" "$STAGE/$path" ||
			die "the new series of $base would lose a change of $path; nothing was written, see ${STAGE#"$ROOT"/}"
	done < <(hgit -C "$OUT/$base/git" diff --name-only "${head#*=}" "${made[-1]}")
done

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
done < <(cd "$STAGE" && find . -type f ! -path './bases/*' -printf '%P\n' | sort)
for file in "$ROOT"/patches/*/*.patch; do
	[ -f "$STAGE/${file#"$ROOT"/}" ] || {
		rm "$file"
		say "   removed ${file#"$ROOT"/}"
	}
done
for at in "${!heads[@]}"; do
	base=${heads[at]%%=*}
	BASE=$base put_patched "$OUT/$base/git" "${made[at]}"
done
rm -rf "$STAGE"
