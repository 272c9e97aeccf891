#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# Two small kernels with the series link, modules and all: x86_64 with CONFIG_FB=m,
# and riscv64 without an MMU.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$ROOT/harness/trees.sh"
. "$ROOT/harness/kbuild.sh"

# link NAME MODULE... -- MAKE-ARGUMENT...: with harness/check/NAME.config
link()
{
	local name=$1 obj=$CHECK/obj-$1 config=$ROOT/harness/check/$1.config modules=() option module
	shift
	while [ "$1" != -- ]; do
		modules+=("$1")
		shift
	done
	shift
	mkdir -p "$obj"
	logged "$name: configuration" kmake "$TREE" "$obj" "$@" KCONFIG_ALLCONFIG="$config" allnoconfig ||
		die "the $name kernel cannot be configured; see the log"
	while IFS= read -r option; do
		case $option in
		CONFIG_*=* | '# CONFIG_'*' is not set') ;;
		*) continue ;;
		esac
		# An option that does not exist here is not set, either.
		if [ "${option::1}" = '#' ] && ! grep -q "^${option:2:-11}=" "$obj/.config"; then continue; fi
		grep -qxF "$option" "$obj/.config" ||
			die "the $name kernel ignores \"$option\"; correct harness/check/$name.config"
	done <"$config"
	grep -qx CONFIG_FB_DEFERRED_IO=y "$obj/.config" ||
		die "the $name kernel has no deferred I/O; correct harness/check/$name.config"
	rm -f "$obj/vmlinux"
	logged "$name: vmlinux and modules" kmake "$TREE" "$obj" "$@" vmlinux modules ||
		die "the $name kernel does not link; see the log"
	[ -s "$obj/vmlinux" ] || die "make left no vmlinux of the $name kernel; see the log"
	for module in "${modules[@]}"; do
		[ -s "$obj/$module" ] || die "make left no $module of the $name kernel; see the log"
	done
	say "   $name: links"
}

check_tree
phase "check-links" check-links
tree_at end
link fbm drivers/video/fbdev/core/fb.ko lib/tests/fb_defio_mock.ko \
	lib/tests/fb_defio_kunit.ko lib/tests/pfnmap_kunit.ko -- ARCH=x86_64
link nommu lib/tests/fb_defio_mock.ko -- ARCH=riscv CROSS_COMPILE=riscv64-linux-gnu- \
	CC='ccache riscv64-linux-gnu-gcc'
if grep -E '^(WARNING|ERROR): modpost' "$LOG" >&2; then
	die "modpost complains; see the log"
fi
