#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""lint.py ROOT: the rules of the house that a machine can check.

Dependencies point one way, a few headers are for a few files only, every file says its licence, and
nothing is left for later. The rules are tried on small wrong examples first.
"""
import os, re, sys

# Which folders a folder may include from.
MAY_INCLUDE = {
    'base': {'base'},
    'jit': {'base', 'jit'},
    'frontend': {'base', 'jit', 'frontend'},
    'devices': {'base', 'devices'},
    'machine': {'base', 'jit', 'frontend', 'devices', 'machine'},
    'tests': {'base', 'jit', 'frontend', 'devices', 'machine', 'tests'},
}
# Headers that only some files may include.
RESERVED = [
    (r'libgccjit', r'jit/gccjit_\w+\.[ch]|jit/worker\.c'),
    (r'SDL', r'devices/display/sdl(_\w+)?\.[ch]'),
    (r'glib(\.h|/)', r'(?!)'),
    (r'criterion', r'tests/'),
    (r'libfdt', r'devices/\w+\.[ch]|machine/devtree\.c|tests/'),
]
# A line that a user reads among the guest's: devices/char/say.c begins it.
OWN_LINE = re.compile(r'stderr, "(\\r)?armlet: ')
# What frontend/decodegen.py writes into the build directory.
GENERATED = re.compile(r'a64_\w+\.(h|inc)$')
CODE = re.compile(r'\.(c|h|def|decode)$')
TEXT = re.compile(r'(\.(c|h|S|s|def|decode|py|sh|build)|/meson\.build)$')
MARKER = re.compile(r'\b(TO' r'DO|FIX' r'ME|X' r'XX|HA' r'CK)\b')
INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]', re.M)
SPDX = 'SPDX-License-Identifier: GPL-3.0-or-later'


def check_includes(path, text):
    folder = path.split('/')[0]
    for m in INCLUDE.finditer(text):
        quoted, name = m[1] == '"', m[2]
        target = name.split('/')[0]
        if folder in MAY_INCLUDE and target in MAY_INCLUDE and target not in MAY_INCLUDE[folder]:
            yield f'{folder}/ must not know {target}/: {name}'
        if quoted and folder in MAY_INCLUDE and folder != 'tests' and '/' not in name and not GENERATED.match(name):
            yield f'write "folder/file.h": {name}'
        for header, allowed in RESERVED:
            if re.match(header, name) and not re.match(allowed, path):
                yield f'{name} is not for this file'


def check_text(path, text):
    head = text.split('\n')[:2]
    if SPDX not in head[0] and not (head[0].startswith('#!') and SPDX in head[-1]):
        yield 'the first line is not "' + SPDX + '"'
    for number, line in enumerate(text.split('\n'), 1):
        if MARKER.search(line):
            yield f'line {number}: {line.strip()}'
        if CODE.search(path) and '\t' in line:
            yield f'line {number}: a tab'
        if path.startswith(('devices/', 'machine/')) and OWN_LINE.search(line):
            yield f'line {number}: that is for say()'


def check_file(path, text):
    script = text.startswith('#!')
    if TEXT.search('/' + path) or script:
        yield from check_text(path, text)
    if CODE.search(path):
        yield from check_includes(path, text)


def files(root):
    for folder, names, here in os.walk(root):
        names[:] = sorted(n for n in names if not n.startswith(('build', '.git', '.cache', '__pycache__')))
        for name in here:
            yield os.path.relpath(os.path.join(folder, name), root)


EXAMPLES = [
    ('base/x.c', f'// {SPDX}\n#include "jit/ir.h"\n'),
    ('jit/x.c', f'// {SPDX}\n#include "frontend/cpu.h"\n'),
    ('frontend/x.c', f'// {SPDX}\n#include "devices/gic.h"\n'),
    ('devices/x.c', f'// {SPDX}\n#include "jit/jit.h"\n'),
    ('frontend/x.c', f'// {SPDX}\n#include <libgccjit.h>\n'),
    ('devices/gic.c', f'// {SPDX}\n#include <SDL2/SDL.h>\n'),
    ('machine/x.c', f'// {SPDX}\n#include "virt.h"\n'),
    ('machine/x.c', '#include <stdio.h>\n'),
    ('machine/x.c', f'// {SPDX}\n    fprintf(stderr, "armlet: %s\\n", text);\n'),
    ('machine/x.c', f'// {SPDX}\n// TO' 'DO: later\n'),
]


def main():
    for path, text in EXAMPLES:
        if not list(check_file(path, text)):
            sys.exit(f'lint.py itself: accepts {path}: {text!r}')
    bad = count = 0
    for path in files(sys.argv[1]):
        try:
            with open(os.path.join(sys.argv[1], path), encoding='utf8') as f:
                text = f.read()
        except (UnicodeDecodeError, FileNotFoundError):
            continue
        count += 1
        for complaint in check_file(path, text):
            bad += 1
            print(f'{path}: {complaint}')
    print(f'{count} files, {bad} complaints')
    sys.exit(1 if bad or not count else 0)


if __name__ == '__main__':
    main()
