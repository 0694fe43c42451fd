#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""fio in the guest, random and verified by checksums, four jobs, on a raw image and on a new qcow2.

The programs' disk is that of tests/figures (mmdebstrap, once, as root).
"""
import os, subprocess, sys, tempfile
from guest import ROOT, armlet, check, main

sys.path.insert(0, ROOT + '/tests/figures')
from figures import Emulator

JOB = ('--thread --direct=1 --bs=4k --ioengine=libaio --iodepth=8 --numjobs=4 --size=32m --offset_increment=64m '
       '--verify=crc32c --verify_fatal=1 --do_verify=1 --verify_state_save=0 --group_reporting')


def verified():
    with tempfile.TemporaryDirectory(dir='/var/tmp', prefix='armlet-fio-') as d:
        raw, qcow2 = d + '/raw.img', d + '/new.qcow2'
        with open(raw, 'wb') as f:
            f.truncate(256 << 20)
        subprocess.run([armlet(), 'disk', 'create', qcow2, '256M'], check=True, stdout=subprocess.DEVNULL)
        options = [a for path, kind in ((raw, 'raw'), (qcow2, 'qcow2')) for a in (
            '-drive', f'file={path},format={kind},if=none,id={kind}', '-device', f'virtio-blk-device,drive={kind},serial={kind}')]
        with Emulator('armlet', '-nic', 'none', *options) as g:
            for kind in 'raw', 'qcow2':
                device = g.disk(kind)
                for rw in 'randwrite', 'randrw':
                    out = g.run(f'chroot /mnt fio --name=v --filename={device} --rw={rw} {JOB}', 300)
                    check('jobs=4): err= 0' in out and 'verify:' not in out, f'{kind}, {rw}:\n{out}')
            g.type('poweroff -f\r')
            check(g.wait() == 0, 'poweroff')
        found = subprocess.run(['qemu-img', 'check', qcow2], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        check(found.returncode == 0, found.stdout)


if __name__ == '__main__':
    main(verified)
