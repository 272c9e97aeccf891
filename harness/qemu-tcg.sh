#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# QEMU for kunit.py, which starts it by its name, and in 7.3 asks for KVM first:
# the program $QEMU_PROGRAM, always emulated. A machine's own hypervisor must not
# decide whether a test passes.
#
# Messages of another CPU between the two lines that begin a suite are moved before
# them. Otherwise kunit.py takes the second line for the start of another suite, and
# loses the lines that follow.

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
# QEMU keeps this process, so that kunit.py can end it.
exec "$QEMU_PROGRAM" "${arguments[@]}" -accel tcg > >(exec sed --unbuffered -E '
	/KTAP version 1\r?$/ {
		:more
		$ b
		N
		/\n[^\n]*(# Subtest: |[0-9]+\.\.[0-9]+)[^\n]*$/ !b more
		s/^([^\n]*\n)(.*\n)([^\n]*)$/\2\1\3/
	}')
