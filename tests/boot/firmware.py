#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian's EDK2 and U-Boot, unmodified: to their prompts, kept variables, a kernel through fw_cfg.

Skipped (77) where neither package (qemu-efi-aarch64, u-boot-qemu) is installed.
"""
import os, shutil, subprocess, sys, tempfile
from guest import Guest, armlet, boot_linux, check, main

EDK2 = '/usr/share/AAVMF/AAVMF_CODE.fd'
VARS = '/usr/share/AAVMF/AAVMF_VARS.fd'
UBOOT = '/usr/lib/u-boot/qemu_arm64/u-boot.bin'
HERE = tempfile.TemporaryDirectory(dir='/var/tmp')
TOOLS = ['xorriso', 'mcopy', 'mkfs.fat']
SHELL = r'Shell>'


def flash(path, *properties):
    return ['-drive', ','.join(['if=pflash', 'format=raw', 'file=' + path, *properties])]


def edk2(*args):
    return Guest([armlet(), '-m', '512', '-no-reboot', *flash(EDK2, 'readonly=on'), *args])


def shell(guest, command, pattern, seconds=30):
    guest.type(command + '\r')
    m = guest.expect(pattern, seconds)
    guest.expect(SHELL, seconds)
    return m


def to_shell(guest):
    guest.expect('UEFI Interactive Shell', 60)
    guest.expect('any other key to continue', 30)
    guest.type('\x1b')
    guest.expect(SHELL, 30)


def edk2_keeps_variables():
    """A variable set in one run is there in the next; the file is the bank's size and locked."""
    path = os.path.join(HERE.name, 'vars.fd')
    with open(VARS, 'rb') as f, open(path, 'wb') as to:
        to.write(f.read(0xc0000))
    with edk2(*flash(path)) as guest:
        to_shell(guest)
        check(os.path.getsize(path) == 64 << 20, 'the file was not made as long as the bank')
        p = subprocess.run([armlet(), *flash(EDK2, 'readonly=on'), *flash(path)], stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        check(p.returncode == 1 and 'in use' in p.stderr, f'a second armlet: {p.returncode} {p.stderr!r}')
        guest.type('set armlettest keepthis\r')
        guest.expect(SHELL, 30)
        guest.kill()  # as SIGKILL does: what was written stays
    with edk2(*flash(path)) as guest:
        to_shell(guest)
        shell(guest, 'set armlettest', r'armlettest.*keepthis')
        guest.type('reset -s\r')
        check(guest.wait() == 0, 'reset -s: not powered off')


def edk2_without_variables():
    with Guest([armlet(), '-m', '512', '-bios', 'AAVMF_CODE.fd', '-snapshot']) as guest:
        to_shell(guest)
        shell(guest, 'ver', r'UEFI v2\.')
        guest.type('reset\r')
        to_shell(guest)  # once more
        guest.type('\x01x')
        check(guest.wait() == 0, 'Ctrl-A x')


def edk2_boots_a_kernel():
    kernel, initrd = boot_linux()
    with edk2('-kernel', kernel, '-initrd', initrd, '-append', 'console=ttyAMA0 hello=fw_cfg') as guest:
        guest.expect('EFI stub: Booting Linux Kernel', 60)
        guest.prompt(120)
        check('hello=fw_cfg' in guest.run('cat /proc/cmdline'), 'the command line did not arrive')
        check('No such' not in guest.run('ls -d /sys/firmware/efi'), 'Linux does not see EFI')
        out = guest.run('ls /sys/firmware/acpi/tables 2>/dev/null; ls /proc/device-tree/')
        check('psci' in out and 'DSDT' not in out, f'ACPI or no device tree: {out}')
        guest.type('poweroff -f\r')
        check(guest.wait(60) == 0, 'poweroff')


def edk2_starts_an_iso_by_its_name():
    """The short way: an ISO image with nothing but a kernel as its EFI boot loader."""
    iso, esp, tree = (os.path.join(HERE.name, name) for name in ('test.iso', 'esp.img', 'tree'))
    os.mkdir(tree)
    with open(esp, 'wb') as f:
        f.truncate(64 << 20)
    for command in (['mkfs.fat', esp], ['mmd', '-i', esp, '::EFI', '::EFI/BOOT'],
                    ['mcopy', '-i', esp, boot_linux()[0], '::EFI/BOOT/BOOTAA64.EFI'], ['cp', esp, tree],
                    ['xorriso', '-as', 'mkisofs', '-o', iso, '-e', 'esp.img', '-no-emul-boot', tree]):
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with Guest([armlet(), '-nic', 'none', iso]) as guest:
        guest.expect('EFI stub: Booting Linux Kernel', 90)
        check(os.path.getsize(iso + '.efivars') == 64 << 20, 'no file for the variables')
        guest.type('\x01x')
        check(guest.wait() == 0, 'Ctrl-A x')


def uboot_finds_the_disk():
    disk = os.path.join(HERE.name, 'disk.img')
    with open(disk, 'wb') as f:
        f.truncate(8 << 20)
    with Guest([armlet(), '-m', '512', '-bios', UBOOT, '-drive', f'file={disk},format=raw']) as guest:
        guest.expect('Hit any key to stop autoboot', 30)
        guest.type(' ')
        guest.expect('=> ', 30)
        guest.type('virtio scan; virtio info\r')
        m = guest.expect(r'Capacity: ([\d.]+ MB)', 30)
        check(m[1] == '8.0 MB', f'the disk has {m[1]}')
        guest.expect('=> ', 30)
        guest.type('flinfo\r')
        m = guest.expect(r'Size: (\d+) MB in (\d+) Sectors', 30)
        # It counts one of the two chips, under QEMU too.
        check(m[1] == '32' and m[2] == '256', f'flash: {m[0]}')
        guest.expect('=> ', 30)
        guest.type('poweroff\r')
        check(guest.wait() == 0, 'poweroff')


if __name__ == '__main__':
    tests = [t for t in (edk2_keeps_variables, edk2_without_variables, edk2_boots_a_kernel) if os.path.exists(EDK2)]
    tests += [edk2_starts_an_iso_by_its_name] if os.path.exists(EDK2) and all(map(shutil.which, TOOLS)) else []
    tests += [uboot_finds_the_disk] if os.path.exists(UBOOT) else []
    if not tests:
        sys.exit(77)
    main(*tests)
