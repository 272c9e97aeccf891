#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# "make htmldocs" for Documentation/fb says nothing about deferred_io.rst.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$ROOT/harness/trees.sh"
. "$ROOT/harness/kbuild.sh"

check_tree
phase "check-docs" check-docs
tree_at end
OBJ=$CHECK/obj-docs
# Sphinx reports a file only when it reads it anew.
rm -rf "$OBJ"
mkdir -p "$OBJ"
logged "htmldocs" kmake "$TREE" "$OBJ" htmldocs SPHINXDIRS=fb ||
	die "htmldocs fails; see the log"
html=$(find "$OBJ/Documentation" -name deferred_io.html)
[ -n "$html" ] || die "htmldocs made no deferred_io.html; see the log"
# The first is the document's name, the second that of the code it takes text from.
if grep -nE 'deferred_io|fb_defio' "$LOG" | grep -E 'WARNING|ERROR|SEVERE|warning:|error:' >&2; then
	die "htmldocs objects to deferred_io.rst; see above"
fi
