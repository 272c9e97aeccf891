#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# With Debian's own amd64 configuration, its drivers of drivers/video/fbdev/ and the
# users of deferred I/O that it leaves out, DRM's fbdev emulation, the touched files of
# mm/ and the tests compile, and the compiler says nothing about them that it does not
# say without the series.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$ROOT/harness/trees.sh"
. "$ROOT/harness/kbuild.sh"

check_tree
"$ROOT/harness/fetch.sh" --config
phase "check-debian" check-debian
OBJ=$CHECK/obj-debian
WORK=
tmp_dir WORK
SCOPE=(drivers/video/fbdev drivers/hid lib/tests mm drivers/gpu/drm)
# Drivers that the series converts, users that no patch touches, of which docs/users.md
# says that they are compiled, and two that there are only with Debian's CONFIG_FB=y.
USERS=(drivers/hid/hid-picolcd_fb.o)
for path in ssd1307fb sh_mobile_lcdcfb broadsheetfb hecubafb metronomefb smscufx udlfb xen-fbfront vesafb efifb; do
	USERS+=("drivers/video/fbdev/$path.o")
done
[ ! -f "$PRISTINE/drivers/video/fbdev/hyperv_fb.c" ] || USERS+=(drivers/video/fbdev/hyperv_fb.o)
TESTS=(lib/tests/fb_defio_mock.o lib/tests/fb_defio_kunit.o lib/tests/pfnmap_kunit.o lib/tests/ssd1307_i2c_mock.o)

# messages COMMIT: what the compiler says there; $WORK/COMMIT.objects: what it made
messages()
{
	local targets=(drivers/video/fbdev/ drivers/hid/hid-picolcd_fb.o mm/memory.o mm/rmap.o) path from
	tree_at "$1"
	# Without a makefile of its own, the directory is no target (6.12).
	[ ! -f "$TREE/lib/tests/Makefile" ] || targets+=(lib/tests/)
	for path in "${TESTS[@]}"; do
		[ ! -f "$TREE/${path%.o}.c" ] || targets+=("$path")
	done
	for path in "$TREE"/drivers/gpu/drm/*fbdev*.c; do
		path=${path#"$TREE"/}
		targets+=("${path%.c}.o")
	done
	mkdir -p "$OBJ"
	cat "$BOUT/debian.config" "$ROOT/harness/check/debian.config" >"$OBJ/.config"
	logged "configuration ($1)" kmake "$TREE" "$OBJ" olddefconfig || die "the kernel cannot be configured; see the log"
	# An object that is up to date would be silent.
	for path in "${SCOPE[@]}"; do
		[ ! -d "$OBJ/$path" ] || find "$OBJ/$path" -name '*.o' -delete
	done
	from=$(wc -l <"$LOG")
	logged "objects ($1)" kmake "$TREE" "$OBJ" "${targets[@]}" || die "these do not compile; see the log"
	tail -n "+$((from + 1))" "$LOG" | compiler_messages >"$WORK/$1"
	for path in "${SCOPE[@]}"; do
		[ ! -d "$OBJ/$path" ] || (cd "$OBJ" && find "$path" -name '*.o')
	done | sort >"$WORK/$1.objects"
}

messages base
messages end
# What the base compiled, the series has to compile, too, and users and tests with it.
missing=$(comm -23 "$WORK/base.objects" "$WORK/end.objects")
for path in "${USERS[@]}" "${TESTS[@]}"; do
	grep -qxF "$path" "$WORK/end.objects" || missing+=" $path"
done
[ -z "$missing" ] || die "not compiled: $missing; correct harness/check/debian.config"
no_new_messages "$WORK/base" "$WORK/end"
say "   $(wc -l <"$WORK/end.objects") objects"
