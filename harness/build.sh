#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# build.sh TREE CONFIG: one kernel image from $BOUT/TREE (patched, unpatched,
# mutant, ...) with config/base.config, config/CONFIG.config, and what only this
# base has (config/CONFIG-BASE.config), by the kernel's own kunit.py, which
# refuses a configuration that lacks an option asked for.
# Prints the build directory on stdout.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

[ $# -eq 2 ] || die "usage: harness/build.sh TREE CONFIG, for instance: harness/build.sh patched plain"
tree=$1
config=$2
src=$BOUT/$tree
build=$BOUT/build/$tree-$config

[ -f "$ROOT/harness/config/$config.config" ] ||
	die "harness/config/$config.config does not exist; use one of: plain debug"
kernel_version "$src" >/dev/null ||
	die "${src#"$ROOT"/} is no kernel tree; run harness/tree.sh $tree first"

fragments=("$ROOT/harness/config/base.config" "$ROOT/harness/config/$config.config"
	"$ROOT/tools/testing/selftests/fbdev/config")
# What only this base has, and a driver's own suite, which has its configuration
# beside it.
for fragment in "$ROOT/harness/config/$config-$BASE.config" "$src"/drivers/video/fbdev/*.kunitconfig; do
	[ ! -f "$fragment" ] || fragments+=("$fragment")
done
# The others call what the series adds, so an unpatched kernel cannot have them.
case $tree in
*unpatched) ;;
*) fragments+=("$ROOT/lib/tests/fb_defio.kunitconfig") ;;
esac

lock "build-$tree-$config"
phase "build $tree $config" "build-$tree-$config"
mkdir -p "$build"
args=()
for fragment in "${fragments[@]}"; do
	args+=(--kunitconfig "$fragment")
done
# The compiler by its own name where ccache is missing: slower, not broken.
if command -v ccache >/dev/null; then
	args+=(--make_options 'CC=ccache gcc' --make_options 'HOSTCC=ccache gcc')
fi
logged "build $tree $config" python3 "$src/tools/testing/kunit/kunit.py" build \
	--arch="$ARCH" --build_dir="$build" --jobs="$JOBS" "${args[@]}" ||
	die "the $tree $config kernel does not build; see ${LOG#"$ROOT"/}"
[ -s "$build/arch/x86/boot/bzImage" ] ||
	die "the build left no bzImage in ${build#"$ROOT"/}; remove that directory and try again"
printf '%s\n' "$build"
