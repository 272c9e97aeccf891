#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Every file of this repository names its licence in one of its first five lines.
# Files that are compared byte by byte with what a program wrote cannot; patches
# have the licence of the files that they change.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

phase "check-license" check-license
count=0 missing=()
while IFS= read -r path; do
	[ -f "$ROOT/$path" ] || continue
	case $path in
	*.patch | COPYING | tests/logs/* | tests/cocci/*.txt) continue ;;
	esac
	count=$((count + 1))
	head -n 5 "$ROOT/$path" | grep -aq 'SPDX-License-Identifier: ' || missing+=("$path")
done < <(git -C "$ROOT" ls-files --cached --others --exclude-standard)
[ "$count" -gt 0 ] || die "found no files to check; is this a git clone?"
[ ${#missing[@]} -eq 0 ] ||
	die "no SPDX-License-Identifier in the first five lines of: ${missing[*]}; add it"
say "   $count files"
