#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Makes commits of composed mails in a git repository, work tree untouched.

chain.py REPO COMMIT <mbox prints the name of the last commit. It does what
"git am" does (git mailinfo, git apply without fuzz), but on an index of its own.
"""

import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
from patchfile import die

PERSON = {'NAME': 'fbdev harness', 'EMAIL': 'harness@localhost', 'DATE': '1700000000 +0000'}


class Git:
    """git in one repository, free of the user's own configuration."""

    def __init__(self, repo, index=None):
        self.repo = repo
        self.env = dict(os.environ, GIT_CONFIG_GLOBAL='/dev/null', GIT_CONFIG_NOSYSTEM='1')
        for key, value in PERSON.items():
            self.env['GIT_AUTHOR_' + key] = self.env['GIT_COMMITTER_' + key] = value
        if index:
            self.env['GIT_INDEX_FILE'] = index

    def run(self, *args, data=None, check=True):
        done = subprocess.run(['git', '-C', self.repo, *args], input=data, env=self.env,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        if check and done.returncode:
            die(f'git {args[0]} failed in {self.repo}: {done.stderr.decode().strip()}')
        return done

    def __call__(self, *args, data=None):
        return self.run(*args, data=data).stdout


def split_mbox(mbox):
    start = b'From ' + b'0' * 40 + b' Mon Sep 17 00:00:00 2001\n'
    return [start + mail for mail in mbox.split(start)[1:]]


def build(repo, parent, mails, names, tree):
    """Commits the mails on top of parent; 'tree' says what it is, for messages."""
    with tempfile.TemporaryDirectory() as tmp:
        git = Git(repo, os.path.join(tmp, 'index'))
        git('read-tree', parent)
        head = git('rev-parse', parent).decode().strip()
        for mail, name in zip(mails, names, strict=True):
            message = os.path.join(tmp, 'message')
            diff = os.path.join(tmp, 'diff')
            info = git('mailinfo', '--encoding=UTF-8', message, diff, data=mail)
            subject = next(line[len(b'Subject: '):] for line in info.split(b'\n')
                           if line.startswith(b'Subject: '))
            done = git.run('apply', '--cached', '--whitespace=nowarn', diff, check=False)
            if done.returncode:
                why = done.stderr.decode().strip().splitlines()[0].removeprefix('error: ')
                die(f'{name} does not apply to {tree}: {why}; bring the patch up to date')
            with open(message, 'rb') as f:
                text = subject + b'\n\n' + f.read()
            written = git('write-tree').decode().strip()
            head = git('commit-tree', '-p', head, written,
                       data=git('stripspace', data=text)).decode().strip()
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
