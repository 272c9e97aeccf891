#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Makes commits of composed mails in a git repository, work tree untouched.

chain.py REPO COMMIT NAMES-FILE TREE-NAME <mbox prints the name of the last
commit. It does what "git am" does (git mailinfo, git apply without fuzz), but on
an index of its own. Equal mails on an equal commit give an equal commit.
"""

import os
import sys
import tempfile

sys.dont_write_bytecode = True
from patchfile import Git, die


def split_mbox(mbox):
    start = b'From ' + b'0' * 40 + b' Mon Sep 17 00:00:00 2001\n'
    return [start + mail for mail in mbox.split(start)[1:]]


def build(repo, parent, mails, names, tree):
    """Commits the mails on top of parent; 'tree' says what it is, for messages."""
    with tempfile.TemporaryDirectory() as tmp:
        git = Git(repo, os.path.join(tmp, 'index'))
        git('read-tree', parent)
        head = git.text('rev-parse', parent)
        for mail, name in zip(mails, names, strict=True):
            message = os.path.join(tmp, 'message')
            diff = os.path.join(tmp, 'diff')
            info = git('mailinfo', '--encoding=UTF-8', message, diff, data=mail)
            subject = next(line[len(b'Subject: '):] for line in info.split(b'\n')
                           if line.startswith(b'Subject: '))
            done = git.run('apply', '--cached', '--whitespace=nowarn', diff, good=())
            if done.returncode:
                why = done.stderr.decode().strip().splitlines()[0].removeprefix('error: ')
                die(f'{name} does not apply to {tree}: {why}; bring the patch up to date')
            with open(message, 'rb') as f:
                text = subject + b'\n\n' + f.read()
            head = git.text('commit-tree', '-p', head, git.text('write-tree'),
                            data=git('stripspace', data=text))
        return head


def main():
    if len(sys.argv) != 5:
        die('usage: chain.py REPO COMMIT NAMES-FILE TREE-NAME <mbox')
    with open(sys.argv[3], encoding='utf-8') as f:
        names = f.read().split()
    mails = split_mbox(sys.stdin.buffer.read())
    print(build(sys.argv[1], sys.argv[2], mails, names, sys.argv[4]))


if __name__ == '__main__':
    main()
