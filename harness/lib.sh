# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What every step of the harness shares. A step starts with
#
#	. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
#
# and then has: strict mode; ROOT, OUT, BASE, BOUT (everything that belongs to
# the base: out/$BASE, or out/kdir-... with KDIR=), PRISTINE, LOGS, ARCH, KDIR,
# V, JOBS; die, say, phase, logged, lock, base_get. Messages go to stderr, so
# that a step's stdout stays free for its result.

set -euo pipefail

# A make that called us would hand its own -s, -j and BASE= to the kernel's make.
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES GNUMAKEFLAGS
# A git hook that called us would point our git calls at the wrong repository.
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_PREFIX
unset CDPATH GREP_OPTIONS POSIXLY_CORRECT
# Debian's own programs first: their Python has the modules that deps.sh installs.
PATH=/usr/sbin:/usr/bin:/sbin:/bin:$PATH
export LC_ALL=C.UTF-8
export PYTHONDONTWRITEBYTECODE=1
umask 022

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
OUT=$ROOT/out
STEP=$(basename "$0" .sh)
BASE=${BASE:-6.12}
ARCH=${ARCH:-x86_64}
KDIR=${KDIR:-}
V=${V:-0}
JOBS=${JOBS:-$(nproc)}
# Steps call steps; the kernel's makefiles take V from their command line only.
export BASE ARCH KDIR V JOBS ROOT OUT

# For every kernel that is booted: contiguous memory for large framebuffers,
# memory that Linux does not use, as video memory of hyperv_fb's KUnit suite, and
# no console on a framebuffer until a test puts it there (there is no number 9).
# shellcheck disable=SC2016,SC2034 # the kernel's syntax; for boot.sh and kunit.sh
case $ARCH in
x86_64) TEST_ARGS='cma=64M memmap=32M$0x30000000 hyperv_fb.kunit_mmio=0x30000000 fbcon=map:9' ;;
# No memmap= there; Linux leaves the last 64 MiB alone.
arm64) TEST_ARGS='cma=64M mem=960M hyperv_fb.kunit_mmio=0x7c000000' ;;
# Below high memory, which dma_alloc_pages() does not use.
arm) TEST_ARGS='cma=64M@1G-1536M' ;;
*) TEST_ARGS='cma=64M' ;;
esac

PHASE=
PHASE_START=0
LOG=

say() { printf '%s\n' "$*" >&2; }

# die MESSAGE: one line that says what is wrong and what to do about it.
die()
{
	PHASE=
	printf '%s: %s\n' "$STEP" "$*" >&2
	exit 1
}

# fmt_time SECONDS -> "4 s" or "3 min 07 s"
fmt_time()
{
	if [ "$1" -lt 60 ]; then
		printf '%d s' "$1"
	else
		printf '%d min %02d s' $(($1 / 60)) $(($1 % 60))
	fi
}

phase_end()
{
	[ -n "$PHASE" ] || return 0
	say "-- $PHASE: ${1:-done} in $(fmt_time $((SECONDS - PHASE_START)))${LOG:+, log ${LOG#"$ROOT"/}}"
	PHASE=
}

# phase NAME [LOGNAME]: ends the phase before it, starts the next one and
# points LOG at its log (emptied), $LOGS/LOGNAME.log.
phase()
{
	phase_end
	PHASE=$1
	PHASE_START=$SECONDS
	LOG=$LOGS/${2:-$STEP}.log
	mkdir -p "$LOGS"
	: >"$LOG"
	say "== $PHASE"
}

CLEANUP=()
# tmp_dir VARIABLE: a directory that goes away with this process
tmp_dir()
{
	CLEANUP+=("$(mktemp -d)")
	printf -v "$1" '%s' "${CLEANUP[-1]}"
}

