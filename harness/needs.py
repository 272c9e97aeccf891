#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The tests that a kernel with some topics has to pass, one a line.

    needs.py "TOPIC..." "TOPIC..." FILE...

First the topics that the base has, then those that the kernel has. A FILE is a
selftest program, which is asked for its tests, or the source of a KUnit suite.
Prints "PROGRAM NAME" and "kunit SUITE", or "kunit SUITE.CASE" if the suite has other
cases, too; says how many tests are left out.

A line "REGEX TOPIC" of tests/needs.table leaves out what the regex matches, all of
"selftest:NAME" or "kunit:SUITE.CASE", for kernels without that topic.
"""

import collections
import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True
from patchfile import ROOT, die, read, topics


def selftests(program):
    """FIXTURE[.VARIANT].TEST of all that it has. It lists them in columns: the names
    of a fixture's variants and those of its tests, beside each other."""
    listed = subprocess.run([program, '-l'], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    # It says that it has skipped its tests.
    if listed.returncode not in (0, 4):
        die(f'{program} -l fails: {listed.stderr.decode().strip()}')
    names = []
    for block in re.split(r'^-+\n', re.sub('^#.*\n', '', listed.stderr.decode()), flags=re.M):
        rows = [(row[:20].strip(), row[21:46].strip(), row[47:].strip()) for row in block.splitlines()]
        variants = [variant + '.' for _, variant, _ in rows if variant] or ['']
        names += [f'{rows[0][0]}.{variant}{test}' for variant in variants for _, _, test in rows if test]
    return names


def suites(source):
    """{suite: its cases}"""
    text = read(source).decode()
    cases = dict(re.findall(r'^static struct kunit_case (\w+)\[\] = {(.*?)^};', text, re.M | re.S))
    found = re.findall(r'^static struct kunit_suite[^}]*?^\t\.name = "(.*)",$[^}]*?^\t\.test_cases = (\w+),$', text, re.M)
    return {name: re.findall(r'KUNIT_CASE\w*\((\w+)', cases.get(array, '')) for name, array in found}


def table(names, has):
    """[(regex, topic)]; each has to be of use on a base that has the topic."""
    rows = []
    for line in read(os.path.join(ROOT, 'tests', 'needs.table')).decode().splitlines():
        if not line or line.startswith('#'):
            continue
        words = line.split()
        if len(words) != 2 or words[1] not in topics():
            die(f'tests/needs.table: "{line}" is not REGEX TOPIC; topics are: {" ".join(topics())}')
        try:
            regex = re.compile(words[0])
        except re.error as error:
            die(f'tests/needs.table: {words[0]} is not a regular expression: {error}; correct it')
        if words[1] in has and not any(regex.fullmatch(name) for name in names):
            die(f'tests/needs.table: {words[0]} matches no test; correct the line or remove it')
        rows.append((regex, words[1]))
    return rows


def main():
    if len(sys.argv) < 4:
        die('usage: needs.py "TOPIC..." "TOPIC..." FILE...')
    base, kernel = sys.argv[1].split(), sys.argv[2].split()
    tests, kunit = {}, {}
    for path in sys.argv[3:]:
        if path.endswith('.c'):
            kunit |= suites(path)
        else:
            tests |= {f'selftest:{name}': f'{os.path.basename(path)} {name}' for name in selftests(path)}
    cases = {f'kunit:{suite}.{case}': suite for suite in kunit for case in kunit[suite]}
    rows = [row for row in table([*tests, *cases], base) if row[1] not in kernel]
    needs = {name: next((topic for regex, topic in rows if regex.fullmatch(name)), None) for name in [*tests, *cases]}
    for name, line in tests.items():
        if not needs[name]:
            print(line)
    for suite, names in kunit.items():
        wanted = [name for name in names if not needs[f'kunit:{suite}.{name}']]
        # A suite runs in one boot only as a whole.
        for name in [suite] if wanted == names else [f'{suite}.{name}' for name in wanted]:
            print(f'kunit {name}')
    left = collections.Counter(topic for topic in needs.values() if topic)
    for topic, count in left.items():
        print(f'   left out until {topic}: {count} tests', file=sys.stderr)


if __name__ == '__main__':
    main()
