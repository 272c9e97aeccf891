#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# make run: the same program draws on a contiguous framebuffer of the unpatched
# and of the patched kernel; then ffmpeg draws and fbcat reads on the patched
# one. Leaves pictures in out/run/BASE. Fails when the bug does not show on the
# one kernel, or anything at all is wrong on the other.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

RUN=$OUT/run/${BOUT##*/}
RESULTS=$BOUT/results/run
# An order 10 block, the largest that the page allocator has on x86.
WIDTH=1024
HEIGHT=1024
DEVICE="mem=alloc_pages xres=$WIDTH yres=$HEIGHT"
FRAMES=10
CLIENT_WIDTH=640
CLIENT_HEIGHT=480

# boot NAME TREE INITRAMFS JOB ARGS [KERNEL ARGUMENT...]
boot()
{
	local name=$1 tree=$2 initramfs=$3 job=$4 args=$5
	shift 5
	phase "$name" "run-$name"
	logged "$name" "$ROOT/harness/boot.sh" "$RESULTS/$name" 300 "$(image_of "$tree" plain)" \
		"$initramfs" "harness.job=$job" "harness.args=\"$args\"" init_on_alloc=1 "$@"
}

# value RUN KEY: what fb_defio_draw reported, or "-" if it did not get that far
value() { awk -v key="$2" '$1 == key { print $2; found = 1 } END { if (!found) print "-" }' "$RESULTS/$1/verdict"; }

row() { printf '%-28s %-14s %s\n' "$@"; }

# both TEXT KEY: a row of the table
both() { row "$1" "$(value unpatched "$2")" "$(value patched "$2")"; }

# good RUN: sets $judged, what the judge says of a run that has to be good
good() { judged=$("$ROOT/harness/judge.py" plain "$RESULTS/$1") || die "the run '$1' on the patched kernel went wrong; see above"; }

# wants KEY VALUE: what fb_defio_draw has to report of the patched kernel
wants()
{
	local got
	got=$(value patched "$1")
	[ "$got" = "$2" ] || die "on the patched kernel, $1 is $got and has to be $2; see ${RESULTS#"$ROOT"/}/patched/verdict"
}

splats() { sed 's/.*splats=//; s/ .*//' <<<"$1"; }

need_x86_64
"$ROOT/harness/deps.sh" fetch build qemu clients
for tree in unpatched patched; do
	"$ROOT/harness/tree.sh" "$tree"
	"$ROOT/harness/build.sh" "$tree" plain >/dev/null
done
unpatched=$("$ROOT/harness/initramfs.sh" unpatched)
patched=$("$ROOT/harness/initramfs.sh" patched)
clients=$("$ROOT/harness/clients.sh")
rm -rf "$RESULTS" "$RUN"
mkdir -p "$RESULTS" "$RUN"
cat "$patched" "$clients" >"$RESULTS/clients.cpio"

boot unpatched unpatched "$unpatched" draw "$DEVICE"
boot patched patched "$patched" draw "$DEVICE"
boot clients patched "$RESULTS/clients.cpio" clients "$CLIENT_WIDTH $CLIENT_HEIGHT $FRAMES"
# hyperv_fb and the host of its KUnit suite, on a base that has the driver.
hyperv=
if [ -f "$BOUT/patched/drivers/video/fbdev/hyperv_fb_kunit.c" ]; then
	hyperv=yes
	boot hyperv patched "$RESULTS/clients.cpio" hyperv "$CLIENT_WIDTH $CLIENT_HEIGHT $FRAMES" hyperv_fb.kunit_host=1
fi
rm -f "$RESULTS/clients.cpio"

phase "pictures" run-pictures
logged "ffmpeg to a file" draw_reference "$RESULTS/reference.ppm" "$CLIENT_WIDTH" "$CLIENT_HEIGHT" "$FRAMES"
good clients
if [ "$hyperv" ]; then
	good hyperv
	tar -C "$RESULTS/hyperv" -xf "$RESULTS/hyperv/files.tar"
	screen=${CLIENT_WIDTH}x$CLIENT_HEIGHT:$RESULTS/hyperv/screen.raw
	logged "the host's picture" "$ROOT/harness/picture.py" same "$RESULTS/reference.ppm" "$screen" ||
		die "the host of hyperv_fb has received another picture; see ${RESULTS#"$ROOT"/}/hyperv"
	"$ROOT/harness/picture.py" png "$screen" "$RUN/hyperv.png"
fi
good patched
wants first_write_faults_per_page 1.00
wants stolen_pages 0
wants panel_equals_framebuffer yes
wants bad_pages 0
tar -C "$RESULTS/patched" -xf "$RESULTS/patched/files.tar"
tar -C "$RESULTS/clients" -xf "$RESULTS/clients/files.tar"
panel=${CLIENT_WIDTH}x$CLIENT_HEIGHT:$RESULTS/clients/panel.raw
logged "pictures" "$ROOT/harness/picture.py" same "$RESULTS/reference.ppm" "$panel" "$RESULTS/clients/fbcat.ppm" ||
	die "what Debian's clients drew and read is not the same picture; see ${RESULTS#"$ROOT"/}/clients"
"$ROOT/harness/picture.py" png "$RESULTS/patched/panel.ppm" "$RUN/panel.png"
"$ROOT/harness/picture.py" png "$panel" "$RUN/ffmpeg.png"
"$ROOT/harness/picture.py" png "$RESULTS/clients/fbcat.ppm" "$RUN/fbcat.png"
# 7.3 can do the damage without a word.
words=$("$ROOT/harness/judge.py" quote "$RESULTS/unpatched" 'Bad page|list_(add|del)|Bad rss|VM_BUG_ON|BUG:') || {
	stolen=$(value unpatched stolen_pages)
	[[ $stolen = [1-9]* ]] ||
		die "the unpatched kernel did nothing wrong; see ${RESULTS#"$ROOT"/}/unpatched/console.log"
	words="nothing, but others got $stolen pages of the framebuffer"
}
unpatched_judged=$("$ROOT/harness/judge.py" plain "$RESULTS/unpatched" 2>>"$LOG") &&
	die "the unpatched kernel was judged good; see ${RESULTS#"$ROOT"/}/unpatched"
phase_end

echo
echo "Linux $(kernel_version "$BOUT/patched"): ${WIDTH}x$HEIGHT pixels in one alloc_pages() block, drawn through mmap()"
echo
row '' unpatched patched
both 'pages' pages
both 'faults per first write' first_write_faults_per_page
both 'flushes' flushes
both 'panel == framebuffer' panel_equals_framebuffer
both 'pages that others got' stolen_pages
row 'kernel splats' "$(splats "$unpatched_judged")" "$(splats "$judged")"
echo
echo "what the unpatched kernel says:"
printf '%s\n' "$words" | sed 's/^/   | /' | cut -c1-150
echo
echo "Debian's clients on the patched kernel, ${CLIENT_WIDTH}x$CLIENT_HEIGHT: what ffmpeg drew through mmap(),"
echo "what the panel shows, what fbcat read and what ffmpeg renders to a file are equal"
echo "($(value clients flushes) flushes, $(value clients pages) pages sent to the panel)"
echo
if [ "$hyperv" ]; then
	echo "hyperv_fb, Generation 1, on the host of its KUnit suite: the host has received what"
	echo "ffmpeg drew through mmap(), in $(value hyperv rectangles) rectangles"
	echo
fi
echo "pictures: ${RUN#"$ROOT"/}/panel.png, ffmpeg.png, fbcat.png${hyperv:+, hyperv.png}; logs: ${RESULTS#"$ROOT"/}/*/console.log"
