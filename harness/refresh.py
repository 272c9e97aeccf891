#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""From commits on a base to patch files and new files, written to a stage.

The stage is laid out like the repository: patches/ and the new files. Only what
refresh.sh has verified there is moved to the repository.

Each base gives a series: one whose commits are read, these; another one what is
stored, with the new texts of the patches that it shares, as far as they fit.
"""

import argparse
import os
import re
import shutil
import sys
import tempfile

sys.dont_write_bytecode = True
from patchfile import ROOT, Git, Patch, bare, bases, die, load_series, load_topic, read, topics

SLUG_MAX = 52  # what git format-patch leaves of a subject
BASE_REF = 'refs/harness/base'
DIFF = ('diff-tree', '-p', '--no-commit-id', '--no-color', '--no-renames', '--no-ext-diff',
        '--abbrev=12', '--unified=3', '--diff-algorithm=myers')


def say(text):
    print(f'   {text}', file=sys.stderr)


def repo_of(base):
    return os.path.join(ROOT, 'out', base, 'git')


class Tree:
    """Files of one commit."""

    def __init__(self, git, ref):
        self.git = git
        self.ref = ref

    def get(self, path):
        """(executable, content), None when there is no such file."""
        entry = self.git.text('ls-tree', self.ref, '--', path).split()
        if not entry:
            return None
        if entry[0] not in ('100644', '100755'):
            die(f'{path} is not a regular file; the series can hold regular files only')
        return entry[0] == '100755', self.git('cat-file', 'blob', entry[2])


def on_disk(path):
    full = os.path.join(ROOT, path)
    if not os.path.isfile(full):
        return None
    return bool(os.stat(full).st_mode & 0o100), read(full)


def newest(path, tree, applied, base):
    """The version of a new file to keep: the tree's or the repository's."""
    ours, mine = tree.get(path), on_disk(path)
    if mine in (None, ours) or mine == applied.get(path):
        return ours
    if ours == applied.get(path):
        say(f'{path}: the one at the root of the repository is newer, it stays')
        return mine
    die(f'{path} differs between the root of the repository and out/{base}/patched, and neither '
        'is the one that the tree was made with; make the two equal, commit, and repeat')


def write(path, data, executable=False):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'wb') as f:
        f.write(data)
    os.chmod(path, 0o755 if executable else 0o644)


def changes(git, commit):
    fields = git('diff-tree', '-r', '-z', '--no-renames', '--no-commit-id', '--name-status',
                 commit).decode().split('\0')[:-1]
    return list(zip(fields[1::2], fields[0::2]))


def touched(git, commit, title, below, head, introduced):
    """(new files, changed files) of a commit; introduced: path -> commit"""
    new, paths = [], []
    for path, status in changes(git, commit):
        if below.get(path):
            if status == 'A':
                die(f'commit {title} brings back {path}, which an earlier one deleted; '
                    'a patch cannot say that, squash the two')
            paths.append(path)
        elif path in introduced:
            say(f'commit {title} changes {path}: folded into the patch that brings the file')
        elif head.get(path):
            introduced[path] = title
            new.append(path)
        else:
            say(f'{path} is gone again at the end of the series: left out of commit {title}')
    return sorted(new), paths


def topic_of(body, title, stored, before):
    """(topic, body without its line "Topic:")"""
    line = re.search(rb'^Topic: *(.*?) *\n*\Z', body, re.M)
    topic = line[1].decode() if line else before
    if stored:
        topic = stored.topic
    if topic not in topics():
        die(f'commit {title} belongs to no topic; end its message with a line "Topic: NAME", '
            f'one of: {" ".join(topics())}')
    return topic, body[:line.start()] if line else body


def change(patch):
    return bare(b''.join(text for _, text in patch.diffs))


def from_commits(base, head_ref, stored, stage):
    """The series that the commits of a base are; its new files go to the stage."""
    git = Git(repo_of(base))
    head, below = Tree(git, head_ref), Tree(git, BASE_REF)
    applied = Tree(git, 'refs/harness/applied')
    if git.run('merge-base', '--is-ancestor', BASE_REF, head_ref, good=(0, 1)).returncode:
        die(f'HEAD of out/{base}/patched is not on top of its base; rebase your commits on {BASE_REF}')
    if git('rev-list', '--merges', f'{BASE_REF}..{head_ref}'):
        die(f'out/{base}/patched has merge commits; make its history linear with git rebase')
    series, introduced, topic = {}, {}, None
    subjects = git('log', '--format=%s', f'{BASE_REF}..{head_ref}').split(b'\n')
    for commit in git.text('rev-list', '--reverse', f'{BASE_REF}..{head_ref}').split():
        subject, body, slug = git('log', '-1', '--format=%s%x00%b%x00%f', commit).split(b'\0')
        title = git.text('log', '-1', '--format=%h ("%s")', commit)
        new, paths = touched(git, commit, title, below, head, introduced)
        if not new and not paths:
            say(f'commit {title} changes nothing else: dropped')
            continue
        if subject in series:
            die(f'commit {title} has the subject of an earlier one; squash the two or reword one')
        diff = re.sub(rb'^index .*\n', b'', git(*DIFF, commit, '--', *paths), flags=re.M) if paths else b''
        # A reworded subject is known by what the patch does.
        old = stored.get(subject) or next((p for p in stored.values() if p.subject not in subjects
                                           and p.new_files == new and change(p) == bare(diff)), None)
        topic, body = topic_of(body, title, old, topic)
        out = [b'Subject: [PATCH] ' + subject + b'\n\n', body.strip(b'\n'),
               b'\n' if body.strip(b'\n') else b'', b'---\n']
        out += [f'New-file: {path}\n'.encode() for path in new]
        if old and old.notes:
            out += [b'\n' if new else b'', old.notes, b'\n']
        out += [b'\n' if diff else b'', diff]
        slug = slug.decode().strip()[:SLUG_MAX].rstrip('-.')
        series[subject] = Patch(os.path.join(ROOT, 'patches', topic, f'0000-{slug}.patch'), b''.join(out))
    for path in introduced:
        executable, content = newest(path, head, applied, base)
        write(os.path.join(stage, path), content, executable)
    return series


def replay(base, series):
    """The first patch that does not apply to the base, without fuzz, or that git
    would then write as another text: (patch, why). None if there is none."""
    with tempfile.TemporaryDirectory() as tmp:
        git = Git(repo_of(base), os.path.join(tmp, 'index'))
        paths = {path for patch in series for path, _ in patch.diffs}
        git('update-index', '--index-info', data=git('ls-tree', '-r', BASE_REF, '--', *sorted(paths)))
        tree = git.text('write-tree')
        for patch in series:
            diff = b''.join(text for _, text in patch.diffs)
            done = git.run('apply', '--cached', '--whitespace=nowarn', '--allow-empty', data=diff, good=())
            if done.returncode:
                return patch, done.stderr.decode().strip().splitlines()[0].removeprefix('error: ')
            before, tree = tree, git.text('write-tree')
            if bare(git(*DIFF, before, tree)) != change(patch):
                return patch, 'git writes its hunks otherwise'
    return None


def adopt(base, series, texts):
    """The series with as many of the new texts {subject: patch} as fit the base."""
    texts = dict(texts)
    while True:
        out = {subject: texts.get(subject, patch) for subject, patch in series.items()}
        failed = replay(base, out.values())
        if not failed:
            return out
        # The text to blame: that one, or the last new one before it of the same file.
        subjects = list(out)
        patch, why = failed
        at = next(n for n, p in enumerate(out.values()) if p is patch)
        blame = [s for s in subjects[:at + 1] if s in texts and
                 {path for path, _ in texts[s].diffs} & {path for path, _ in patch.diffs}]
        if not blame:
            die(f'"{patch.subject.decode()}" does not fit {base} in this place: {why}; '
                'change the order there, too, or leave it')
        del texts[blame[-1]]


def merge(series):
    """{topic: subjects} of all bases: in the order of the first base, and what only
    another one has after the patch that it follows there, and in patches/."""
    stored = [next(iter(slot.values())).subject for topic in topics() for slot in load_topic(topic).values()]
    order = {}
    for patches in series.values():
        before = {}
        for subject, patch in patches.items():
            topic = next((t for t in order if subject in order[t]), patch.topic)
            known = order.setdefault(topic, [])
            if subject not in known:
                earlier = stored[:stored.index(subject)] if subject in stored else []
                after = [s for s in earlier if s in known][-1:] + [before.get(topic)]
                known.insert(max((known.index(s) + 1 for s in after if s in known), default=0), subject)
            before[topic] = subject
    return order


def renamed(patch, lead, stored):
    """The patch of the first base that is this shared one under another subject."""
    if patch.subject in lead or patch.base:
        return None
    return next((p for s, p in lead.items() if s not in stored
                 and p.new_files == patch.new_files and change(p) == change(patch)), None)


def follow(base, lead, stored):
    """The series of a base whose commits are not read."""
    series, texts = {}, {}
    for patch in stored[base].values():
        new = renamed(patch, lead, stored[base]) or lead.get(patch.subject)
        if new and new.subject != patch.subject:
            series[new.subject] = new
        else:
            series[patch.subject] = patch
            if new and not patch.base and bare(new.data) != bare(patch.data):
                texts[patch.subject] = new
    order = merge({0: lead, 1: series})
    ordered = {s: series[s] for t in topics() for s in order.get(t, []) if s in series}
    return adopt(base, ordered, texts)


def store(series, stored, stage):
    """Writes the patches of all bases, each text once."""
    for topic, subjects in merge(series).items():
        for number, subject in enumerate(subjects, 1):
            found = {base: series[base][subject] for base in series if subject in series[base]}
            known = {base: stored[base][subject] for base in series if subject in stored[base]}
            slug = f'{number:04}-{next(iter(found.values())).slug}'
            # Text that differs only in line numbers stays as it is.
            kept = {base: next((old.data for old in [known.get(base), *known.values()]
                                if old and bare(old.data) == bare(patch.data)), patch.data)
                    for base, patch in found.items()}
            if len(found) == len(series) and len({bare(data) for data in kept.values()}) == 1:
                write(os.path.join(stage, 'patches', topic, slug + '.patch'), next(iter(kept.values())))
                if any(p.base for p in known.values()):
                    say(f'{topic}/{slug}: one text for all bases now')
                continue
            for base, data in kept.items():
                write(os.path.join(stage, 'patches', topic, f'{slug}@{base}.patch'), data)
            if any(not p.base for p in known.values()):
                say(f'{topic}/{slug}: the change fits {next(iter(found))} only, each base has a text of its own now'
                    if len(found) > 1 else f'{topic}/{slug}: only {next(iter(found))} has it now')


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--stage', required=True)
    parser.add_argument('commits', nargs='+', metavar='BASE=COMMIT', help='the base that was worked on first')
    args = parser.parse_args()
    heads = dict(commit.split('=') for commit in args.commits)
    order = [*heads, *(base for base in bases() if base not in heads)]
    stored = {base: {p.subject: p for p in load_series(base)} for base in order}

    series = {base: from_commits(base, head, stored[base], args.stage) for base, head in heads.items()}
    for base in order[len(heads):]:
        series[base] = follow(base, series[order[0]], stored)
    shutil.copytree(os.path.join(ROOT, 'bases'), os.path.join(args.stage, 'bases'))
    shutil.copytree(os.path.join(ROOT, 'patches'), os.path.join(args.stage, 'patches'),
                    ignore=shutil.ignore_patterns('*.patch'))
    store(series, stored, args.stage)
    for base in order:
        patches = load_series(base, args.stage)
        for path in (path for p in patches for path in p.new_files):
            if not os.path.exists(os.path.join(args.stage, path)):
                write(os.path.join(args.stage, path), *reversed(on_disk(path)))
        if failed := replay(base, patches):
            die(f'"{failed[0].subject.decode()}" does not fit {base}: {failed[1]}; nothing was written')


if __name__ == '__main__':
    main()
