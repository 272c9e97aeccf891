#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# cc.sh COMPILER ARGUMENT...: the compiler, through ccache where that is safe.
# With CCACHE_DEPEND, ccache takes no notice of what .incbin brings in. By .incbin
# boot/compressed/piggy.S brings in the kernel itself: one that compresses to the
# same length as an earlier one would boot as that earlier one.

for source; do :; done # kbuild's last argument
case $source in
*.S) exec "$@" ;;
*) exec ccache "$@" ;;
esac
