#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""manpage.py ARMLET docs/armlet.1: the manual page has the options of --help, with the same arguments in
the same order, the commands, the options of `armlet bench -help`, and the log subjects of -d help.
"""
import re, subprocess, sys


def printed(armlet, *args):
    return subprocess.run([armlet, *args], check=True, stdout=subprocess.PIPE, text=True).stdout.split('\n')


def option(line):
    """'-name ARGUMENT' of a line of --help, or None."""
    m = re.match(r'  (-[\w-]+)(?: (\S+))?', line)
    return ' '.join(filter(None, m.groups())) if m else None


def commands(lines):
    """'word ARGUMENTS' of the commands in --help: what stands before a gap of two spaces."""
    start = next((n for n, line in enumerate(lines) if line.startswith('Commands')), len(lines))
    found = [re.match(r'  (\w+(?: \S+)*)  ', line) for line in lines[start:]]
    return [m[1] for m in found if m]


def subject(line):
    m = re.match(r'  (\w+) ', line)
    return m and m[1]


def tags(page, section):
    """What stands behind each .TP of a section, without its markup."""
    lines, found, inside = page.split('\n'), [], False
    for n, line in enumerate(lines):
        if line.startswith('.SH '):
            inside = line[4:].strip() == section
        elif inside and line == '.TP':
            found.append(re.sub(r'^\.[BIR]+ ', '', lines[n + 1]).replace('\\-', '-').replace('"', ''))
    return found


def compare(what, want, got):
    for missing in [w for w in want if w not in got]:
        print(f'{what}: the manual page lacks "{missing}"')
    for extra in [g for g in got if g not in want]:
        print(f'{what}: the manual page has "{extra}", armlet has not')
    if sorted(want) == sorted(got) and want != got:
        print(f'{what}: not in the order {want}')
    return want == got and len(want) > 0


def main():
    armlet, path = sys.argv[1:]
    with open(path) as f:
        page = f.read()
    ok = compare('options', list(filter(None, map(option, printed(armlet, '-help')))), tags(page, 'OPTIONS'))
    ok = compare('commands', commands(printed(armlet, '-help')), tags(page, 'COMMANDS')) and ok
    ok = compare('options of bench', list(filter(None, map(option, printed(armlet, 'bench', '-help')))), tags(page, 'ARMLET BENCH')) and ok
    ok = compare('log subjects', list(filter(None, map(subject, printed(armlet, '-d', 'help')))), tags(page, 'LOGGING')) and ok
    print('the manual page agrees' if ok else 'the manual page differs')
    sys.exit(0 if ok else 1)


if __name__ == '__main__':
    main()
