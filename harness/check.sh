#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# check.sh [NAME...]: runs harness/check-NAME.sh, all of them or those named, or, with
# -NAME, all but those. A check passes by exit code 0 and is skipped by 77; anything
# else is a failure.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_x86_64
[ -z "$KDIR" ] || die "the checks belong to a base; leave KDIR= out, or use make test KDIR="
mapfile -t known < <(cd "$ROOT/harness" && printf '%s\n' check-*.sh | sed 's/^check-//; s/\.sh$//')
# ONLY="a b" and ONLY=a,b are the same.
read -ra names <<<"$(tr ',' ' ' <<<"$*")"
set -- "${names[@]}"
left=("${known[@]}")
for name; do
	[ -f "$ROOT/harness/check-${name#-}.sh" ] || die "there is no check ${name#-}; checks are: ${known[*]}"
	mapfile -t left < <(printf '%s\n' "${left[@]}" | grep -vx -- "${name#-}")
done
case " $* " in
*" -"*" "[a-z]* | " "[a-z]*" -"*) die "ONLY='$*' names both what to run and what to leave out; use one of them" ;;
" -"* | "  ") set -- "${left[@]}" ;;
esac

"$ROOT/harness/deps.sh" fetch build check
passed=0 failed=0 skipped=0 summary=()
for name; do
	start=$SECONDS
	rc=0
	"$ROOT/harness/check-$name.sh" || rc=$?
	case $rc in
	0) word=ok; passed=$((passed + 1)) ;;
	77) word=SKIP; skipped=$((skipped + 1)) ;;
	*) word=FAIL; failed=$((failed + 1)) ;;
	esac
	summary+=("$(printf '%-5s %-12s %14s  %s' "$word" "$name" "$(fmt_time $((SECONDS - start)))" \
		"${LOGS#"$ROOT"/}/check-$name.log")")
done
echo
printf '%s\n' "${summary[@]}"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
