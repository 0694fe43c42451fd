#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""disk_io.py PROGRAM: four jobs in a Linux guest read and write at random and compare
(guest_programs/disk.c), on a raw disk, a qcow2 disk, a compressed qcow2 disk and one with -snapshot,
all at once; the images are good afterwards."""
import gzip, os, shlex, subprocess, sys, tempfile
from guest import Guest, armlet, boot_linux, check, main

OPERATIONS = 400
MB = 64  # the jobs' quarters


def tool(*command):
    p = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    check(p.returncode == 0, f'{shlex.join(command)}: status {p.returncode}: {p.stdout}')
    return p.stdout


def with_program(initrd, to, program):
    """The initramfs and an archive behind it with the program as /root/disk."""
    with tempfile.TemporaryDirectory() as tree:
        os.makedirs(tree + '/root')
        subprocess.run(['cp', program, tree + '/root/disk'], check=True)
        archive = subprocess.run(['cpio', '-o', '-H', 'newc', '-R', '0:0', '--quiet'], cwd=tree,
                                 input=b'.\nroot\nroot/disk\n', stdout=subprocess.PIPE, check=True).stdout
    with open(initrd, 'rb') as f:
        to.write(f.read() + gzip.compress(archive, 1))
    to.flush()


def make_disks(directory):
    """Paths and options of the disks; all hold zeros."""
    raw, qcow2, packed, kept = (f'{directory}/{name}' for name in ('a.img', 'b.qcow2', 'c.qcow2', 'd.qcow2'))
    with open(raw, 'wb') as f:
        f.truncate(MB << 20)
    tool(armlet(), 'disk', 'create', qcow2, f'{MB}M')
    tool(armlet(), 'disk', 'convert', '-c', '-o', 'cluster_size=4K,compression_type=zstd', raw, packed)
    tool(armlet(), 'disk', 'create', '-o', 'compat=0.10', kept, f'{MB}M')
    return [(raw, 'format=raw'), (qcow2, 'format=qcow2'), (packed, ''), (kept, 'snapshot=on')]


def random_io():
    kernel, initrd = boot_linux()
    with tempfile.TemporaryDirectory(dir='/var/tmp') as directory, tempfile.NamedTemporaryFile() as both:
        disks = make_disks(directory)
        with_program(initrd, both, os.path.abspath(sys.argv[1]))
        with open(disks[3][0], 'rb') as f:
            before = f.read()
        options = [arg for path, how in disks for arg in ('-drive', f'file={path},{how}'.rstrip(','))]
        with Guest([armlet(), *shlex.split(os.environ.get('ARMLET_TEST_ARGS', '')), '-M', 'virt', '-m', '512M',
                    '-nographic', '-kernel', kernel, '-initrd', both.name, '-append', 'console=ttyAMA0 quiet',
                    *options]) as g:
            g.prompt(120)
            jobs = ' '.join(f'(/root/disk /dev/vd{d} {OPERATIONS} >/tmp/{d}) &' for d in 'abcd')
            out = g.run(f'{jobs} wait; cat /tmp/[abcd]', 400)
            check(out.count('4 jobs ok') == 4 and 'WRONG' not in out, f'the program says:\n{out}')
            g.type('poweroff -f\r')
            check(g.wait() == 0, 'poweroff')
        for path, _ in disks[1:]:
            check('no errors' in tool(armlet(), 'disk', 'check', path), path)
        with open(disks[3][0], 'rb') as f:
            check(f.read() == before, 'the disk with snapshot=on has changed')


if __name__ == '__main__':
    main(random_io)
