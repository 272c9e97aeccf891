#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# clients.sh: the machine's own (Debian's) ffmpeg and fbcat with the libraries
# that they load, as $BOUT/build/clients.cpio, to be appended to an initramfs.
# The guest gets copies of just these files; nothing of the machine is shared
# with it. Prints the path.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

root=$BOUT/build/clients
lock clients
phase "fbdev clients from Debian" clients
rm -rf "$root" "$root.cpio"
mkdir -p "$root/bin"
for name in ffmpeg fbcat; do
	path=$(command -v "$name") || die "$name is missing; run harness/deps.sh clients"
	cp -L "$path" "$root/bin/$name"
	# "libfoo.so.1 => /path (address)" and, for the loader, "/path (address)".
	ldd "$path" | sed -nE 's,^[^/]*(/[^ ]+) \(0x[0-9a-f]+\)$,\1,p'
done | sort -u >"$root.list"
[ -s "$root.list" ] || die "ldd names no library of ffmpeg; is it Debian's? reinstall the package ffmpeg"
while IFS= read -r path; do
	mkdir -p "$root$(dirname "$path")"
	cp -L "$path" "$root$path"
done <"$root.list"
dpkg-query -W -f '${Package} ${Version}\n' ffmpeg fbcat >"$LOG"
(cd "$root" && find . -mindepth 1 | sort | cpio --quiet --reproducible -o -H newc -R 0:0) >"$root.cpio"
rm -rf "$root" "$root.list"
printf '%s\n' "$root.cpio"
