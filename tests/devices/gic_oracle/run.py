#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""run.py QEMU GUEST HOST: the same conversation with QEMU's GIC and with armlet's.

Exits with 0 when both print the same, else shows the first difference with its round.
"""
import os, subprocess, sys, tempfile


def qemu_output(qemu, guest):
    with tempfile.TemporaryDirectory() as folder:
        log = os.path.join(folder, 'serial')
        subprocess.run([qemu, '-M', 'virt,gic-version=3', '-cpu', 'max', '-display', 'none', '-monitor', 'none',
                        '-net', 'none', '-serial', 'file:' + log, '-kernel', guest],
                       check=True, timeout=100, stdin=subprocess.DEVNULL)
        with open(log) as f:
            return f.read().replace('\r', '').splitlines()


def main():
    qemu, guest, host = sys.argv[1:]
    want = qemu_output(qemu, guest)
    got = subprocess.run([host], check=True, timeout=100, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    for i, (w, g) in enumerate(zip(want, got)):
        if w != g:
            start = max(j for j in range(i + 1) if want[j].startswith('round') or j == 0)
            before = max(start - 9, 0)
            print(*want[before:i], f'QEMU:   {w}', f'armlet: {g}', sep='\n')
            return 1
    if len(want) != len(got):
        print(f'QEMU printed {len(want)} lines, armlet {len(got)}')
        return 1
    print(f'{len(want)} lines alike')
    return 0


sys.exit(main())
