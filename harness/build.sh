#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# build.sh TREE CONFIG: one kernel image from $BOUT/TREE (patched, unpatched,
# mutant, ...) with config/base.config, config/CONFIG.config, and what only this
# base has (config/CONFIG-BASE.config), or with config/other.config and what
# this machine has (config/ARCH.config, config/ARCH-BASE.config); by the kernel's
# own kunit.py, which refuses a configuration that lacks an option asked for.
# Prints the build directory on stdout.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

[ $# -eq 2 ] || die "usage: harness/build.sh TREE CONFIG, for instance: harness/build.sh patched plain"
tree=$1
config=$2
src=$BOUT/$tree
build=$(build_dir "$tree" "$config")
cross=$(arch_get cross)
image=$(arch_get image)

[ -f "$ROOT/harness/config/$config.config" ] ||
	die "harness/config/$config.config does not exist; use one of: plain debug"
kernel_version "$src" >/dev/null ||
	die "${src#"$ROOT"/} is no kernel tree; run harness/tree.sh $tree first"

# Other machines than x86_64 run the KUnit suites of lib/tests/ only.
if [ "$ARCH" = x86_64 ]; then
	fragments=("$ROOT/harness/config/base.config" "$ROOT/harness/config/$config.config"
		"$ROOT/tools/testing/selftests/fbdev/config")
	# What only this base has, and a driver's own suite, which has its
	# configuration beside it.
	for fragment in "$ROOT/harness/config/$config-$BASE.config" "$src"/drivers/video/fbdev/*.kunitconfig; do
		[ ! -f "$fragment" ] || fragments+=("$fragment")
	done
else
	fragments=("$ROOT/harness/config/other.config" "$ROOT/harness/config/$ARCH.config")
	[ ! -f "$ROOT/harness/config/$ARCH-$BASE.config" ] || fragments+=("$ROOT/harness/config/$ARCH-$BASE.config")
fi
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
	args+=(--make_options "CC=ccache ${cross}gcc" --make_options 'HOSTCC=ccache gcc')
fi
logged "build $tree $config" python3 "$src/tools/testing/kunit/kunit.py" build \
	--arch="$(arch_get kunit)" --cross_compile="$cross" \
	--build_dir="$build" --jobs="$JOBS" "${args[@]}" ||
	die "the $tree $config kernel does not build; see ${LOG#"$ROOT"/}"
[ -s "$build/$image" ] ||
	die "the build left no $image in ${build#"$ROOT"/}; remove that directory and try again"
printf '%s\n' "$build"
