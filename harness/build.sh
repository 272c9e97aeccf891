#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# build.sh TREE CONFIG: one kernel image from $BOUT/TREE (patched, unpatched,
# mutant, ...) with the fragments that config/table has for CONFIG, or for the
# machine if it is another one than x86_64; by the kernel's own kunit.py, which
# refuses a configuration that lacks an option asked for.
# Prints the build directory on stdout.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$ROOT/harness/config.sh"

[ $# -eq 2 ] || die "usage: harness/build.sh TREE CONFIG, for instance: harness/build.sh patched plain"
tree=$1
config=$2
src=$BOUT/$tree
build=$(build_dir "$tree" "$config")
cross=$(arch_get cross)
image=$(arch_get image)

kernel_version "$src" >/dev/null ||
	die "${src#"$ROOT"/} is not a kernel tree; run harness/tree.sh $tree first"

# Other machines than x86_64 run the KUnit suites of lib/tests/ only.
kernel=$config
[ "$ARCH" = x86_64 ] || kernel=$ARCH
list=$(fragments "$kernel" "$src")
args=()
while IFS= read -r fragment; do
	args+=(--kunitconfig "$fragment")
done <<<"$list"

lock "build-$tree-$config"
phase "build $tree $config" "build-$tree-$config"
mkdir -p "$build"
# The compiler by its own name where ccache is missing: slower, not broken.
if command -v ccache >/dev/null; then
	args+=(--make_options "CC=$ROOT/harness/cc.sh ${cross}gcc" --make_options 'HOSTCC=ccache gcc')
fi
logged "build $tree $config" python3 "$src/tools/testing/kunit/kunit.py" build \
	--arch="$(arch_get kunit)" --cross_compile="$cross" \
	--build_dir="$build" --jobs="$JOBS" "${args[@]}" ||
	die "the $tree $config kernel does not build; see ${LOG#"$ROOT"/}"
[ -s "$build/$image" ] ||
	die "the build left no $image in ${build#"$ROOT"/}; remove that directory and try again"
printf '%s\n' "$build"
