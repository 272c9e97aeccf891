#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Composes the series of a base, or topics of it, into an mbox on stdout.

Plain text work: no kernel tree is needed. The author is the caller, by git's
own configuration. In the environment: BASE; TOPIC="fixes lifetime", left out:
all of them; SIGNOFF="Name <mail>"; COVER=1 adds the cover letter of a topic.
"""

import argparse
import email.header
import hashlib
import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True
from patchfile import ROOT, Git, bare, die, load_series, new_file_diff, read


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
        die(f'{what} "{text}" is not of the form "Name <mail>"; write it as {what}="Your Name <you@example.org>"')
    return match[1], match[2]


def address(name, mail):
    if not name.isascii():
        name = email.header.Header(name, 'utf-8').encode()
    elif re.search(r'[^\w\s!#$%&\'*+/=?^`{|}~-]', name):
        name = '"' + re.sub(r'(["\\])', r'\\\1', name) + '"'
    return f'{name} <{mail}>'


def with_signoff(patch, signoff):
    # git takes the first paragraph for the subject, and the text may have one only.
    text = Git(ROOT)('interpret-trailers', '--no-divider', '--if-exists', 'addIfDifferent',
                     '--trailer', f'Signed-off-by: {signoff}', data=b'x\n\n' + patch.body)
    return text.partition(b'\n\n')[2]


def compose(subject, body, rest, number, total, author):
    count = f' {number:0{len(str(total))}}/{total}' if total > 1 or not number else ''
    return b''.join([b'From ' + b'0' * 40 + b' Mon Sep 17 00:00:00 2001\n',
                     f'From: {author}\nSubject: [PATCH{count}] '.encode(), subject,
                     b'\nMIME-Version: 1.0\nContent-Type: text/plain; charset=UTF-8\n'
                     b'Content-Transfer-Encoding: 8bit\n\n', body, rest, b'-- \n\n'])


def mail(patch, number, total, author, signoff, root):
    diffs = dict(patch.diffs) | {path: new_file_diff(path, root) for path in patch.new_files}
    diff = b''.join(diffs[path] for path in sorted(diffs))
    rest = [b'---\n', patch.notes + b'\n\n' if patch.notes else b'',
            Git(ROOT)('apply', '--stat', '--summary', data=diff), b'\n', diff]
    return compose(patch.subject, with_signoff(patch, signoff) if signoff else patch.body,
                   b''.join(rest), number, total, author)


def cover(topic, total, author, root):
    name = f'patches/{topic}/cover.md'
    path = os.path.join(root, name)
    text = os.path.isfile(path) and re.match(rb'(?:<!--.*-->\n)?# (.*)\n+([^\0]*)', read(path))
    if not text:
        die(f'{name}, the cover letter, does not begin with a line "# SUBJECT"; add it')
    return compose(text[1], text[2], b'', 0, total, author)


def write(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'wb') as f:
        f.write(data)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--author', help='From: line to use instead of the caller (check trees)')
    parser.add_argument('--split', metavar='DIR',
                        help='write DIR/TOPIC/NNNN-*.patch and DIR/series instead of an mbox')
    parser.add_argument('--paths', action='store_true', help='list the existing files touched')
    parser.add_argument('--new-files', action='store_true', help='list the files that are new')
    parser.add_argument('--names', action='store_true', help='list the patches')
    parser.add_argument('--topics', action='store_true', help='list the topics that the base has')
    parser.add_argument('--digest', action='store_true', help='print a hash of what becomes commits, but not of new files')
    parser.add_argument('--root', default=ROOT, help='repository to read instead of this one')
    args = parser.parse_args()

    base = os.environ.get('BASE') or '6.12'
    only = (os.environ.get('TOPIC') or '').split()
    patches = load_series(base, args.root, only or None)
    if args.digest:
        parts = [[p.subject, p.body, *(path.encode() for path in p.new_files),
                  *(bare(text) for _, text in p.diffs)] for p in patches]
        print(hashlib.sha256(repr(parts).encode()).hexdigest())
        return
    names = [os.path.join(p.topic, os.path.basename(p.path)) for p in patches]
    if args.paths or args.new_files or args.names or args.topics:
        rows = names if args.names else []
        for p in patches:
            rows += [p.topic] if args.topics else []
            rows += [path for path, _ in p.diffs] if args.paths else []
            rows += p.new_files if args.new_files else []
        print(''.join(row + '\n' for row in dict.fromkeys(rows)), end='')
        return

    if not patches and not args.author:
        die(f'there is no patch for BASE={base} yet; use another BASE=')
    author = address(*person(args.author or caller(), 'author'))
    signoff = os.environ.get('SIGNOFF') or ''
    if signoff:
        signoff = '{} <{}>'.format(*person(signoff, 'SIGNOFF'))
    mails = [mail(p, n, len(patches), author, signoff, args.root) for n, p in enumerate(patches, 1)]
    if args.split:
        for name, data in zip(names, mails):
            write(os.path.join(args.split, name), data)
        write(os.path.join(args.split, 'series'), ''.join(name + '\n' for name in names).encode())
        return
    if os.environ.get('COVER'):
        if len(only) != 1:
            die('COVER=1 adds the cover letter of one topic; name it by TOPIC=')
        mails.insert(0, cover(only[0], len(patches), author, args.root))
    # All mails were composed without an error before the first byte is written.
    sys.stdout.buffer.write(b''.join(mails))


if __name__ == '__main__':
    try:
        main()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(1)
