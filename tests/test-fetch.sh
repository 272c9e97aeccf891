#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# make fetch, with an apt of our own making: what is downloaded, what is kept, and
# what a failure leaves behind (nothing).

. "$(dirname "${BASH_SOURCE[0]}")/tap.sh"
. "$TESTS/fake.sh"

# package BASE VERSION SUBLEVEL: a linux-source package, now the one that apt has
package()
{
	local name=linux-source-$1
	rm -rf deb apt
	mkdir -p deb/DEBIAN deb/usr/src apt "linux-source-$1"
	fake_kernel "$name" "$3"
	sed -i "s/^VERSION = .*/VERSION = ${1%.*}/; s/^PATCHLEVEL = .*/PATCHLEVEL = ${1#*.}/" "$name/Makefile"
	tar -cJf "deb/usr/src/$name.tar.xz" "$name"
	printf 'Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: x <x@example.org>\nDescription: x\n' \
		"$name" "$2" >deb/DEBIAN/control
	dpkg-deb --build deb "apt/$name.deb" >/dev/null
	printf '%s\n' "$2" >apt/version
	rm -rf "$name"
}

# apt_stubs: apt-get and apt-cache that know only $T/apt, and note their calls
apt_stubs()
{
	mkdir bin
	cat >bin/apt-get <<-END
		#!/bin/sh
		echo "\$*" >>$T/calls
		case "\$*" in
		*indextargets*)
			echo 'Packages http://security.example.org/debian-security stable-security main'
			echo 'Packages http://mirror.example.org/debian stable main' ;;
		*download*) cp $T/apt/*.deb . ;;
		*update*) ;;
		esac
	END
	cat >bin/apt-cache <<-END
		#!/bin/sh
		if [ -f $T/apt/version ]; then echo "  Candidate: \$(cat $T/apt/version)"; fi
	END
	chmod +x bin/*
	sed -i "s,^PATH=,&$T/bin:," "$R/harness/lib.sh"
}

bare_repo()
{
	fake_repo
	rm -rf "$R"/out/*
	apt_stubs
}

test_fetch()
{
	bare_repo
	package 6.12 6.12.5-1 5
	steps fetch 2>said
	grep -q '6.12.5-1, the version that the series was tested with' said || fail "does not name the version"
	[ "$(cat "$R/out/6.12/version")" = 6.12.5-1 ] || fail "does not record the version"
	[ -f "$R/out/6.12/pristine/mm/memory.c" ] || fail "no tree"
	: >calls
	"$R/harness/fetch.sh"
	[ ! -s calls ] || fail "calls apt though the tree is there"
}

test_later_version_is_accepted_and_named()
{
	bare_repo
	package 6.12 6.12.8-2 8
	steps fetch 2>said
	grep -q '6.12.8-2; the series was tested with 6.12.5-1' said || fail "does not say that it is another one"
	"$R/harness/tree.sh" patched
	grep -q twenty "$P/mm/memory.c" || fail "the series is not in"
	package 6.12 6.12.9-1 9
	steps fetch
	grep -q 'SUBLEVEL = 9' "$R/out/6.12/pristine/Makefile" || fail "not updated"
	"$R/harness/tree.sh" patched
	grep -q 'SUBLEVEL = 9' "$P/Makefile" || fail "the patched tree is not updated"
}

test_suite_of_its_own_leaves_the_machines_apt_alone()
{
	bare_repo
	package 7.3 7.3.4-1 4
	steps fetch BASE=7.3
	grep -q 'http://mirror.example.org/debian trixie-backports main' "$R"/out/apt/trixie-backports/etc/sources.list ||
		fail "does not use the machine's mirror"
	if grep -E 'update|download' calls | grep -v "Dir::State=$R/out/apt"; then fail "used the machine's apt state"; fi
	[ "$(cat "$R/out/7.3/version")" = 7.3.4-1 ] || fail "does not record the version"
}

test_damaged_package_leaves_nothing()
{
	bare_repo
	package 6.12 6.12.5-1 5
	truncate -s -600 apt/linux-source-6.12.deb
	refuses 'cannot be |cannot download' steps fetch
	for path in pristine version; do
		[ ! -e "$R/out/6.12/$path" ] || fail "left half a tree"
	done
}

test_package_of_another_kernel()
{
	bare_repo
	package 6.12 6.12.5-1 5
	mkdir x
	dpkg-deb -R apt/linux-source-6.12.deb x
	fake_kernel other 1
	sed -i 's/^PATCHLEVEL = .*/PATCHLEVEL = 13/' other/Makefile
	tar -cJf x/usr/src/linux-source-6.12.tar.xz other
	dpkg-deb --build x apt/linux-source-6.12.deb
	refuses 'holds no Linux 6.12.y' steps fetch
	[ ! -e "$R/out/6.12/pristine" ] || fail "left the wrong tree"
}

test_no_such_package()
{
	bare_repo
	refuses 'apt has no package linux-source-6.12; run apt-get update' steps fetch
}

test_no_network()
{
	bare_repo
	package 6.12 6.12.5-1 5
	printf '#!/bin/sh\ncase "$*" in *indextargets*) echo Packages http://m.example.org/debian x main ;; *) exit 100 ;; esac\n' >bin/apt-get
	refuses 'check the network and repeat' "$R/harness/fetch.sh"
	refuses 'check the network and repeat' env BASE=7.3 "$R/harness/fetch.sh"
}

tap_run
