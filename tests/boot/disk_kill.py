#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""disk_kill.py [raw|qcow2]: 200 MB written to ext4, sync, SIGKILL: the image must be clean and hold
every byte.

The data comes from a second, read-only disk of random bytes, so that the host knows it; another
write is under way when the kill comes.
"""
import hashlib, os, shlex, subprocess, sys, tempfile
from guest import Guest, armlet, boot_linux, check, main

FILES, MB_EACH = 4, 50
FORMAT = sys.argv[1] if len(sys.argv) > 1 else 'raw'


def tool(*command):
    p = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return p.returncode, p.stdout


def prepare(directory):
    source, disk = directory + '/source.img', directory + '/disk.img'
    hashes = []
    with open(source, 'wb') as f:
        for _ in range(FILES):
            data = os.urandom(MB_EACH << 20)
            hashes.append(hashlib.sha256(data).hexdigest())
            f.write(data)
    with open(disk, 'wb') as f:
        f.truncate(600 << 20)
    status, out = tool('mke2fs', '-q', '-t', 'ext4', '-F', disk)
    check(status == 0, 'mke2fs: ' + out)
    if FORMAT == 'qcow2':
        image = directory + '/disk.qcow2'
        status, out = tool(armlet(), 'disk', 'convert', disk, image)
        check(status == 0, 'convert: ' + out)
        os.unlink(disk)
        disk = image
    return source, disk, hashes


def as_raw(disk):
    """What e2fsck can read."""
    if FORMAT == 'raw':
        return disk
    status, out = tool(armlet(), 'disk', 'check', disk)
    check(status == 0, 'armlet disk check: ' + out)
    status, out = tool('qemu-img', 'check', disk)
    check(status in (0, 3), 'qemu-img check: ' + out)  # 3: leaks
    status, out = tool(armlet(), 'disk', 'convert', '-O', 'raw', disk, disk + '.raw')
    check(status == 0, 'convert: ' + out)
    return disk + '.raw'


def start(source, disk):
    kernel, initrd = boot_linux()
    return Guest([armlet(), *shlex.split(os.environ.get('ARMLET_TEST_ARGS', '')), '-M', 'virt', '-m', '512M',
                  '-nographic', '-kernel', kernel, '-initrd', initrd, '-append', 'console=ttyAMA0 quiet',
                  '-drive', f'file={disk},format={FORMAT},if=none,id=d', '-device', 'virtio-blk-device,drive=d,serial=armlet-disk',
                  '-drive', f'file={source},format=raw,if=none,id=s,readonly=on', '-device', 'virtio-blk-device,drive=s'])


def find_disks(g):
    """Device names by content: the order of probing is the kernel's business."""
    disk = g.run('for d in vda vdb; do [ "$(cat /sys/block/$d/serial)" = armlet-disk ] && echo name=$d; done; true')
    disk = disk.split('name=')[-1][:3]
    return disk, 'vdb' if disk == 'vda' else 'vda'


def write_sync_kill():
    with tempfile.TemporaryDirectory(dir='/var/tmp') as directory:
        source, disk, hashes = prepare(directory)
        with start(source, disk) as g:
            g.prompt(120)
            target, origin = find_disks(g)
            check(g.run(f'cat /sys/block/{origin}/ro').split()[-1] == '1', 'the source disk is not read-only')
            g.run(f'mount -t ext4 /dev/{target} /mnt')
            for i in range(FILES):
                g.run(f'dd if=/dev/{origin} of=/mnt/f{i} bs=1M count={MB_EACH} skip={i * MB_EACH} 2>/dev/null', 120)
            g.run('sync', 120)
            g.type(f'dd if=/dev/{origin} of=/mnt/more bs=64k & echo under""way\r')
            g.expect('underway', 20)
            g.kill()
        disk = as_raw(disk)
        status, out = tool('e2fsck', '-fp', disk)
        check(status in (0, 1), f'e2fsck: status {status}: {out}')
        status, out = tool('e2fsck', '-fn', disk)
        check(status == 0, f'e2fsck after the journal was replayed: status {status}: {out}')
        for i in range(FILES):
            copy = f'{directory}/copy'
            tool('debugfs', '-R', f'dump /f{i} {copy}', disk)
            with open(copy, 'rb') as f:
                got = hashlib.sha256(f.read()).hexdigest()
            check(got == hashes[i], f'/f{i} differs: sha256 {got}, not {hashes[i]}')
            os.unlink(copy)


if __name__ == '__main__':
    main(write_sync_kill)
