# SPDX-License-Identifier: GPL-2.0
"""The patch files of the series: reading, checking, and diffs of new files.

A patch file is a mail of bytes: one Subject header, the body, a line "---",
optional "New-file: <path>" lines and notes, then hunks on existing files. It is
patches/TOPIC/NNNN-slug.patch, for all bases, or NNNN-slug@BASE.patch.
"""

import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
NAME = re.compile(r'(\d{4})-([^@/]+?)(?:@([^@/]+))?\.patch')
PERSON = {'NAME': 'fbdev harness', 'EMAIL': 'harness@localhost', 'DATE': '1700000000 +0000'}


def die(message):
    step = os.path.basename(sys.argv[0]).removesuffix('.py')
    sys.exit(f'{step}: {message}')


def read(path):
    with open(path, 'rb') as f:
        return f.read()


class Git:
    """git in one repository, free of the user's own configuration."""

    def __init__(self, repo, index=None):
        self.repo = repo
        self.env = dict(os.environ, GIT_CONFIG_GLOBAL='/dev/null', GIT_CONFIG_NOSYSTEM='1')
        for key, value in PERSON.items():
            self.env['GIT_AUTHOR_' + key] = self.env['GIT_COMMITTER_' + key] = value
        if index:
            self.env['GIT_INDEX_FILE'] = index

    def run(self, *args, data=None, good=(0,)):
        done = subprocess.run(['git', '-C', self.repo, *args], input=data, env=self.env,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        if good and done.returncode not in good:
            die(f'git {args[0]} failed in {self.repo}: {done.stderr.decode().strip()}')
        return done

    def __call__(self, *args, data=None):
        return self.run(*args, data=data).stdout

    def text(self, *args, data=None):
        return self(*args, data=data).decode().strip()


def bases(root=ROOT):
    return sorted(os.listdir(os.path.join(root, 'bases')))


def topics(root=ROOT):
    """The topics in their order."""
    rows = read(os.path.join(root, 'patches', 'topics')).decode().splitlines()
    known = [row for row in rows if row and not row.startswith('#')]
    for entry in os.scandir(os.path.join(root, 'patches')):
        if entry.is_dir() and entry.name not in known:
            die(f'patches/{entry.name} is not a topic; add it to patches/topics, in its place')
    return known


def bare(data):
    """A patch without what moves when only the base's other lines change."""
    data = re.sub(rb'^index .*\n', b'', data, flags=re.M)
    return re.sub(rb'^@@ -\S+ \+\S+ @@.*', b'@@', data, flags=re.M)


def split_diff(data, where):
    """[(path, diff)] by file; no line may be left out when git applies it."""
    files, counts = [], []
    for diff in re.split(rb'^(?=diff --git )', data, flags=re.M)[1:]:
        head = re.match(rb'diff --git a/(\S+) b/(\S+)\n((?:(?!@@ ).*\n)*)', diff)
        if not head or head[1] != head[2]:
            die(f'{where}: renames are not supported; write the patch anew with "make refresh"')
        path = head[1].decode()
        if re.search(rb'^(new file mode|--- /dev/null)', head[3], re.M):
            die(f'{where}: this patch creates {path}; '
                'put the file at the root of the repository and name it by a "New-file:" line')
        files.append((path, diff))
        counts.append([str(len(re.findall(rb'^' + sign, diff[head.end():], re.M))) for sign in (rb'\+', b'-')])
    if files:
        said = Git(ROOT).run('apply', '--numstat', data=data, good=())
        if said.returncode or [row.split()[:2] for row in said.stdout.decode().splitlines()] != counts:
            why = said.stderr.decode().strip() or 'a hunk is longer than its @@ line says'
            die(f'{where}: damaged hunks ({why}); write the patch anew with "make refresh"')
    return files


class Patch:
    """One patch file."""

    def __init__(self, path, data=None):
        self.path = path
        self.where = os.path.relpath(path, ROOT)
        self.topic = os.path.basename(os.path.dirname(path))
        name = NAME.fullmatch(os.path.basename(path))
        if not name:
            die(f'{self.where}: a patch is named NNNN-what-it-does.patch, or NNNN-what-it-does@BASE.patch; rename it')
        self.number, self.slug, self.base = int(name[1]), name[2], name[3]
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
        body, line, rest = (b'\n' + rest).partition(b'\n---\n')
        if not line:
            die(f'{where}: has no line "---" between the text and the diff; add it')
        self.body = body.strip(b'\n') + b'\n'
        if match := re.search(rb'^(diff -|Index: |--- |From: ).*', self.body, re.M):
            die(f'{where}: git am would not take "{match[0].decode()}" for text; indent it')
        notes, mark, diff = (b'\n' + rest).partition(b'\ndiff --git ')
        self.new_files = [path.decode() for path in re.findall(rb'^New-file: *(.*?) *$', notes, re.M)]
        self.notes = re.sub(rb'^New-file:.*\n?', b'', notes, flags=re.M).strip(b'\n')
        self.diffs = split_diff(mark[1:] + diff, where)
        if not self.new_files and not self.diffs:
            die(f'{where}: changes no file; remove it')
        for path in self.new_files:
            if path.startswith('/') or '..' in path.split('/') or re.search(r'\s', path) or not path:
                die(f'{where}: "New-file: {path}" is not a path inside a kernel tree; correct it')
            if path in dict(self.diffs):
                die(f'{where}: {path} is a new file and has hunks, too; '
                    'a new file enters whole, in exactly one patch')


def load_topic(topic, root=ROOT):
    """All patches of a topic, as {number: {base, or None for all of them: patch}}."""
    folder = os.path.join(root, 'patches', topic)
    slots = {}
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        if not name.endswith('.patch'):
            continue
        patch = Patch(os.path.join(folder, name))
        if patch.base and patch.base not in bases():
            die(f'{patch.where}: there is no base {patch.base}; use one of: {" ".join(bases())}')
        slot = slots.setdefault(patch.number, {})
        for other in slot.values():
            if None in (other.base, patch.base):
                die(f'{patch.where}: {other.where} has the same number; a second text needs @BASE in both names')
            if other.base == patch.base or other.subject != patch.subject:
                die(f'{patch.where}: {other.where} has the same number and is another patch; renumber one')
        slot[patch.base] = patch
    return dict(sorted(slots.items()))


def load_series(base, root=ROOT, only=None):
    """The patches of a base, in order, with the rules that span patches checked."""
    if base not in bases():
        die(f'BASE={base} is not a base; use one of: {" ".join(bases())}')
    patches = []
    seen = {}
    for topic in topics(root):
        for slot in load_topic(topic, root).values():
            patch = slot.get(base) or slot.get(None)
            if not patch:
                continue
            for key in [patch.subject.decode(), *patch.new_files]:
                if key in seen:
                    die(f'{patch.where}: "{key}" is in {seen[key]} already; '
                        'a subject names one patch, and a new file enters whole, in exactly one')
                seen[key] = patch.where
            patches.append(patch)
    for patch in patches:
        for path, _ in patch.diffs:
            if path in seen:
                die(f'{patch.where}: has hunks on {path}, which is new in {seen[path]}; '
                    f'change {path} at the root of the repository instead')
    if only is None:
        return patches
    for topic in only:
        if topic not in topics(root):
            die(f'there is no topic {topic}; topics are: {" ".join(topics(root))}')
        if topic not in [p.topic for p in patches]:
            die(f'the topic {topic} has no patch for BASE={base}; leave it out')
    return [p for p in patches if p.topic in only]


def new_file_diff(path, root=ROOT):
    """The diff that creates a file as it stands at the root of the repository."""
    full = os.path.join(root, path)
    if os.path.islink(full) or not os.path.isfile(full):
        die(f'{path} is named by a "New-file:" line and is not a file of this repository; '
            'add it or drop the line')
    if b'\0' in read(full):
        die(f'{path} is binary; a patch mail can hold text only')
    return Git(root).run('diff', '--no-index', '--no-color', '--no-ext-diff', '--abbrev=12', '--',
                         '/dev/null', path, good=(1,)).stdout
