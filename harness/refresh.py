#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""From commits on a base to patch files and new files, written to a stage.

The stage is laid out like the repository: patches/BASE/ and the new files. Only
what refresh.sh has verified there is moved to the repository.
"""

import argparse
import os
import re
import shutil
import sys

sys.dont_write_bytecode = True
from chain import Git
from patchfile import ROOT, Patch, die, load_series, read

SLUG_MAX = 52  # what git format-patch leaves of a subject


def say(text):
    print(f'   {text}', file=sys.stderr)


class Tree:
    """Files of one commit."""

    def __init__(self, git, ref):
        self.git = git
        self.ref = ref

    def get(self, path):
        """(executable, content), None when there is no such file."""
        entry = self.git('ls-tree', self.ref, '--', path).decode().split()
        if not entry:
            return None
        if entry[0] not in ('100644', '100755'):
            die(f'{path} is no regular file; the series can hold regular files only')
        return entry[0] == '100755', self.git('cat-file', 'blob', entry[2])


def on_disk(path):
    full = os.path.join(ROOT, path)
    if not os.path.isfile(full):
        return None
    return bool(os.stat(full).st_mode & 0o100), read(full)


def newest(path, tree, applied):
    """The version of a new file to keep: the tree's or the repository's."""
    ours, mine = tree.get(path), on_disk(path)
    was = applied.get(path) if applied else None
    if mine in (None, ours, was):
        return ours
    if ours == was:
        say(f'{path}: the one at the root of the repository is newer, it stays')
        return mine
    die(f'{path} differs between the root of the repository and {tree.git.repo}, and neither '
        'is the one that the tree was made with; make the two equal, commit, and repeat')


def bare(data):
    """A patch without what moves when only the base's other lines change."""
    data = re.sub(rb'^index .*\n', b'', data, flags=re.M)
    return re.sub(rb'^@@ -\S+ \+\S+ @@.*', b'@@', data, flags=re.M)


def write(path, data, executable=False):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'wb') as f:
        f.write(data)
    os.chmod(path, 0o755 if executable else 0o644)


def changes(git, commit):
    fields = git('diff-tree', '-r', '-z', '--no-renames', '--no-commit-id', '--name-status',
                 commit).decode().split('\0')[:-1]
    return list(zip(fields[1::2], fields[0::2]))


def patch_data(git, commit, new, paths, notes):
    subject, body = git('log', '-1', '--format=%s%x00%b', commit).split(b'\0')
    out = [b'Subject: [PATCH] ' + subject + b'\n\n', body.strip(b'\n'), b'\n' if body.strip(b'\n') else b'',
           b'---\n']
    out += [f'New-file: {path}\n'.encode() for path in new]
    if notes:
        out += [b'\n' if new else b'', notes, b'\n']
    if paths:
        out += [b'\n',
                git('diff-tree', '-p', '--no-commit-id', '--no-color', '--no-renames',
                    '--no-ext-diff', '--abbrev=12', '--unified=3', '--diff-algorithm=myers',
                    commit, '--', *paths)]
    return b''.join(out)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--repo', required=True)
    parser.add_argument('--base', required=True, help='the commit below the series')
    parser.add_argument('--applied', help='what the repository last knew of the series')
    parser.add_argument('--stage', required=True)
    parser.add_argument('--drift', action='store_true',
                        help='another point release than the tested one: leave a stored patch '
                             'alone that differs in line numbers and blob names only')
    args = parser.parse_args()
    base = os.environ['BASE']
    git = Git(args.repo)
    head = Tree(git, 'HEAD')
    below = Tree(git, args.base)
    applied = Tree(git, args.applied) if args.applied else None

    if git.run('merge-base', '--is-ancestor', args.base, 'HEAD', check=False).returncode:
        die(f'HEAD of {args.repo} is not on top of its base; rebase your commits on {args.base}')
    if git('rev-list', '--merges', f'{args.base}..HEAD'):
        die(f'{args.repo} has merge commits; make its history linear with git rebase')
    stored = {p.subject: p for p in load_series(base, allow_empty=True)}

    names = []
    introduced = {}
    folder = os.path.join(args.stage, 'patches', base)
    for commit in git('rev-list', '--reverse', f'{args.base}..HEAD').decode().split():
        title = git('log', '-1', '--format=%h ("%s")', commit).decode().strip()
        new, paths, folded = [], [], []
        for path, status in changes(git, commit):
            if below.get(path):
                if status == 'A':
                    die(f'commit {title} brings back {path}, which an earlier one deleted; '
                        'a patch cannot say that, squash the two')
                paths.append(path)
            elif path in introduced:
                folded.append(path)
            elif head.get(path):
                introduced[path] = title
                new.append(path)
            else:
                say(f'{path} is gone again at the end of the series: left out of commit {title}')
        for path in folded:
            say(f'commit {title} changes {path}: folded into the patch that brings the file')
        if not new and not paths:
            say(f'commit {title} changes nothing else: dropped')
            continue
        subject = git('log', '-1', '--format=%s', commit).rstrip(b'\n')
        old = stored.get(subject)
        data = patch_data(git, commit, sorted(new), paths, old.notes if old else b'')
        slug = git('log', '-1', '--format=%f', commit).decode().strip()[:SLUG_MAX].rstrip('-.')
        name = f'{len(names) + 1:04}-{slug}.patch'
        if args.drift and old and bare(old.data) == bare(data):
            data = old.data
        Patch(os.path.join(ROOT, 'patches', base, name), data)
        names.append(name)
        write(os.path.join(folder, name), data)
    for path in introduced:
        executable, content = newest(path, head, applied)
        write(os.path.join(args.stage, path), content, executable)
    old = os.path.join(ROOT, 'patches', base, 'series')
    comment = '# SPDX-License-Identifier: GPL-2.0\n'
    if os.path.isfile(old):
        comment = re.match(r'(?:#.*\n)*', read(old).decode())[0]
    write(os.path.join(folder, 'series'), (comment + ''.join(n + '\n' for n in names)).encode())
    shutil.copytree(os.path.join(ROOT, 'bases'), os.path.join(args.stage, 'bases'))


if __name__ == '__main__':
    main()
