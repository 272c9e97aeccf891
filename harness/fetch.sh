#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# fetch.sh [--update]: the unmodified kernel tree of the base, in $BOUT/pristine,
# and its version in $BOUT/version: from Debian's linux-source package, or with
# KDIR= a copy of that tree. What is there already is kept; --update asks apt
# for a later version.
# fetch.sh --config: Debian's own configuration of that kernel for amd64, in
# $BOUT/debian.config, from its linux-config package.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

APT=()
UPDATE=
CONFIG=
case ${1:-} in
'') ;;
--update) UPDATE=1 ;;
--config) CONFIG=1 ;;
*) die "usage: fetch.sh [--update | --config]" ;;
esac

# The address of the Debian mirror that this machine uses for its main archive.
mirror()
{
	local uri
	# shellcheck disable=SC2016 # apt's own placeholders
	uri=$(apt-get indextargets --format '$(CREATED_BY) $(SITE) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
		awk '$1 == "Packages" && $2 !~ /security/ && $3 !~ /security|-updates|-backports/ && $4 == "main" { print $2; exit }')
	[ -n "$uri" ] || die "apt knows no Debian mirror; add one to /etc/apt/sources.list.d and repeat"
	printf '%s\n' "$uri"
}

# An apt state of our own, so that a foreign suite never reaches the machine's.
own_apt()
{
	local suite=$1 state=$OUT/apt/$1
	mkdir -p "$state/lists/partial" "$state/cache/archives/partial" "$state/etc/apt.conf.d"
	: >"$state/status"
	cat >"$state/etc/sources.list" <<-END
		deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(mirror) $suite main
	END
	APT=(-o "Dir::State=$state" -o "Dir::State::lists=$state/lists" -o "Dir::State::status=$state/status"
		-o "Dir::Cache=$state/cache" -o "Dir::Etc::sourcelist=$state/etc/sources.list"
		-o Dir::Etc::sourceparts=/dev/null -o Dir::Etc::preferencesparts=/dev/null
		-o APT::Update::Post-Invoke-Success= -o APT::Sandbox::User= -o Acquire::Languages=none)
}

candidate() { apt-cache "${APT[@]}" policy "$1" | awk '$1 == "Candidate:" && $2 != "(none)" { print $2 }'; }

# Downloading needs no privileges, renewing the machine's lists does.
update()
{
	as_root true || die "apt's lists are too old or empty; run apt-get update as root and repeat"
	logged "apt-get update" as_root apt-get update || die "apt-get update fails; check the network and repeat"
}

download()
{
	(cd "$2" && logged "download of $1" apt-get "${APT[@]}" -o APT::Sandbox::User= download "$1")
}

unpack()
{
	dpkg-deb --fsys-tarfile "$1" | tar -xO --wildcards './usr/src/linux-source-*.tar.xz' |
		tar -xJ --strip-components=1 --no-same-owner -C "$2"
}

# publish DIR VERSION-TEXT: DIR becomes pristine/ in one step.
publish()
{
	rm -rf "$BOUT/pristine.old"
	rm -f "$BOUT/version"
	[ ! -d "$PRISTINE" ] || mv -T "$PRISTINE" "$BOUT/pristine.old"
	mv -T "$1" "$PRISTINE"
	printf '%s\n' "$2" >"$BOUT/version"
	rm -rf "$BOUT/pristine.old"
}

# find_package PACKAGE: sets $suite and $version, the version that apt has
find_package()
{
	local package=$1
	suite=$(base_get suite)
	if [ -n "$suite" ]; then
		own_apt "$suite"
		logged "apt-get update ($suite)" apt-get "${APT[@]}" update ||
			die "apt cannot read suite $suite from this machine's mirror; check the network and repeat"
	elif [ -n "$UPDATE" ] || [ -z "$(candidate "$package")" ]; then
		update
	fi
	version=$(candidate "$package")
	[ -n "$version" ] || die "apt has no package $package${suite:+ in suite $suite}; run apt-get update as root, or use KDIR=/path/to/linux"
}

# get_package PACKAGE DIR: sets $deb, after find_package
get_package()
{
	mkdir -p "$2"
	if ! download "$1" "$2"; then
		# Old lists name a version that the mirror has replaced.
		[ -n "$suite" ] || update
		download "$1" "$2" || die "apt cannot download $1; check the network and repeat"
	fi
	deb=$(find "$2" -name '*.deb')
}

