#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""globals.py ARCHIVE...: no mutable global state in the libraries, so that a process may hold two machines.

Looks at the symbols of writable sections. What has a reason to be there is listed with it.
"""
import re, subprocess, sys

ALLOWED = {
    'terminal': 'the one terminal of the process, which signal handlers must find',
}
SYMBOL = re.compile(r'^[0-9a-f]+ .{7} (\.\S+|\*COM\*)\s+([0-9a-f]+)\s+(?:\.hidden )?(\S+)$')


def writable(section):
    return section == '*COM*' or re.match(r'\.(data|bss|tdata|tbss)(\.|$)', section) and not section.startswith('.data.rel.ro')


def main():
    bad = seen = 0
    for archive in sys.argv[1:]:
        out = subprocess.run(['objdump', '-t', archive], check=True, stdout=subprocess.PIPE, text=True).stdout
        member = '?'
        for line in out.split('\n'):
            if ': ' in line and 'file format' in line:
                member = line.split(':')[0]
            m = SYMBOL.match(line)
            if not m:
                continue
            seen += 1
            name = m[3].split('.')[0]
            if int(m[2], 16) and writable(m[1]) and name not in ALLOWED:
                bad += 1
                print(f'{archive} {member}: {m[3]} is mutable and global ({m[1]})')
    print(f'{seen} symbols, {bad} complaints')
    sys.exit(1 if bad or not seen else 0)


if __name__ == '__main__':
    main()
