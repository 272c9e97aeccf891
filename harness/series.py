#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Composes the series of a base into a complete mbox on stdout.

Plain text work: no kernel tree is needed. The author is the caller, by git's
own configuration; SIGNOFF="Name <mail>" in the environment adds a sign-off.
"""

import argparse
import email.header
import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True
from patchfile import ROOT, die, load_series, new_file_diff

STAT_WIDTH = 72


def caller():
    """The caller's identity as git has it; git's guesses do not count."""
    try:
        ident = subprocess.run(['git', '-c', 'user.useConfigOnly=true', 'var', 'GIT_AUTHOR_IDENT'],
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout
    except FileNotFoundError:
        die('git is not installed; install it, it knows your name for the From: line')
    except subprocess.CalledProcessError:
        die('git does not know who you are, and the mails need a From: line; run '
            'git config --global user.name "Your Name" and '
            'git config --global user.email you@example.org')
    return ident.decode().rsplit(' ', 2)[0]


def person(text, what):
    match = re.fullmatch(r'\s*([^<>\n]+?)\s*<([^<>\s]+@[^<>\s]+)>\s*', text)
    if not match:
        die(f'{what} "{text}" is no "Name <mail>"; write it as {what}="Your Name <you@example.org>"')
    return match[1], match[2]


def address(name, mail):
    if not name.isascii():
        name = email.header.Header(name, 'utf-8').encode()
    elif re.search(r'[^\w\s!#$%&\'*+/=?^`{|}~-]', name):
        name = '"' + re.sub(r'(["\\])', r'\\\1', name) + '"'
    return f'{name} <{mail}>'


def with_signoff(body, line):
    if line in body.split(b'\n'):
        return body
    last = body.rstrip(b'\n').split(b'\n\n')[-1]
    trailers = all(re.match(rb'(Fixes|Cc|Link|Closes|[A-Z][a-z-]+-by): |[ \t]', row)
                   for row in last.split(b'\n'))
    return body + (b'' if trailers else b'\n') + line + b'\n'


def diffstat(diffs):
    name_width = max(len(d.path) for d in diffs)
    most = max(d.added + d.removed for d in diffs)
    digits = len(str(most))
    graph = max(10, STAT_WIDTH - name_width - digits - 4)
    out = []

    def bar(count):
        if most <= graph:
            return count
        return count and 1 + count * (graph - 1) // most

    for d in diffs:
        signs = '+' * bar(d.added) + '-' * bar(d.removed)
        out.append(f' {d.path:{name_width}} | {d.added + d.removed:{digits}} {signs}'.rstrip() + '\n')
    added = sum(d.added for d in diffs)
    removed = sum(d.removed for d in diffs)
    line = f' {len(diffs)} file{"s" * (len(diffs) != 1)} changed'
    if added or not removed:
        line += f', {added} insertion{"s" * (added != 1)}(+)'
    if removed or not added:
        line += f', {removed} deletion{"s" * (removed != 1)}(-)'
    out.append(line + '\n')
    out += [f' create mode {d.new_mode} {d.path}\n' for d in diffs if d.new_mode]
    return ''.join(out).encode()


def compose(patch, number, total, author, signoff='', root=ROOT):
    diffs = patch.diffs + [new_file_diff(path, root) for path in patch.new_files]
    diffs.sort(key=lambda d: d.path)
    count = f'{number:0{len(str(total))}}/{total}' if total > 1 else ''
    subject = f'Subject: [PATCH{" " * bool(count)}{count}] '.encode() + patch.subject
    body = with_signoff(patch.body, b'Signed-off-by: ' + signoff.encode()) if signoff else patch.body
    mail = [b'From ' + b'0' * 40 + b' Mon Sep 17 00:00:00 2001\n',
            b'From: ' + author.encode() + b'\n', subject + b'\n',
            b'MIME-Version: 1.0\nContent-Type: text/plain; charset=UTF-8\n'
            b'Content-Transfer-Encoding: 8bit\n\n',
            body, b'---\n']
    if patch.notes:
        mail += [patch.notes, b'\n\n']
    mail += [diffstat(diffs), b'\n']
    for d in diffs:
        mail += d.lines
    mail.append(b'-- \n\n')
    return b''.join(mail)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--first', type=int, metavar='N', help='only the first N patches')
    parser.add_argument('--tests-only', action='store_true',
                        help='only patches whose files are all below lib/ or tools/testing/, '
                             'or that have a line "Tests-only:" under the "---"')
    parser.add_argument('--author', help='From: line to use instead of the caller (check trees)')
    parser.add_argument('--split', metavar='DIR',
                        help='write DIR/NNNN-*.patch and DIR/series instead of an mbox')
    parser.add_argument('--paths', action='store_true', help='list the existing files touched')
    parser.add_argument('--new-files', action='store_true', help='list the files that are new')
    parser.add_argument('--root', default=ROOT, help='repository to read instead of this one')
    parser.add_argument('--allow-empty', action='store_true', help='a base may have no patch yet')
    parser.add_argument('--names', action='store_true', help='list the patches')
    args = parser.parse_args()

    patches = load_series(os.environ.get('BASE') or '6.12', args.root, args.allow_empty)
    if args.tests_only:
        patches = [p for p in patches if p.tests_only()]
    if args.first is not None:
        if not 0 <= args.first <= len(patches):
            die(f'--first {args.first}: the series has {len(patches)} patches')
        patches = patches[:args.first]
    if args.paths or args.new_files or args.names:
        rows = []
        for p in patches:
            rows += [d.path for d in p.diffs] if args.paths else []
            rows += p.new_files if args.new_files else []
            rows += [os.path.basename(p.path)] if args.names else []
        print(''.join(row + '\n' for row in dict.fromkeys(rows)), end='')
        return

    author = address(*person(args.author or caller(), 'author'))
    signoff = os.environ.get('SIGNOFF') or ''
    if signoff:
        signoff = '{} <{}>'.format(*person(signoff, 'SIGNOFF'))
    mails = [compose(p, n, len(patches), author, signoff, args.root)
             for n, p in enumerate(patches, 1)]
    if args.split:
        os.makedirs(args.split, exist_ok=True)
        for patch, mail in zip(patches, mails):
            with open(os.path.join(args.split, os.path.basename(patch.path)), 'wb') as f:
                f.write(mail)
        with open(os.path.join(args.split, 'series'), 'w', encoding='utf-8') as f:
            f.writelines(os.path.basename(p.path) + '\n' for p in patches)
        return
    # All mails were composed without an error before the first byte is written.
    sys.stdout.buffer.write(b''.join(mails))


if __name__ == '__main__':
    try:
        main()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(1)
