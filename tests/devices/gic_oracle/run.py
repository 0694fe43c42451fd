#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""run.py QEMU GUEST HOST ARMLET: the same conversation with QEMU's GIC, with armlet's on a bare bus
and with armlet as a whole.

Exits with 0 when all print the same, else shows the first difference with its round.
"""
import os, subprocess, sys, tempfile


def machine_output(command, guest):
    with tempfile.TemporaryDirectory() as folder:
        log = os.path.join(folder, 'serial')
        with open(log, 'wb') as f:
            subprocess.run(command + ['-M', 'virt', '-nographic', '-kernel', guest], check=True, timeout=100,
                           stdin=subprocess.DEVNULL, stdout=f)
        with open(log) as f:
            return f.read().replace('\r', '').splitlines()


def compare(who, want, got):
    for i, (w, g) in enumerate(zip(want, got)):
        if w != g:
            start = max(j for j in range(i + 1) if want[j].startswith('round') or j == 0)
            before = max(start - 9, 0)
            print(*want[before:i], f'QEMU: {w}', f'{who}: {g}', sep='\n')
            return False
    if len(want) != len(got):
        print(f'QEMU printed {len(want)} lines, {who} {len(got)}')
        return False
    print(f'{who}: {len(want)} lines alike')
    return True


def main():
    qemu, guest, host, armlet = sys.argv[1:]
    want = machine_output([qemu, '-machine', 'gic-version=3', '-cpu', 'max', '-net', 'none'], guest)
    bare = subprocess.run([host], check=True, timeout=100, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    ok = compare('bare bus', want, bare)
    return 0 if compare('armlet', want, machine_output([armlet], guest)) and ok else 1


sys.exit(main())
