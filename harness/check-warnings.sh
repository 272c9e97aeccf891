#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# sparse and W=1 say nothing about the touched files of the patched kernel that
# they do not say about the unpatched one.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$ROOT/harness/trees.sh"
. "$ROOT/harness/kbuild.sh"

check_tree
phase "check-warnings" check-warnings
OBJ=$CHECK/obj-warnings
WORK=
tmp_dir WORK

# messages COMMIT: of the touched objects there, without line numbers, counted
messages()
{
	local objects object from
	tree_at "$1"
	logged "configuration ($1)" configure "$OBJ" || die "the kernel cannot be configured; see the log"
	mapfile -t objects < <(objects_of "$1")
	[ ${#objects[@]} -gt 0 ] || die "the series touches no object; nothing to compare"
	# An object that is up to date would be silent.
	for object in "${objects[@]}"; do rm -f "$OBJ/$object"; done
	from=$(wc -l <"$LOG")
	# Warnings must not end the build (-Werror), the comparison judges them.
	logged "sparse and W=1 ($1)" kmake "$TREE" "$OBJ" \
		KCFLAGS=-Wno-error W=1 C=2 CHECK=sparse "${objects[@]}" ||
		die "the touched objects do not build with W=1 C=2; see the log"
	for object in "${objects[@]}"; do
		[ -f "$OBJ/$object" ] || die "$object was not built; enable it in harness/check/objects.config"
	done
	tail -n "+$((from + 1))" "$LOG" | compiler_messages >"$WORK/$1"
}

messages base
messages end
no_new_messages "$WORK/base" "$WORK/end"
