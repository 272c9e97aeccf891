# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What the lines of config/table mean, for the steps that source this after lib.sh.

# fragments KERNEL TREE: the files that make its configuration, one a line
fragments()
{
	local kernel name path words
	while read -r kernel words; do
		[ "$kernel" != "$1" ] || break
	done <"$ROOT/harness/config/table"
	[ "$kernel" = "$1" ] || die "harness/config/table has no kernel $1; add it"
	read -ra words <<<"$words"
	for name in "${words[@]}"; do
		case $name in
		SUITES)
			path=$2/lib/tests/fb_defio.kunitconfig
			! [ -f "$path" ] || ! grep -q FBINFO_KMEMFB "$2/include/linux/fb.h" || printf '%s\n' "$path"
			;;
		DEBIAN) "$ROOT/harness/fetch.sh" --config && printf '%s\n' "$BOUT/debian.config" ;;
		*/*)
			for path in "$2"/$name; do
				[ ! -f "$path" ] || printf '%s\n' "$path"
			done
			;;
		*)
			printf '%s\n' "$ROOT/harness/config/$name.config"
			path=$ROOT/harness/config/$name-$BASE.config
			[ ! -f "$path" ] || printf '%s\n' "$path"
			;;
		esac
	done
}
