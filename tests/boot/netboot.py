#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Firmware on the user network: U-Boot gets an address and a file by TFTP, EDK2 boots by PXE as far as the file
(which is no program) goes. virtio-mmio in its legacy form and in its modern one.
"""
import os, random, shutil, sys, tempfile, zlib
from guest import Guest, armlet, check, main

U_BOOT = '/usr/lib/u-boot/qemu_arm64/u-boot.bin'
EDK2 = '/usr/share/qemu-efi-aarch64/QEMU_EFI.fd'
MODERN = ('-global', 'virtio-mmio.force-legacy=false')
SIZE = 1500000


def start(firmware, directory, *args):
    return Guest([armlet(), '-m', '512', '-nographic', '-bios', firmware, '-nic',
                  f'user,tftp={directory},bootfile=blob', *args])


def with_file(run):
    directory = tempfile.mkdtemp(prefix='armlet-')
    content = random.Random(3).randbytes(SIZE)
    try:
        with open(directory + '/blob', 'wb') as f:
            f.write(content)
        run(directory, content)
    finally:
        shutil.rmtree(directory)


def u_boot(*args):
    def run(directory, content):
        with start(U_BOOT, directory, *args) as g:
            g.expect('Hit any key', 60)
            g.type(' ')
            g.expect('=> ', 30)
            g.type('setenv autoload no; dhcp\r')
            g.expect(r'bound to address 10\.0\.2\.15', 60)
            g.expect('=> ', 30)
            g.type('tftpboot 0x42000000 blob; crc32 0x42000000 ${filesize}\r')
            crc = g.expect(r'crc32 for .*==> ([0-9a-f]{8})', 60)[1]
            check(int(crc, 16) == zlib.crc32(content), f'CRC {crc}, not {zlib.crc32(content):08x}')
    with_file(run)


def u_boot_modern():
    u_boot(*MODERN)


def edk2(*args):
    def run(directory, content):
        with start(EDK2, directory, *args) as g:
            g.expect(r'Station IP address is 10\.0\.2\.15', 120)
            check(int(g.expect(r'NBP filesize is (\d+) Bytes', 60)[1]) == SIZE, 'size')
            g.expect('NBP file downloaded successfully', 60)
    with_file(run)


def edk2_modern():
    edk2(*MODERN)


if __name__ == '__main__':
    if not os.path.exists(U_BOOT) and not os.path.exists(EDK2):
        sys.exit(77)  # neither package (u-boot-qemu, qemu-efi-aarch64) is installed
    main(*([u_boot, u_boot_modern] if os.path.exists(U_BOOT) else []),
         *([edk2, edk2_modern] if os.path.exists(EDK2) else []))
