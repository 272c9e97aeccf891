#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
#
# cocci.sh [FILE...]: what the semantic patch says of C files of any driver (FILES=
# if there are no arguments), each judged alone, with what docs/migration.md says
# about each finding. Findings are no failure; a file that cannot be judged is one.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

RULE=$ROOT/scripts/coccinelle/api/fb_deferred_io.cocci
GUIDE=$ROOT/docs/migration.md
SPATCH=${SPATCH:-spatch}

# shellcheck disable=SC2086 # FILES="a.c b.c" and FILES="dir/*.c" are several
[ $# -gt 0 ] || set -- ${FILES:-}
[ $# -gt 0 ] || die "no file to look at; use make cocci FILES=path/to/driver.c"
for file; do
	[ -e "$file" ] || die "there is no file $file; give the path of a driver's C source"
	[ ! -d "$file" ] || die "$file is a directory; name C files, such as FILES='$file/*.c'"
	if [[ $file != *.c ]] || { [ -s "$file" ] && ! grep -qI '' "$file"; }; then
		die "$file is no C source; give the path of a driver's .c file"
	fi
done
command -v "$SPATCH" >/dev/null ||
	die "there is no $SPATCH; install Coccinelle (on Debian: apt-get install coccinelle) and repeat"

WORK=
tmp_dir WORK

# advise: adds to each finding of stdin what the table in $GUIDE says about it
advise()
{
	awk -F' *[|] *' '
		NR == FNR {
			if (NF == 5 && $2 ~ /^`.*`$/) {
				gsub(/`/, "", $2)
				gsub(/[().]/, "[&]", $2)
				sub(/NAME|FIELD/, "[A-Za-z0-9_]+", $2)
				todo["^" $2 "$"] = $3 "\n\t(docs/migration.md, \"" $4 "\")"
			}
			next
		}
		{
			match($0, /:[0-9]+:[0-9]+-[0-9]+: WARNING: /)
			place = substr($0, 1, RSTART - 1)
			finding = substr($0, RSTART + RLENGTH)
			split(substr($0, RSTART + 1), number, ":")
			advice = ""
			for (pattern in todo)
				if (finding ~ pattern)
					advice = todo[pattern]
			if (!RSTART || advice == "") {
				print $0 >"/dev/stderr"
				exit 1
			}
			print place ":" number[1] ": " finding "\n\t" advice
		}' "$GUIDE" - || die "docs/migration.md says nothing about the finding above; add it to the table there"
}

found=0
unread=()
for file; do
	if ! grep -q fb_deferred_io_init "$file"; then
		echo "$file: does not call fb_deferred_io_init(), so there is nothing to judge"
		continue
	fi
	[[ $file != -* ]] || file=./$file
	# Of a function that it cannot parse, spatch says nothing at all.
	"$SPATCH" --parse-c "$file" >"$WORK/parsed" 2>&1 || die "$SPATCH fails: $(tail -n 1 "$WORK/parsed")"
	while IFS= read -r line; do
		unread+=("$file:$line")
	done < <(sed -n 's/^ *= *File ".*", line \([0-9]*\),.*/\1/p' "$WORK/parsed")
	"$SPATCH" --very-quiet --no-includes --include-headers -D report --cocci-file "$RULE" "$file" \
		>"$WORK/said" 2>"$WORK/stderr" || die "$SPATCH fails: $(tail -n 1 "$WORK/stderr")"
	[ ! -s "$WORK/stderr" ] || die "$SPATCH complains: $(tail -n 1 "$WORK/stderr")"
	sed '/^$/d' "$WORK/said" | sort -t: -k2,2n >"$WORK/findings"
	advise <"$WORK/findings"
	found=$((found + $(wc -l <"$WORK/findings")))
done
echo "files: $#, findings: $found"
[ ${#unread[@]} -eq 0 ] ||
	die "spatch cannot parse ${unread[*]}; the functions there are not judged, so change them in a copy and repeat"
