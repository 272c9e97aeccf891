#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# initramfs.sh TREE: busybox, guest/init with its jobs, and the tree's fbdev
# selftests, static, as $BOUT/build/TREE-initramfs.cpio. Prints that path.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

[ $# -eq 1 ] || die "usage: harness/initramfs.sh TREE, for instance: harness/initramfs.sh patched"
tree=$1
src=$BOUT/$tree/tools/testing/selftests/fbdev
root=$BOUT/build/$tree-initramfs
[ -f "$src/Makefile" ] ||
	die "${src#"$ROOT"/} is missing; run harness/tree.sh $tree first"
busybox=$(command -v busybox) || die "busybox is missing; run harness/deps.sh"
if ldd "$busybox" >/dev/null 2>&1; then
	die "$busybox is not static; install the package busybox-static (harness/deps.sh does)"
fi

lock "initramfs-$tree"
phase "initramfs $tree" "initramfs-$tree"
rm -rf "$root" "$root.cpio"
mkdir -p "$root"/{bin,dev,proc,sys,jobs,selftests/fbdev,obj}

cp "$busybox" "$root/bin/busybox"
for applet in $("$busybox" --list); do
	[ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"
done
cp "$ROOT/harness/guest/init" "$root/init"
chmod 755 "$root/init"
for job in "$ROOT"/harness/guest/*; do
	[ "${job##*/}" = init ] || cp "$job" "$root/jobs/"
done

# lib.mk wants OUTPUT to exist and, given one, builds outside the source tree.
kselftest() { make -C "$src" OUTPUT="$root/obj" USERLDFLAGS=-static CC='gcc' "$@"; }
logged "selftests of $tree" kselftest all ||
	die "the selftests do not build; see ${LOG#"$ROOT"/}"
kselftest -s emit_tests COLLECTION=fbdev >"$root/selftests/list" 2>>"$LOG"
[ -s "$root/selftests/list" ] ||
	die "tools/testing/selftests/fbdev/Makefile names no tests (TEST_GEN_PROGS); add them"
find "$root/obj" -maxdepth 1 -type f -perm -u+x -exec mv -t "$root/selftests/fbdev" {} +
rm -rf "$root/obj"

(cd "$root" && find . -mindepth 1 | sort | cpio --quiet --reproducible -o -H newc -R 0:0) >"$root.cpio.new"
mv "$root.cpio.new" "$root.cpio"
printf '%s\n' "$root.cpio"