fetch_package()
{
	local package suite tested version have='' tmp=$BOUT/pristine.tmp deb
	package=$(base_get package)
	tested=$(base_get tested)
	[ ! -f "$BOUT/version" ] || [ ! -d "$PRISTINE" ] || have=$(cat "$BOUT/version")
	[ -z "$have" ] || [ -n "$UPDATE" ] || return 0

	"$ROOT/harness/deps.sh" fetch
	phase "fetch: $package" fetch
	find_package "$package"
	if [ "$version" = "$have" ]; then
		say "   $package $version is what apt has, too"
		return 0
	fi

	rm -rf "$tmp"
	mkdir -p "$tmp/tree"
	get_package "$package" "$tmp/deb"
	version=$(dpkg-deb -f "$deb" Version)
	logged "unpacking" unpack "$deb" "$tmp/tree" ||
		die "$package $version cannot be unpacked; see the log, check the disk space and repeat"
	case $(kernel_version "$tmp/tree") in
	"$BASE".*) ;;
	*) die "package $package $version holds no Linux $BASE.y; correct bases/$BASE" ;;
	esac
	publish "$tmp/tree" "$version"
	rm -rf "$tmp"
	if [ "$version" = "$tested" ]; then
		say "   $package $version, the version that the series was tested with"
	else
		say "   $package $version; the series was tested with ${tested:-none yet}"
	fi
}

fetch_config()
{
	local package=linux-config-$BASE suite version tmp=$BOUT/config.tmp deb
	[ ! -s "$BOUT/debian.config" ] || return 0
	phase "fetch: $package" fetch-config
	find_package "$package"
	rm -rf "$tmp"
	get_package "$package" "$tmp"
	dpkg-deb --fsys-tarfile "$deb" | tar -xO --wildcards './usr/src/*/config.amd64_none_amd64.xz' |
		xz -dc >"$tmp/config"
	grep -q '^CONFIG_X86_64=y' "$tmp/config" ||
		die "$package $version holds no configuration for amd64; correct harness/fetch.sh"
	mv "$tmp/config" "$BOUT/debian.config"
	rm -rf "$tmp"
	say "   $package $version"
}

# What of KDIR is source: what git tracks there, and what no .gitignore excludes.
# The git directory $1 is a temporary one: nothing is written to KDIR.
list_kdir()
{
	local kgit=(git -c "safe.directory=$KDIR" -C "$KDIR" ls-files -z) exclude=() line keep

	# Debian's source packages ignore the whole tree ("/*"): take that back, and
	# repeat the other patterns of the same file, which "!/*" would override.
	if [ -f "$KDIR/.gitignore" ]; then
		exclude=(-x '!/*')
		while IFS= read -r line; do
			case $line in
			'' | '#'* | '/*') ;;
			*) exclude+=(-x "$line") ;;
			esac
		done <"$KDIR/.gitignore"
		for keep in clang-format clippy.toml cocciconfig editorconfig get_maintainer.ignore gitattributes \
			gitignore kunitconfig mailmap rustfmt.toml yamllint; do
			exclude+=(-x "!.$keep")
		done
	fi
	git --git-dir="$1" --work-tree="$KDIR" -C "$KDIR" ls-files -z --others \
		--exclude-per-directory=.gitignore "${exclude[@]}" >"$1/others"
	: >"$1/cached"
	: >"$1/deleted"
	if [ -e "$KDIR/.git" ]; then
		"${kgit[@]}" --cached >"$1/cached"
		"${kgit[@]}" --deleted | sort -zu >"$1/deleted"
	fi
	sort -zu "$1/others" "$1/cached" | comm -z -23 - "$1/deleted"
}

fetch_kdir()
{
	local tmp=$BOUT/pristine.tmp id text link=()
	"$ROOT/harness/deps.sh" fetch
	rm -rf "$tmp"
	mkdir -p "$tmp/tree"
	git init -q "$tmp/git"
	list_kdir "$tmp/git/.git" >"$tmp/list"
	id=$(cd "$KDIR" && xargs -0 -a "$tmp/list" stat --printf '%n %s %Y\n' -- | sha256sum | cut -d ' ' -f 1)
	text=$(printf '%s\n%s %s' "$(kernel_version "$KDIR")" "$id" "$KDIR")
	if [ ! -d "$PRISTINE" ] || [ ! -f "$BOUT/version" ] || [ "$(cat "$BOUT/version")" != "$text" ]; then
		phase "fetch: copy of $KDIR" fetch
		# Links go to the copy made before, never into the user's tree.
		[ ! -d "$PRISTINE" ] || link=(--link-dest="$PRISTINE")
		logged "copy" rsync -lptE --from0 --files-from="$tmp/list" "${link[@]}" "$KDIR/" "$tmp/tree/" ||
			die "$KDIR cannot be copied; see the log, check the disk space"
		publish "$tmp/tree" "$text"
	fi
	rm -rf "$tmp"
}

lock "fetch-$(basename "$BOUT")"
mkdir -p "$BOUT"
if [ -n "$CONFIG" ]; then
	fetch_config
elif [ -n "$KDIR" ]; then
	fetch_kdir
else
	fetch_package
fi
