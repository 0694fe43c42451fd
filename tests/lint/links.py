#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""links.py ROOT: what README.md and docs/ link to in the tree is there, and so is what the code's comments
name under docs/.
"""
import os, re, sys

LINK = re.compile(r'\]\((?![a-z]+:)([^)#]+)(?:#[^)]*)?\)')
NAMED = re.compile(r'\bdocs/[\w/-]+\.(?:md|1)\b')
SKIP = ('build', '.git', '.cache', '__pycache__')


def files(root):
    for folder, names, here in os.walk(root):
        names[:] = sorted(n for n in names if not n.startswith(SKIP))
        for name in here:
            yield os.path.relpath(os.path.join(folder, name), root)


def targets(path, text):
    """The files that a text refers to, from the root."""
    if path.endswith('.md'):
        for m in LINK.finditer(text):
            yield os.path.normpath(os.path.join(os.path.dirname(path), m[1]))
    for m in NAMED.finditer(text):
        yield m[0]


def main():
    root = sys.argv[1]
    bad = count = 0
    for path in files(root):
        if not re.search(r'\.(md|c|h|def|decode|build|py)$', path):
            continue
        with open(os.path.join(root, path), encoding='utf8') as f:
            text = f.read()
        for target in targets(path, text):
            count += 1
            if not os.path.exists(os.path.join(root, target)):
                bad += 1
                print(f'{path}: there is no {target}')
    print(f'{count} references, {bad} complaints')
    sys.exit(1 if bad or not count else 0)


if __name__ == '__main__':
    main()
