#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user may get wrong: one line on stderr that names the thing, status 1 or 2, nothing started."""
import gzip, os, struct, subprocess, tempfile, time
from guest import PATIENCE, armlet, check, main

HERE = tempfile.TemporaryDirectory()
SPIN = struct.pack('<I', 0x14000000)  # b .


def write(name, data):
    path = os.path.join(HERE.name, name)
    with open(path, 'wb') as f:
        f.write(data)
    return path


def image(size=0x10000, image_size=0x20000):
    h = SPIN + bytes(4) + struct.pack('<QQQ', 0, image_size, 0xa) + bytes(24) + b'ARM\x64' + bytes(4)
    return h + bytes(size - len(h))


def elf(machine, bits):
    return b'\x7fELF' + bytes([bits // 32, 1, 1]) + bytes(9) + struct.pack('<HH', 2, machine) + bytes(4096)


GOOD = write('Image', image())
DISK = write('disk.img', bytes(1 << 20))


def efi_truncated():
    """An Image whose PE header promises more than there is, as a cut download has it."""
    h = bytearray(image(8192))
    h[0:2], h[60:64] = b'MZ', struct.pack('<I', 64)
    h[64:88] = b'PE\0\0' + struct.pack('<HH', 0xaa64, 1) + bytes(12) + struct.pack('<HH', 0, 0)
    h[88:128] = bytes(16) + struct.pack('<II', 0x100000, 0x1000) + bytes(16)
    return bytes(h)


def refuse(status, words, *args):
    """Runs armlet, which must give up at once with this status and one line that holds all words."""
    p = subprocess.run([armlet(), *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                       text=True, timeout=60 * PATIENCE)
    what = ' '.join(args)
    check(p.returncode == status, f'{what}: status {p.returncode}, not {status}: {p.stderr}')
    lines = p.stderr.rstrip('\n').split('\n')
    check(len(lines) == 1 and lines[0].startswith('armlet: '), f'{what}: not one line: {p.stderr!r}')
    check(p.stdout == '', f'{what}: stdout: {p.stdout!r}')
    for word in words:
        check(word in lines[0], f'{what}: {lines[0]!r} does not say {word!r}')


def kernels():
    bad = lambda name, data, *words: refuse(1, ['could not load kernel', name, *words], '-kernel', write(name, data))
    refuse(1, ['could not load kernel', '/nonexistent', 'No such file'], '-kernel', '/nonexistent')
    refuse(1, ['could not load kernel', HERE.name], '-kernel', HERE.name)
    bad('empty', b'', 'empty')
    bad('cut', efi_truncated(), 'truncated')
    bad('cut-header', efi_truncated()[:40], 'truncated')
    bad('cut.gz', gzip.compress(os.urandom(100000))[:50000], 'truncated')
    bad('bzImage', bytes(0x202) + b'HdrS' + bytes(4096), 'x86')
    bad('vmlinux', elf(62, 64), 'x86')
    bad('zImage', bytes(0x24) + struct.pack('<I', 0x016f2818) + bytes(4096), '32-bit ARM')
    bad('vmlinux32', elf(40, 32), '32-bit ARM')
    bad('huge', image(image_size=1 << 40), 'does not fit')
    bad('disk.qcow2', b'QFI\xfb' + bytes(4096), 'qcow2')
    refuse(1, ['neither'], write('text', b'hello\n'))
    refuse(1, ['disk.qcow2'], '-bios', GOOD, os.path.join(HERE.name, 'disk.qcow2'))  # taken for a disk


def initrd_and_tree():
    big = write('initrd', b'')
    os.truncate(big, 300 << 20)
    refuse(1, ['initrd', 'does not fit'], '-kernel', GOOD, '-m', '256M', '-initrd', big)
    refuse(1, ['/nonexistent', 'No such file'], '-kernel', GOOD, '-initrd', '/nonexistent')
    refuse(1, ['initrd', 'empty'], '-kernel', GOOD, '-initrd', write('initrd0', b''))
    refuse(1, ['/nonexistent', 'device tree'], '-kernel', GOOD, '-dtb', '/nonexistent')
    refuse(1, ['not a valid device tree'], '-kernel', GOOD, '-dtb', DISK)


def memory():
    for size in '0', '-5', '1', '15M', 'lots', '12345T', '99999999999999999999G', '':
        refuse(2, ['-m'], '-kernel', GOOD, '-m', size)


def disks():
    drive = lambda extra: ['-kernel', GOOD, '-drive', 'format=raw,' + extra]
    refuse(1, ['/nonexistent', 'No such file'], *drive('file=/nonexistent'))
    refuse(1, [HERE.name], *drive('file=' + HERE.name))
    refuse(2, ['no file='], *drive('if=virtio'))
    if os.geteuid() != 0:  # root may write everything
        os.chmod(DISK, 0o444)
        refuse(1, ['disk.img', 'readonly=on'], *drive('file=' + DISK))
        os.chmod(DISK, 0o644)


def locked_disk():
    spin = write('spin', SPIN)
    command = [armlet(), '-kernel', spin, '-nographic', '-serial', 'null', '-drive', f'file={DISK},format=raw']
    first = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        inode, deadline = f':{os.stat(DISK).st_ino} ', time.monotonic() + 20 * PATIENCE
        while not any(inode in line for line in open('/proc/locks')):
            check(first.poll() is None and time.monotonic() < deadline, 'the first armlet took no lock')
            time.sleep(0.02)
        refuse(1, ['disk.img', 'in use'], *command[1:])
        refuse(1, ['disk.img', 'in use'], *command[1:-1], command[-1] + ',readonly=on')
    finally:
        first.kill()
        first.wait()


def command_lines():
    refuse(2, ['-kernal', 'did you mean -kernel'], '-kernal', GOOD)
    refuse(2, ['unknown option'], '--frobnicate')
    refuse(2, ['nothing to boot'])
    refuse(2, ['needs an argument'], '-kernel')
    refuse(2, ['gic-version'], '-M', 'virt,gic-version=9', '-kernel', GOOD)
    refuse(2, ['no -drive of that id'], '-kernel', GOOD, '-device', 'virtio-blk-device,drive=x')
    refuse(1, ['/nonexistent/log'], '-kernel', GOOD, '-D', '/nonexistent/log')


if __name__ == '__main__':
    main(kernels, initrd_and_tree, memory, disks, locked_disk, command_lines)
