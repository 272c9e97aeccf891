#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The figures of make bench.

    bench.py table DIR OUT.tsv          medians of the boots DIR/unpatched-N and
                                        DIR/patched-N: a table on stdout, and OUT.tsv
    bench.py plot IN.tsv                the data of bench.gnuplot, on stdout

A boot's file "verdict" has what tools/testing/selftests/fbdev/fb_defio_bench.c printed.
"""

import glob
import os
import re
import statistics
import sys

BOOTS = 5
# Where the plot ends; what is beyond is drawn there.
LEAST, MOST = 0.0006, 3.6


class Bad(Exception):
    """Figures that are missing, or make no sense."""


class Row:
    """One line of the table. The goal is one of the figure on the patched kernel
    ("patched"), or of that over the unpatched kernel's ("ratio")."""

    def __init__(self, name, kind, key, unit, of, goal):
        self.name, self.kind, self.key = name, kind, key
        self.unit, self.of, self.goal = unit, of, goal

    def what(self, boot, tree):
        """The figure of one boot, a dictionary."""
        # The unpatched kernel has page-backed memory only.
        kind = self.kind if tree == "patched" else "page-backed"
        return boot[f"{kind}.{self.key}"]


# name, unit, what the goal is of, goal
CONTIGUOUS = [
    ("first-write-faults", "faults", "patched", 1.0),
    ("first-write-cost", "of page-backed", "patched", 0.75),
    ("flush-1cpu", "x fault", "ratio", 0.10),
    ("flush-2cpu", "x fault", "ratio", 0.04),
    ("flush-sparse", "x fault", "ratio", 1.0),
    ("flush-page-backed", "x fault", "ratio", 0.15),
    ("sorted-8192", "of unsorted", "patched", 1.05),
    ("redraw-faults", "faults", "patched", 1.0),
    ("redraw-cpu", "x fault", "ratio", 1 / 12),
    ("redraw-frame", "of untracked", "patched", 1.2),
    ("idle-update", "x fault", "ratio", 2.0),
    ("stall", "ms", "patched", 2.0),
    ("bytes-per-page", "bytes", "patched", 33.0),
]
# What has no page-backed row of its own above, or no meaning there.
NOT_PAGE_BACKED = ("first-write-cost", "flush-2cpu", "flush-page-backed")
KEYS = {"flush-page-backed": "flush-2cpu", "stall": "stall-ms"}

ROWS = [Row(name, "page-backed" if name == "flush-page-backed" else "contiguous",
            KEYS.get(name, name), *rest) for name, *rest in CONTIGUOUS]
ROWS += [Row(f"{name}-page-backed", "page-backed", KEYS.get(name, name), unit, of,
             # The goal for page-backed flushes is that of the row of that name.
             None if name == "flush-1cpu" else goal)
         for name, unit, of, goal in CONTIGUOUS if name not in NOT_PAGE_BACKED]


def read_boot(directory):
    try:
        with open(os.path.join(directory, "verdict"), encoding="utf-8") as file:
            lines = re.findall(r"^([a-z0-9_.-]+) (-?[0-9.]+)$", file.read(), re.MULTILINE)
    except OSError as error:
        raise Bad(f"{directory}/verdict: {error.strerror}") from error
    return {key: float(value) for key, value in lines}


def read_boots(directory, tree):
    names = sorted(glob.glob(os.path.join(glob.escape(directory), f"{tree}-*")))
    if len(names) < BOOTS:
        raise Bad(f"{directory} has {len(names)} boots of the {tree} kernel; {BOOTS} are needed")
    return {name: read_boot(name) for name in names}


def figure(row, boots, tree):
    values = []
    for name, boot in boots.items():
        try:
            values.append(row.what(boot, tree))
        except KeyError as error:
            raise Bad(f"{name}/verdict has no line {error.args[0]}") from error
    return statistics.median(values)


def digits(value):
    """Three that count, and no exponent."""
    if value is None:
        return "-"
    return f"{value:.{3 if abs(value) < 1 else 2 if abs(value) < 100 else 0}f}"


