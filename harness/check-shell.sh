#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Every shell script of this repository passes shellcheck, every Python file
# compiles.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

phase "check-shell" check-shell
shell=()
python=()
while IFS= read -r path; do
	[ -f "$ROOT/$path" ] || continue
	first=$(head -c 80 "$ROOT/$path" | head -n 1 | tr -d '\0')
	# A script that others source says so to shellcheck.
	if head -n 5 "$ROOT/$path" | grep -aq '^# shellcheck shell='; then
		first='#!/bin/sh'
	fi
	case $path:$first in
	*.patch:*) ;;
	*.py:* | *:'#!'*python*) python+=("$path") ;;
	*.sh:* | *:'#!'*sh | *:'#!'*sh' '*) shell+=("$path") ;;
	esac
done < <(git -C "$ROOT" ls-files --cached --others --exclude-standard)
[ $((${#shell[@]} * ${#python[@]})) -gt 0 ] || die "found no scripts to check; is this a git clone?"

cd "$ROOT"
logged "shellcheck" shellcheck "${shell[@]}" || die "shellcheck reports problems; see the log"
for path in "${python[@]}"; do
	# shellcheck disable=SC2016
	logged "$path" python3 -c 'import sys; compile(open(sys.argv[1]).read(), sys.argv[1], "exec")' "$path" ||
		die "$path does not compile; see the log"
done
say "   ${#shell[@]} shell scripts, ${#python[@]} Python files"
