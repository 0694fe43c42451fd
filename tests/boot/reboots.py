#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""reboots.py [N]: `reboot` in a Linux guest with a disk, a card, a shared folder and a console a hundred times:
armlet grows neither in memory nor in descriptors or threads.

Memory that the guest touches for the first time counts at the host too, so it is compared from the tenth on. Compile
workers are not counted: GCC keeps memory, and a worker that has grown by 256 MiB ends (docs/compile-service.md).
"""
import os, re, shlex, sys, tempfile, time
from guest import Guest, armlet, boot_linux, check, main

REBOOTS = int(sys.argv[1]) if len(sys.argv) > 1 else 100
FIRST = min(10, REBOOTS // 2)


def size(pid):
    """MiB, descriptors, threads of armlet itself."""
    with open(f'/proc/{pid}/smaps_rollup') as f:
        kib = int(re.search(r'Pss:\s+(\d+)', f.read())[1])
    return kib >> 10, len(os.listdir(f'/proc/{pid}/fd')), len(os.listdir(f'/proc/{pid}/task'))


def reboots():
    kernel, initrd = boot_linux()
    sizes, times = [], []
    with tempfile.TemporaryDirectory(dir='/var/tmp', prefix='armlet-') as directory:
        disk = directory + '/disk.qcow2'
        with Guest([armlet(), 'disk', 'create', disk, '64M']) as g:
            check(g.wait() == 0, 'disk create')
        with Guest([armlet(), *shlex.split(os.environ.get('ARMLET_TEST_ARGS', '')), '-m', '256M', '-nographic', '-kernel', kernel,
                    '-initrd', initrd, '-append', 'console=ttyAMA0 quiet', '-drive', 'file=' + disk, '-nic', 'user',
                    '-share', directory + ',tag=share', '-device', 'virtio-rng-device', '-device', 'virtio-balloon-device']) as g:
            for n in range(REBOOTS + 1):
                start = time.monotonic()
                g.prompt(300)
                g.run('dd if=/dev/zero of=/dev/vda bs=1M count=8 conv=fsync 2>/dev/null')
                sizes.append(size(g.process.pid))
                times.append(time.monotonic() - start)
                g.text, g.seen = '', 0
                g.type('reboot -f\r' if n < REBOOTS else 'poweroff -f\r')
            check(g.wait(60) == 0, 'poweroff')
    print(f'MiB, descriptors, threads: {sizes[0]} at first, {sizes[FIRST]} after {FIRST}, {sizes[-1]} after {REBOOTS} reboots; '
          f'{times[FIRST]:.1f} s, {times[-1]:.1f} s a boot')
    grown = [late - early for early, late in zip(max(sizes[FIRST:FIRST * 2]), max(sizes[-FIRST:]))]
    check(grown[0] <= 16 and grown[1] <= 8 and grown[2] <= 8, f'it grows by {grown} (MiB, descriptors, threads): {sizes}')


if __name__ == '__main__':
    main(reboots)
