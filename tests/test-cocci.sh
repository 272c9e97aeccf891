#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# make cocci: what it says of a driver, and of what is no driver.

. "$(dirname "${BASH_SOURCE[0]}")/tap.sh"

cocci() { make -s -C "$TESTS/.." cocci "$@"; }

# driver FILE: one with two findings
driver()
{
	cat >"$1" <<-'END'
		static int probe(struct spi_device *spi, struct fb_info *info)
		{
			info->screen_buffer = (void *)__get_free_pages(GFP_KERNEL, 2);
			fb_deferred_io_init(info);
			return register_framebuffer(info);
		}
	END
}

test_each_finding_has_advice()
{
	driver driver.c
	cocci FILES="$T/driver.c" >said
	sed -n "s,^$T/driver.c:\([0-9]*\): .*,\1,p" said >lines
	printf '3\n4\n' >expected
	same expected lines
	[ "$(grep -c '^	[A-Z].*\.$' said)" -eq 2 ] || fail "not one sentence for each"
	[ "$(grep -c '(docs/migration.md, "' said)" -eq 2 ] || fail "not one section for each"
	[ "$(tail -n 1 said)" = 'files: 1, findings: 2' ] || fail "another sum: $(tail -n 1 said)"
}

test_several_files()
{
	mkdir drivers
	driver drivers/a.c
	driver drivers/b.c
	printf 'int x;\n' >drivers/none.c
	: >drivers/empty.c
	cocci FILES="$T/drivers/*.c" >said
	grep -q 'none.c: does not call fb_deferred_io_init()' said || fail "no word about none.c"
	[ "$(tail -n 1 said)" = 'files: 4, findings: 4' ] || fail "another sum: $(tail -n 1 said)"
	cocci FILES="$T/drivers/a.c $T/drivers/b.c" >said
	[ "$(tail -n 1 said)" = 'files: 2, findings: 4' ] || fail "another sum: $(tail -n 1 said)"
}

test_what_cannot_be_parsed_is_no_success()
{
	driver driver.c
	printf 'static int more(struct fb_info *info\n{\n\treturn fb_deferred_io_init(info);\n}\n' >>driver.c
	refuses one-line 'cannot parse .*/driver.c:8; the functions there are not judged' cocci FILES="$T/driver.c"
	grep -q '^files: 1, findings: 2$' .stdout || fail "no findings in the rest of the file"
}

test_finding_without_advice()
{
	mkdir repo
	cp -r "$TESTS"/../{harness,bases,docs,scripts,Makefile} repo
	sed -i '/^| `the result of/d' repo/docs/migration.md
	driver driver.c
	refuses 'says nothing about the finding above' make -s -C repo cocci FILES="$T/driver.c"
}

test_bad_input()
{
	driver driver.c
	refuses one-line 'no file to look at; use make cocci FILES=' cocci
	refuses one-line 'no file to look at' cocci FILES=
	refuses one-line 'there is no file /nowhere/driver.c;' cocci FILES=/nowhere/driver.c
	refuses one-line "$T is a directory; name C files" cocci FILES="$T"
	printf 'all:\n' >Makefile
	refuses one-line 'Makefile is no C source' cocci FILES="$T/Makefile"
	head -c 100 /dev/zero >binary.c
	refuses one-line 'binary.c is no C source' cocci FILES="$T/binary.c"
	refuses one-line 'there is no /nowhere/spatch; install Coccinelle' \
		cocci FILES="$T/driver.c" SPATCH=/nowhere/spatch
	printf '#!/bin/sh\necho "it has no Python" >&2\nexit 2\n' >spatch
	chmod +x spatch
	refuses one-line 'spatch fails: it has no Python' cocci FILES="$T/driver.c" SPATCH="$T/spatch"
}

tap_run
