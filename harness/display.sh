#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# display.sh DIR SECONDS CONFIG: drivers that serve page-backed memory by deferred
# I/O, on real (QEMU's) display hardware: a boot of the patched kernel in which
# ffmpeg draws on DRM's fbdev emulation, and a comparison of pictures: what ffmpeg
# draws into a file, what QEMU's screen shows, what fbcat reads, and what the screen
# shows when it was made black and when the picture was written line by line.
# Prints a line as judge.py does; each picture is one more test.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

[ $# -eq 3 ] || die "usage: harness/display.sh DIR SECONDS CONFIG, for instance: harness/display.sh out/display 600 debug"
dir=$1
# As boot.sh sets up the adapters.
WIDTH=640
HEIGHT=480
FRAMES=10
adapters=(bochs=bochs-drmdrmfb virtio-gpu=virtio_gpudrmfb)

initramfs=$("$ROOT/harness/initramfs.sh" patched)
clients=$("$ROOT/harness/clients.sh")
mkdir -p "$(dirname "$dir")"
# ffmpeg and its libraries are in memory twice while they are unpacked, beside
# KASAN's shadow, and the guest has 1 GiB.
cat "$initramfs" "$clients" | gzip -1 >"$dir.cpio"
phase "display hardware, $3 kernel" "test-$3-display"
logged "display hardware, $3 kernel" "$ROOT/harness/boot.sh" "$dir" "$2" "$(image_of patched "$3")" "$dir.cpio" \
	harness.job=display "harness.args=\"$FRAMES ${adapters[*]}\""
rm -f "$dir.cpio"
logged "ffmpeg to a file" draw_reference "$dir/reference.ppm" "$WIDTH" "$HEIGHT" "$FRAMES"
phase_end

line=$("$ROOT/harness/judge.py" plain "$dir") || [ $? -eq 1 ] || die "judge.py failed; see above"
IFS=' =' read -r _ passed _ failed _ skipped _ splats _ verdict <<<"$line"
[ ! -s "$dir/files.tar" ] || tar -C "$dir" -xf "$dir/files.tar"
{
	printf 'P6\n%d %d\n255\n' "$WIDTH" "$HEIGHT"
	head -c $((WIDTH * HEIGHT * 3)) /dev/zero
} >"$dir/black.ppm"
for adapter in "${adapters[@]%=*}"; do
	for picture in "$dir/$adapter.ppm" "$dir/$adapter-fbcat.ppm" "$dir/$adapter-black.ppm" \
		"$dir/$adapter-lines.ppm"; do
		reference=$dir/reference.ppm
		[ "$picture" != "$dir/$adapter-black.ppm" ] || reference=$dir/black.ppm
		if "$ROOT/harness/picture.py" same "$reference" "$picture" >&2; then
			passed=$((passed + 1))
		else
			failed=$((failed + 1)) verdict=bad
		fi
	done
done
echo "passed=$passed failed=$failed skipped=$skipped splats=$splats verdict=$verdict"
[ "$verdict" = good ]
