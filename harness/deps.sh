#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# deps.sh [GROUP...]: installs the Debian packages that are missing, and only
# those. Groups: see the table; without one, all of them.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# group, package, what it is needed for
TABLE='
fetch   xz-utils                 the kernel source is an .xz archive
fetch   python3                  composes the series
fetch   git                      trees and patches
fetch   rsync                    the copy of KDIR
build   gcc                      the kernel
build   libc6-dev                host tools, static selftests
build   make                     kbuild
build   flex                     Kconfig and dtc lexers
build   bison                    Kconfig and dtc parsers
build   bc                       timeconst.h
build   libelf-dev               objtool
build   libssl-dev               certificate tools
build   ccache                   the second build is quick
build   kmod                     depmod, modinfo
build   cpio                     initramfs
build   rsync                    headers_install for the selftests
build   python3                  kunit.py
qemu    qemu-system-x86          boots the kernels
qemu    busybox-static           user space of the guest
i386    qemu-system-x86          make test ARCH=i386
arm64   gcc-aarch64-linux-gnu    make test ARCH=arm64
arm64   qemu-system-arm          make test ARCH=arm64
arm     gcc-arm-linux-gnueabihf  make test ARCH=arm
arm     qemu-system-arm          make test ARCH=arm
s390x   gcc-s390x-linux-gnu      make test ARCH=s390x
s390x   qemu-system-misc         make test ARCH=s390x
bench   gnuplot-nox              the plot of make bench
clients ffmpeg                   a real program that draws on fbdev
clients fbcat                    a real program that reads fbdev
check   sparse                   check-warnings
check   quilt                    check-apply
check   patch                    check-apply
check   perl                     checkpatch.pl
check   python3-ply              spdxcheck.py, which checkpatch.pl calls
check   python3-git              spdxcheck.py, which checkpatch.pl calls
check   coccinelle               the semantic patch
check   shellcheck               check-shell
check   python3-sphinx           check-docs
check   gcc-riscv64-linux-gnu    a kernel without an MMU, check-links
check   gcc-sh4-linux-gnu        check-superh
'

GROUPS_KNOWN=$(awk 'NF { print $1 }' <<<"$TABLE" | sort -u | tr '\n' ' ')
for group; do
	case " $GROUPS_KNOWN" in
	*" $group "*) ;;
	*) die "no group $group; groups are: $GROUPS_KNOWN" ;;
	esac
done
[ $# -gt 0 ] || read -ra all <<<"$GROUPS_KNOWN"
[ $# -gt 0 ] || set -- "${all[@]}"

missing=()
mapfile -t packages < <(awk -v groups=" $* " 'NF && index(groups, " " $1 " ") { print $2 }' <<<"$TABLE" | sort -u)
for package in "${packages[@]}"; do
	state=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) || state=
	[ "$state" = "install ok installed" ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

command -v apt-get >/dev/null ||
	die "this is not a Debian system; install what these packages hold by hand: ${missing[*]}"
as_root true || die "packages are missing; run as root: apt-get install ${missing[*]}"

# Two steps that both need packages must not both start apt.
lock apt
phase "packages: ${missing[*]}" deps
known=1
for package in "${missing[@]}"; do
	[ -n "$(apt-cache policy "$package" | awk '$1 == "Candidate:" && $2 != "(none)"')" ] || known=
done
update() { logged "apt-get update" as_root apt-get update || die "apt-get update fails; check the network and repeat"; }
install()
{
	logged "apt-get install" as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y \
		--no-install-recommends -o DPkg::Lock::Timeout=300 "${missing[@]}"
}

[ "$known" ] || update
if ! install; then
	# Old lists name files that the mirror has replaced.
	update
	install || die "cannot be installed: ${missing[*]}; see the log, then install them by hand"
fi
