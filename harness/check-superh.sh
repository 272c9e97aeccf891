#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# sh_mobile_lcdcfb and deferred I/O compile without a warning for the machine that
# the driver is for: SuperH, with the configuration of a board whose panel is
# updated by deferred I/O.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$ROOT/harness/trees.sh"
. "$ROOT/harness/kbuild.sh"

check_tree
phase "check-superh" check-superh
OBJ=$CHECK/obj-superh
tree_at end
superh() { kmake "$TREE" "$OBJ" ARCH=sh CROSS_COMPILE=sh4-linux-gnu- CC='ccache sh4-linux-gnu-gcc' "$@"; }

mkdir -p "$OBJ"
logged "configuration" superh migor_defconfig || die "the kernel cannot be configured; see the log"
# What the driver depends on in 7.3 and the board's configuration does not have.
printf '%s\n' CONFIG_BACKLIGHT_CLASS_DEVICE=y CONFIG_FB_SH_MOBILE_LCDC=y >>"$OBJ/.config"
logged "options" superh olddefconfig || die "the kernel cannot be configured; see the log"
for option in FB_SH_MOBILE_LCDC=y FB_DEFERRED_IO=y; do
	grep -qx "CONFIG_$option" "$OBJ/.config" || die "the board's configuration has no $option; choose another one"
done
objects=(drivers/video/fbdev/sh_mobile_lcdcfb.o drivers/video/fbdev/core/fb_defio.o)
for object in "${objects[@]}"; do rm -f "$OBJ/$object"; done
logged "${objects[*]}" superh KCFLAGS=-Werror "${objects[@]}" || die "these do not compile; see the log"
for object in "${objects[@]}"; do
	[ -s "$OBJ/$object" ] || die "make left no $object; see the log"
done
