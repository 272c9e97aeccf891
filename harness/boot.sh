#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# boot.sh DIR SECONDS IMAGE INITRAMFS [KERNEL ARGUMENT...]: one QEMU boot.
# Leaves in DIR: console.log (the kernel), verdict (what the guest sent over its
# own virtio-serial port), files.tar (files that the guest handed out), status
# (QEMU's exit code, 124 after SECONDS) and qemu.sh (the command, to repeat it).
# The guest can give commands to QEMU's monitor; files that these name are in DIR.
# It judges nothing, harness/judge.py does; so it fails only when QEMU cannot run.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

[ $# -ge 4 ] || die "usage: harness/boot.sh DIR SECONDS IMAGE INITRAMFS [KERNEL ARGUMENT...]"
dir=$1
seconds=$2
image=$3
initramfs=$4
shift 4
qemu=${QEMU:-qemu-system-x86_64}
command -v "$qemu" >/dev/null || die "$qemu is missing; run harness/deps.sh qemu"
for file in "$image" "$initramfs"; do
	[ -s "$file" ] || die "$file is missing or empty; build it first"
done
image=$(realpath "$image") initramfs=$(realpath "$initramfs")

rm -rf "$dir"
mkdir -p "$dir"
dir=$(cd "$dir" && pwd -P)
# A panic ends QEMU at once: reboot without delay, and QEMU does not reboot. The
# default machine's interrupt routing is a program that a debug kernel takes 20
# seconds to interpret, once for each device; that of q35 is a table.
# shellcheck disable=SC2054 # QEMU's options have commas
command=(
	"$qemu" -machine q35 -accel tcg -smp 2 -m 1024 -nodefaults -no-user-config -display none
	-bios qboot.rom -no-reboot
	-kernel "$image" -initrd "$initramfs"
	-append "console=ttyS0 panic=-1 oops=panic kunit.enable=0 $TEST_ARGS $*"
	-serial "file:$dir/console.log"
	-device virtio-serial-pci
	-chardev "file,id=verdict,path=$dir/verdict"
	-device virtserialport,chardev=verdict,name=harness.verdict
	-chardev "file,id=files,path=$dir/files.tar"
	-device virtserialport,chardev=files,name=harness.files
	# The path of a socket must be short.
	-chardev socket,id=monitor,path=monitor.sock,server=on,wait=off -mon chardev=monitor
	-chardev socket,id=guest,path=monitor.sock
	-device virtserialport,chardev=guest,name=harness.monitor
	-device bochs-display,id=bochs,xres=640,yres=480
	-device virtio-gpu-pci,id=virtio-gpu,xres=640,yres=480
)
printf '#!/bin/sh\n# SPDX-License-Identifier: GPL-2.0\ncd %q && exec%s\n' "$dir" \
	"$(printf ' %q' "${command[@]}")" >"$dir/qemu.sh"
chmod +x "$dir/qemu.sh"

start=$SECONDS
status=0
cd "$dir"
timeout --kill-after=10 "$seconds" "${command[@]}" >"$dir/qemu.log" 2>&1 || status=$?
rm -f monitor.sock
printf '%d\n' "$status" >"$dir/status"
say "   boot ${dir#"$OUT"/}: $(fmt_time $((SECONDS - start))), log ${dir#"$ROOT"/}/console.log"
case $status in
0 | 124 | 137) ;;
*) die "QEMU failed (exit $status): $(tail -n 1 "$dir/qemu.log"); to repeat: ${dir#"$ROOT"/}/qemu.sh" ;;
esac
