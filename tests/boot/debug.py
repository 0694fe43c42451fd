#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""debug.py PROGRAM: what GDB and perf use of the CPU works for a program in a Linux guest
(guest_programs/debug.c), on every CPU model."""
import gzip, os, re, subprocess, sys, tempfile
from guest import Guest, armlet, boot_linux, check, main

PROGRAM = os.path.abspath(sys.argv[1])


def with_program(initrd, to):
    """The initramfs and an archive behind it with the program in /root."""
    with tempfile.TemporaryDirectory() as tree:
        os.makedirs(tree + '/root')
        subprocess.run(['cp', PROGRAM, tree + '/root/debug'], check=True)
        names = '.\nroot\nroot/debug\n'
        archive = subprocess.run(['cpio', '-o', '-H', 'newc', '-R', '0:0', '--quiet'], cwd=tree,
                                 input=names.encode(), stdout=subprocess.PIPE, check=True).stdout
    with open(initrd, 'rb') as f:
        to.write(f.read() + gzip.compress(archive, 1))
    to.flush()


def on(cpu):
    def test():
        kernel, initrd = boot_linux()
        with tempfile.NamedTemporaryFile() as both:
            with_program(initrd, both)
            with Guest([armlet(), '-M', 'virt', '-m', '1G', '-cpu', cpu, '-nographic', '-kernel', kernel,
                        '-initrd', both.name, '-append', 'console=ttyAMA0 quiet']) as g:
                g.prompt(120)
                out = g.run('./debug', 120).replace('\r', '')
                check('\nend' in out and 'WRONG' not in out, f'the program says:\n{out}')
                check(len(re.findall(r'^ok ', out, re.M)) == 11, out)
                g.type('poweroff -f\r')
                check(g.wait() == 0, 'poweroff')
    test.__name__ = 'debug_' + cpu.replace('-', '_')
    return test


if __name__ == '__main__':
    main(*map(on, ['max', 'cortex-a57', 'neoverse-n1']))