def met(row, patched, ratio):
    # As precise as it is printed: 1.003 is 1.00.
    value = patched if row.of == "patched" else ratio
    return float(digits(value)) <= float(digits(row.goal))


def goal_text(row):
    if row.goal is None:
        return "-"
    return f"{'ratio ' if row.of == 'ratio' else ''}<= {digits(row.goal)}"


def table(directory, target):
    boots = {tree: read_boots(directory, tree) for tree in ("unpatched", "patched")}
    form = "{:<31} {:>9} {:>9} {:<15} {:>7}  {:<15} {}".format
    lines = []
    missed = []
    print(form("row", "unpatched", "patched", "unit", "ratio", "goal", "").rstrip())
    for row in ROWS:
        unpatched = figure(row, boots["unpatched"], "unpatched")
        patched = figure(row, boots["patched"], "patched")
        # Noise around nothing, or none at all, has no ratio.
        ratio = max(patched, 0) / unpatched if unpatched > 0 else None
        if ratio is None and row.of == "ratio":
            raise Bad(f"{row.name} is {digits(unpatched)} on the unpatched kernel, so it has no ratio;"
                      " measure again on a quiet machine")
        word = ""
        if row.goal is not None:
            word = "met" if met(row, patched, ratio) else "MISSED"
        missed += [row.name] if word == "MISSED" else []
        print(form(row.name, digits(unpatched), digits(patched), row.unit, digits(ratio),
                   goal_text(row), word).rstrip())
        lines.append("\t".join([row.name, f"{unpatched:.4f}", f"{patched:.4f}",
                                "-" if ratio is None else f"{ratio:.4f}",
                                "-" if row.goal is None else f"{row.goal:.4g}"]))
    faults = [statistics.median(boot["anon_ns"] for boot in boots[tree].values())
              for tree in boots]
    print(f"x fault: multiples of a plain anonymous page fault, {faults[0]:.0f} and {faults[1]:.0f} ns;")
    print(f"medians of {len(boots['unpatched'])} and {len(boots['patched'])} boots;"
          " on the unpatched kernel all memory is page-backed")
    goals = sum(row.goal is not None for row in ROWS)
    print(f"{goals - len(missed)} of {goals} goals met" + (": missed " if missed else "")
          + ", ".join(missed))
    with open(target, "w", encoding="utf-8") as file:
        file.write("name\tunpatched\tpatched\tratio\tgoal\n" + "\n".join(lines) + "\n")


def inside(value):
    return "-" if value is None else f"{min(max(value, LEAST), MOST):.6g}"


def plot(source):
    """For each row: its place, the ratio, the goal as a ratio, 1 if the goal is met (2 if
    there is none), and what stands left and right of the bar."""
    try:
        with open(source, encoding="utf-8") as file:
            lines = [line.split("\t") for line in file.read().splitlines()[1:]]
    except OSError as error:
        raise Bad(f"{source}: {error.strerror}") from error
    rows = {row.name: row for row in ROWS}
    for place, (name, *values) in enumerate(lines):
        row = rows.get(name)
        if not row or len(values) != 4:
            raise Bad(f"{source} has a line {name} that make bench did not write; run it again")
        unpatched, patched, ratio, _ = (None if value == "-" else float(value) for value in values)
        goal, state = row.goal, 2
        if goal is not None:
            state = int(met(row, patched, ratio))
            if row.of == "patched":
                goal = goal / unpatched if unpatched > 0 else None
        text = f"{digits(unpatched)} → {digits(patched)} {row.unit}"
        if row.goal is not None:
            text += f", goal {goal_text(row).replace('<=', '≤')}"
        print(-place, inside(ratio), inside(goal), state, name, text, sep="\t")


def main(argv):
    try:
        if len(argv) == 4 and argv[1] == "table":
            table(argv[2], argv[3])
        elif len(argv) == 3 and argv[1] == "plot":
            plot(argv[2])
        else:
            raise Bad("usage: bench.py table DIR OUT.tsv or bench.py plot IN.tsv")
    except Bad as error:
        print(f"bench.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
