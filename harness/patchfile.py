# SPDX-License-Identifier: GPL-2.0
"""The patch files of the series: reading, checking, and diffs of new files.

A patch file is a mail of bytes: one Subject header, the body, a line "---",
optional "New-file: <path>" lines and notes, then hunks on existing files.
"""

import hashlib
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
HUNK = re.compile(rb'@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@')
# What may stand between "diff --git" and the first hunk.
HEADER = re.compile(rb'(index [0-9a-f]+\.\.[0-9a-f]+( \d+)?|old mode \d+|new mode \d+|'
                    rb'deleted file mode \d+|--- .*|\+\+\+ .*)$')
DIFFSTAT = re.compile(rb' .* \| +\d+ ?[-+]*$| \d+ files? changed.*$| (create|delete) mode ')


def die(message):
    step = os.path.basename(sys.argv[0]).removesuffix('.py')
    sys.exit(f'{step}: {message}')


def read(path):
    with open(path, 'rb') as f:
        return f.read()


def lines_of(data):
    """Lines with their ends; unlike splitlines(), a carriage return ends none."""
    return re.findall(rb'[^\n]*\n|[^\n]+\Z', data)


class FileDiff:
    """The part of a diff that changes one file."""

    def __init__(self, path, lines, added, removed, new_mode=None):
        self.path = path
        self.lines = lines
        self.added = added
        self.removed = removed
        self.new_mode = new_mode


def parse_diff(lines, where, first_line=1):
    """Splits diff lines by file; every line must be accounted for."""
    files = []
    old = new = 0
    for number, line in enumerate(lines, first_line):
        if old or new:
            kind = line[:1]
            if kind in (b' ', b'\n', b''):
                old, new = old - 1, new - 1
            elif kind == b'-':
                old -= 1
                files[-1].removed += 1
            elif kind == b'+':
                new -= 1
                files[-1].added += 1
            elif kind != b'\\':
                die(f'{where}:{number}: this hunk is shorter than its @@ line says; '
                    'write the patch anew with "make refresh"')
            if old < 0 or new < 0:
                die(f'{where}:{number}: this hunk is longer than its @@ line says; '
                    'write the patch anew with "make refresh"')
            files[-1].lines.append(line)
            continue
        match = re.match(rb'diff --git a/(\S+) b/(\S+)\n$', line)
        if match:
            if match[1] != match[2]:
                die(f'{where}:{number}: renames are not supported; '
                    'write the patch anew with "make refresh"')
            files.append(FileDiff(match[1].decode(), [line], 0, 0))
        elif line in (b'-- \n', b'--\n'):
            break
        elif line.startswith(b'new file mode') or line == b'--- /dev/null\n':
            die(f'{where}:{number}: this patch creates {files[-1].path if files else "a file"}; '
                'put the file at the root of the repository and name it by a "New-file:" line')
        elif line.startswith(b'\\') and files:
            files[-1].lines.append(line)
        elif files and (match := HUNK.match(line)):
            old = int(match[1] or 1)
            new = int(match[2] or 1)
            files[-1].lines.append(line)
        elif files and HEADER.match(line.rstrip(b'\n')):
            files[-1].lines.append(line)
        else:
            die(f'{where}:{number}: this line belongs to no diff; '
                'write the patch anew with "make refresh"')
    if old or new:
        die(f'{where}: the last hunk is cut short; write the patch anew with "make refresh"')
    return files