# The process group of the command that logged() waits for.
RUNNING=
on_exit()
{
	local rc=$?
	[ -z "$RUNNING" ] || kill -- "-$RUNNING" 2>/dev/null || say "   (what was running had ended)"
	[ ${#CLEANUP[@]} -eq 0 ] || rm -rf "${CLEANUP[@]}"
	if [ "$rc" -eq 0 ]; then phase_end; else phase_end "FAILED (exit $rc)"; fi
}
trap on_exit EXIT
# Ended from outside: nothing of ours goes on running.
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# logged LABEL COMMAND...: runs it with its output in $LOG (V=1: on stderr as
# well). Long work shows a sign of life; a failure shows the end of the log and
# returns the command's exit code.
logged()
{
	local label=$1 start=$SECONDS next=20 rc=0 pid tee=
	local from
	shift
	[ -n "$LOG" ] || die "logged() needs a phase() before it; fix the step"
	printf '++ %s\n' "$*" >>"$LOG"
	from=$(wc -l <"$LOG")
	# A process group of its own, so that all of it can be ended.
	set -m
	"$@" >>"$LOG" 2>&1 </dev/null &
	set +m
	pid=$!
	RUNNING=$pid
	if [ "$V" = 1 ]; then
		tail -s 0.2 -n "+$((from + 1))" -f --pid="$pid" "$LOG" >&2 &
		tee=$!
	fi
	while kill -0 "$pid" 2>/dev/null; do
		sleep 0.2
		if [ "$V" != 1 ] && [ $((SECONDS - start)) -ge "$next" ]; then
			say "   $label: $(fmt_time $((SECONDS - start))): $(tail -n 1 "$LOG" | tr -d '\r' | sed 's/^++.*//' | cut -c1-70)"
			next=$((next + 20))
		fi
	done
	wait "$pid" || rc=$?
	RUNNING=
	[ -z "$tee" ] || wait "$tee"
	if [ "$rc" -ne 0 ]; then
		say "   $label failed (exit $rc); ${LOG#"$ROOT"/} says, first errors and end:"
		tail -n +"$((from + 1))" "$LOG" | cut -c1-200 | awk -v last="$(wc -l <"$LOG")" -v from="$from" '
			NR + from > last - 12 { print "   | " $0; next }
			/[Ee]rror[: ]|ERROR|undefined reference|\*\*\* / && n++ < 5 { print "   | " $0 }' >&2
	fi
	return "$rc"
}

# lock NAME: one such step at a time in this repository, others wait.
lock()
{
	mkdir -p "$OUT"
	exec 9>"$OUT/.lock-$1"
	if ! flock -n 9; then
		say "   waiting for another run that holds out/.lock-$1"
		flock 9
	fi
}

# as_root COMMAND...: as root, if that needs no password; fails otherwise.
as_root()
{
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	else
		command -v sudo >/dev/null && sudo -n "$@"
	fi
}

# value_in FILE KEY: of the line KEY=value in that file below ROOT
value_in()
{
	local line
	while IFS= read -r line; do
		case $line in
		"$2="*) printf '%s\n' "${line#*=}"; return 0 ;;
		esac
	done <"$ROOT/$1"
	die "$1 has no line $2=; add it"
}

# base_get KEY, arch_get KEY: of bases/$BASE and of harness/arches/$ARCH
base_get() { value_in "bases/$BASE" "$1"; }
arch_get() { value_in "harness/arches/$ARCH" "$1"; }

# The selftests, and what the checks compile, are for x86_64 only.
need_x86_64() { [ "$ARCH" = x86_64 ] || die "only make test knows ARCH=$ARCH; leave it out"; }

# set_configs DEFAULT KERNEL...: sets $configs to what CONFIGS= names, each of them
# one of these kernels
set_configs()
{
	local default=$1 config use
	shift
	use="$(printf '%s, ' "${@:1:$#-1}")${!#} or $([ $# -eq 2 ] && echo both || echo several)"
	read -ra configs <<<"${CONFIGS:-$default}"
	[ ${#configs[@]} -gt 0 ] || die "CONFIGS='$CONFIGS' names no kernel; use $use"
	for config in "${configs[@]}"; do
		[[ " $* " == *" $config "* ]] || die "CONFIGS=$CONFIGS names no kernel $config; use $use"
	done
}

# need_numbers DIGITS NAME...: these variables are whole numbers of at most so many digits
need_numbers()
{
	local digits=$1 name
	shift
	for name; do
		[[ ${!name} =~ ^(0|[1-9][0-9]{0,$((digits - 1))})$ ]] ||
			die "$name=${!name} is no number; use e.g. $name=1000"
	done
}

# build_dir TREE CONFIG: where build.sh builds it
build_dir()
{
	if [ "$ARCH" = x86_64 ]; then
		printf '%s\n' "$BOUT/build/$1-$2"
	else
		printf '%s\n' "$BOUT/build/$1-$2-$ARCH"
	fi
}

# kernel_version DIR -> 6.12.117; fails when DIR is not a kernel source tree
kernel_version()
{
	[ -f "$1/Makefile" ] && [ -f "$1/Kconfig" ] && [ -d "$1/drivers/video/fbdev" ] || return 1
	awk '$2 == "=" && $1 == "VERSION" { v = $3 }
	     $2 == "=" && $1 == "PATCHLEVEL" { p = $3 }
	     $2 == "=" && $1 == "SUBLEVEL" { s = $3; exit }
	     END { if (v == "" || p == "") exit 1; print v "." p "." (s == "" ? 0 : s) }' "$1/Makefile"
}

# in_bout DIR STEP ARGS...: a step with that directory for $BOUT
in_bout()
{
	local dir=$1 step=$2
	shift 2
	HARNESS_BOUT=$dir "$ROOT/harness/$step.sh" "$@"
}

# image_of TREE CONFIG: the kernel that build.sh leaves there
image_of() { printf '%s/%s\n' "$(build_dir "$1" "$2")" "$(arch_get image)"; }

# selftest_program NAME: the program below selftests/fbdev that has this selftest
selftest_program()
{
	case $1 in
	ssd1307*) echo ssd1307 ;;
	*) echo fb_defio ;;
	esac
}

# draw_reference FILE WIDTH HEIGHT FRAMES: what the guest's ffmpeg leaves on a
# framebuffer (harness/guest), with no framebuffer involved
draw_reference()
{
	ffmpeg -nostdin -hide_banner -loglevel error -f lavfi -i "testsrc=size=${2}x$3:rate=10" \
		-frames:v "$4" -pix_fmt rgb24 -f image2 -update 1 "$1"
}

known_bases() { (cd "$ROOT/bases" && printf '%s ' *) | sed 's/ $//'; }
known_arches() { (cd "$ROOT/harness/arches" && printf '%s ' *) | sed 's/ $//'; }

check_variables()
{
	local version

	case $BASE in
	*/* | . | .. | '') die "BASE=$BASE is not a base; use one of: $(known_bases)" ;;
	esac
	[ -f "$ROOT/bases/$BASE" ] || die "BASE=$BASE is not a base; use one of: $(known_bases)"
	case $ARCH in
	*/* | . | .. | '') die "ARCH=$ARCH is not supported; use one of: $(known_arches)" ;;
	esac
	[ -f "$ROOT/harness/arches/$ARCH" ] ||
		die "ARCH=$ARCH is not supported; use one of: $(known_arches)"
	case $V in
	0 | 1) ;;
	*) die "V=$V makes no sense; use V=1 for the full output or leave it out" ;;
	esac
	case $JOBS in
	'' | *[!0-9]* | 0*) die "JOBS=$JOBS is not a number of jobs; leave it out or use e.g. JOBS=2" ;;
	esac
	[ -z "$KDIR" ] && return 0
	[ -d "$KDIR" ] || die "KDIR=$KDIR is not a directory; give the path of a Linux $BASE source tree"
	KDIR=$(cd "$KDIR" && pwd -P)
	export KDIR
	version=$(kernel_version "$KDIR") ||
		die "KDIR=$KDIR is not a kernel source tree; give the path of a Linux $BASE source tree"
	case $version in
	"$BASE".*) ;;
	*) die "KDIR=$KDIR is Linux $version, the series is for $BASE.y; give such a tree or another BASE=" ;;
	esac
	case $KDIR in
	"$OUT"/*) die "KDIR=$KDIR lies in the harness's own out/; leave KDIR out to use that tree" ;;
	esac
}

check_variables

if [ -n "$KDIR" ]; then
	BOUT=$OUT/kdir-$(printf '%s' "$KDIR" | sha1sum | cut -c1-12)
else
	BOUT=$OUT/$BASE
fi
# A step's own trees, laid out as those of the base.
[ -z "${HARNESS_BOUT:-}" ] || BOUT=$HARNESS_BOUT
PRISTINE=$BOUT/pristine
LOGS=$BOUT/logs
# Several steps may run at once (a check calls tree.sh): keep their logs apart.
[ "${HARNESS_LOGS:-}" ] && LOGS=$HARNESS_LOGS
export BOUT PRISTINE

# Paths below ROOT are hashed relative to the working directory, so that a clone
# in another place, or another O= directory at the same depth, hits the cache.
export CCACHE_DIR=${CCACHE_DIR:-$OUT/ccache}
export CCACHE_BASEDIR=$ROOT
export CCACHE_NOHASHDIR=1
# The compiler's messages are in English here, whatever the caller's LANG.
export CCACHE_SLOPPINESS=time_macros,locale
# A miss needs no preprocessor run of its own, which makes a cold build a quarter
# faster. The price: a configuration finds nothing that another one has compiled.
export CCACHE_DEPEND=1
export CCACHE_MAXSIZE=${CCACHE_MAXSIZE:-5G}

# The same source gives the same kernel, and no release string changes because
# a commit was made in the tree.
export KBUILD_BUILD_TIMESTAMP='Thu Jan  1 00:00:00 UTC 1970'
export KBUILD_BUILD_USER=harness
export KBUILD_BUILD_HOST=localhost
export LOCALVERSION=
