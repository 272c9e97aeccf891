#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# QEMU for kunit.py, which starts it by its name, and in 7.3 asks for KVM first:
# the program $QEMU_PROGRAM, always emulated. A machine's own hypervisor must not
# decide whether a test passes.

set -euo pipefail
: "${QEMU_PROGRAM:?qemu-tcg.sh is called by kunit.sh, which sets it}"
arguments=()
while [ $# -gt 0 ]; do
	if [ "$1" = -accel ]; then
		shift
	else
		arguments+=("$1")
	fi
	shift
done
exec "$QEMU_PROGRAM" "${arguments[@]}" -accel tcg