class Patch:
    """One file of patches/BASE/."""

    def __init__(self, path, data=None):
        self.path = path
        self.where = os.path.relpath(path, ROOT)
        self.data = read(path) if data is None else data
        self._parse()

    def _parse(self):
        where = self.where
        try:
            self.data.decode()
        except UnicodeDecodeError:
            die(f'{where}: not UTF-8; convert it with iconv')
        head, blank, rest = self.data.partition(b'\n\n')
        head = re.sub(rb'\n[ \t]+', b' ', head)
        if not blank or head.count(b'\n') or not head.startswith(b'Subject: [PATCH] '):
            die(f'{where}: its only header must be "Subject: [PATCH] prefix: what it does" '
                '(the author is whoever composes the series)')
        self.subject = head[len(b'Subject: [PATCH] '):].strip()
        lines = lines_of(rest)
        if b'---\n' not in lines:
            die(f'{where}: has no line "---" between the text and the diff; add it')
        split = lines.index(b'---\n')
        self.body = b''.join(lines[:split]).strip(b'\n') + b'\n'
        for line in lines[:split]:
            if re.match(rb'diff -|Index: |--- |From: ', line):
                die(f'{where}: git am would not take "{line.decode().strip()}" for text; indent it')
        self.new_files = []
        notes = []
        at = split + 1
        while at < len(lines) and not lines[at].startswith(b'diff --git '):
            line = lines[at]
            if line.startswith(b'New-file:'):
                self.new_files.append(line[len(b'New-file:'):].strip().decode())
            elif not DIFFSTAT.match(line):
                notes.append(line)
            at += 1
        self.notes = b''.join(notes).strip(b'\n')
        number = self.data.count(b'\n') - len(lines) + at + 1
        self.diffs = parse_diff(lines[at:], where, number)
        if not self.new_files and not self.diffs:
            die(f'{where}: changes no file; drop it from the series')
        for path in self.new_files:
            if path.startswith('/') or '..' in path.split('/') or re.search(r'\s', path) or not path:
                die(f'{where}: "New-file: {path}" is no path inside a kernel tree; correct it')
            if any(d.path == path for d in self.diffs):
                die(f'{where}: {path} is a new file and has hunks, too; '
                    'a new file enters whole, in exactly one patch')

    def paths(self):
        return sorted([d.path for d in self.diffs] + self.new_files)

    def tests_only(self):
        """Brings tests and nothing else; "Tests-only:" says so of hooks in a driver."""
        if re.search(rb'^Tests-only:', self.notes, re.M):
            return True
        return all(p.startswith(('lib/', 'tools/testing/')) for p in self.paths())


def load_series(base, root=ROOT, allow_empty=False):
    """The patches of a base, in order, with the rules that span patches checked."""
    folder = os.path.join(root, 'patches', base)
    series = os.path.join(folder, 'series')
    if not os.path.isfile(os.path.join(ROOT, 'bases', base)) or '/' in base:
        known = ' '.join(sorted(os.listdir(os.path.join(ROOT, 'bases'))))
        die(f'BASE={base} is no base; use one of: {known}')
    if not os.path.isfile(series):
        if allow_empty:
            return []
        die(f'there is no series for BASE={base} yet (no patches/{base}/series); use another BASE=')
    names = [line.strip() for line in read(series).decode().splitlines()]
    names = [name for name in names if name and not name.startswith('#')]
    if not names and not allow_empty:
        die(f'patches/{base}/series names no patch; add them in order')
    patches = []
    seen = {}
    for name in names:
        path = os.path.join(folder, name)
        if not os.path.isfile(path):
            die(f'patches/{base}/series names {name}, which is not there; '
                'add the file or drop the line')
        if path in [p.path for p in patches]:
            die(f'patches/{base}/series names {name} twice; drop one line')
        patch = Patch(path)
        for new in patch.new_files:
            if new in seen:
                die(f'{patch.where}: {new} is new in {seen[new]} already; '
                    'a new file enters whole, in exactly one patch')
            seen[new] = patch.where
        patches.append(patch)
    stray = set(f for f in os.listdir(folder) if f.endswith('.patch')) - set(names)
    if stray:
        die(f'patches/{base}/{min(stray)} is not named in patches/{base}/series; '
            'add the line or remove the file')
    for patch in patches:
        for diff in patch.diffs:
            if diff.path in seen:
                die(f'{patch.where}: has hunks on {diff.path}, which is new in {seen[diff.path]}; '
                    f'change {diff.path} at the root of the repository instead')
    return patches


def new_file_diff(path, root=ROOT):
    """The diff that creates a file as it stands at the root of the repository."""
    full = os.path.join(root, path)
    if os.path.islink(full) or not os.path.isfile(full):
        die(f'{path} is named by a "New-file:" line and is no file of this repository; '
            'add it or drop the line')
    data = read(full)
    mode = '100755' if os.stat(full).st_mode & 0o100 else '100644'
    if b'\0' in data:
        die(f'{path} is binary; a patch mail can hold text only')
    blob = hashlib.sha1(b'blob %d\0' % len(data) + data).hexdigest()[:12]
    lines = lines_of(data)
    out = [f'diff --git a/{path} b/{path}\n'.encode(),
           f'new file mode {mode}\n'.encode(),
           f'index {"0" * 12}..{blob}\n'.encode()]
    if lines:
        span = f'1,{len(lines)}' if len(lines) > 1 else '1'
        out += [b'--- /dev/null\n', f'+++ b/{path}\n'.encode(), f'@@ -0,0 +{span} @@\n'.encode()]
        out += [b'+' + line for line in lines]
        if not lines[-1].endswith(b'\n'):
            out += [b'\n\\ No newline at end of file\n']
    return FileDiff(path, out, len(lines), 0, mode)
