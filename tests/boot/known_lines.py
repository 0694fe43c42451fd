#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Command lines for QEMU's virt machine as the documentation of others has them, word by word but for the
program's name. Each runs: kernels and firmware are a program of a few words that says OK and powers off.

What names a device that armlet has not (PCI, USB, AHCI, NVMe) is refused in one line that names it.
"""
import os, shlex, socket, struct, subprocess, tempfile
from guest import PATIENCE, armlet, check, main

# "OK\n" to the UART, then PSCI SYSTEM_OFF. Position independent; runs from RAM and from flash.
PROGRAM = struct.pack('<12I', 0xd2a12001, 0x528009e2, 0xb9000022, 0x52800962, 0xb9000022, 0x52800142, 0xb9000022,
                      0x52b08000, 0x72800100, 0xd4000002, 0x14000000, 0xd503201f)
IMAGE = struct.pack('<IIQQQ24s4sI', 0x14000010, 0, 0, 0x10000, 0xa, b'', b'ARM\x64', 0) + PROGRAM
FILES = {
    'u-boot.bin': PROGRAM, 'QEMU_EFI.fd': PROGRAM, 'flash0.img': PROGRAM.ljust(64 << 20, b'\0'), 'flash1.img': bytes(64 << 20),
    'envstore.img': bytes(64 << 20), 'arch/arm64/boot/Image': IMAGE, 'arch/arm64/boot/Image.gz': IMAGE, 'Image': IMAGE,
    'disk.img': bytes(1 << 20), 'rootfs.ext4': bytes(1 << 20), 'initramfs.cpio.gz': bytes(64),
    'xenial-server-cloudimg-arm64-uefi1.img': bytes(1 << 20), 'fs/hello': b'hello',
}
LINES = {
    # Linux: tools/testing/kunit (kunit_kernel.py and qemu_configs/arm64.py), early and late forms.
    'KUnit': """-nodefaults -m 1024 -kernel arch/arm64/boot/Image.gz -append 'kunit.enable=1 console=ttyAMA0 kunit_shutdown=reboot'
        -no-reboot -nographic -serial stdio -machine virt -cpu cortex-a57""",
    'KUnit with accelerators': """-nodefaults -m 1024 -kernel arch/arm64/boot/Image.gz
        -append 'kunit.enable=1 console=ttyAMA0 kunit_shutdown=reboot' -no-reboot -nographic -accel kvm -accel hvf -accel tcg
        -serial stdio -machine virt -cpu max,pauth-impdef=on""",
    # Linux: gdb-kernel-debugging, and what mailing lists use to boot an arm64 kernel.
    'a kernel': "-M virt -cpu cortex-a57 -nographic -m 1024 -kernel Image -append 'console=ttyAMA0 nokaslr'",
    'a kernel with a disk': """-machine virt,gic-version=3 -cpu cortex-a72 -smp 1 -m 2048 -nographic -kernel arch/arm64/boot/Image
        -drive if=none,file=rootfs.ext4,format=raw,id=hd0 -device virtio-blk-device,drive=hd0
        -append 'root=/dev/vda console=ttyAMA0 earlycon'""",
    'a kernel with a network': """-machine virt -cpu max -m 1G -nographic -kernel Image -initrd initramfs.cpio.gz
        -netdev user,id=net0 -device virtio-net-device,netdev=net0 -append console=ttyAMA0 -no-reboot""",
    'a kernel with a shared folder': """-M virt -cpu max -m 1G -nographic -kernel Image
        -virtfs local,path=fs,mount_tag=hostshare,security_model=none,id=hostshare""",
    'a GICv2': "-M virt,gic-version=2 -cpu cortex-a57 -m 512 -nographic -kernel Image",
    # U-Boot: doc/board/emulation/qemu-arm.rst
    'U-Boot': "-machine virt -nographic -cpu cortex-a57 -bios u-boot.bin",
    'U-Boot with an environment': """-machine virt -nographic -cpu cortex-a57 -bios u-boot.bin
        -drive if=pflash,format=raw,index=1,file=envstore.img""",
    # EDK2: ArmVirtPkg, and the wikis of those who use it.
    'EDK2': "-M virt -cpu cortex-a57 -m 1024 -nographic -bios QEMU_EFI.fd",
    'EDK2 in flash': """-m 1024 -cpu cortex-a57 -M virt -nographic -pflash flash0.img -pflash flash1.img
        -drive if=none,file=xenial-server-cloudimg-arm64-uefi1.img,id=hd0 -device virtio-blk-device,drive=hd0""",
    'EDK2 with drives in flash': """-M virt -cpu cortex-a57 -m 1G -nographic
        -drive if=pflash,format=raw,unit=0,file=flash0.img,readonly=on -drive if=pflash,format=raw,unit=1,file=flash1.img
        -net none""",
    # virtme-ng: virtme/commands/run.py and architectures.py, folders by 9P, a disk, ssh.
    'virtme-ng': """-name virtme-ng -m 1G -fsdev local,id=virtfs5,path=fs,security_model=none,readonly=on,multidevs=remap
        -device virtio-9p-device,fsdev=virtfs5,mount_tag=/dev/root -machine accel=kvm:tcg -M virt -cpu max -parallel none
        -net none -echr 1 -chardev file,path=/proc/self/fd/2,id=dmesg -device virtio-serial-device
        -device virtconsole,chardev=dmesg -chardev stdio,id=console,signal=off,mux=on -serial chardev:console
        -mon chardev=console -vga none -display none -device virtio-balloon-device,id=balloon0 -smp 1
        -drive if=none,id=blk-disk0,file=disk.img -device virtio-blk-device,drive=blk-disk0,serial=one
        -kernel Image -append 'console=hvc0 virtme_console=ttyAMA0 init=/bin/sh'""",
    'virtme-ng with ssh': """-m 1G -machine accel=kvm:tcg -M virt -cpu cortex-a57 -parallel none -net none
        -device virtio-net-device,netdev=ssh -netdev user,id=ssh,hostfwd=tcp:127.0.0.1:PORT-:22 -vga none -display none
        -chardev stdio,id=console,signal=off,mux=off -serial chardev:console -kernel Image -append ro""",
}
REFUSED = {  # by name, with what the one line says
    'ich9-ahci': '-M virt -nographic -bios u-boot.bin -device ich9-ahci,id=ahci',
    'nvme': '-M virt -nographic -bios u-boot.bin -drive if=none,file=disk.img,id=mydisk -device nvme,drive=mydisk,serial=foo',
    'virtio-rng-pci': '-M virt -nographic -bios u-boot.bin -device virtio-rng-pci',
    'qemu-xhci': '-M virt -nographic -bios u-boot.bin -device qemu-xhci,id=xhci -device usb-kbd,bus=xhci.0',
    'e1000': '-M virt -nographic -bios u-boot.bin -netdev user,id=net0 -device e1000,netdev=net0',
    'tap': '-M virt -nographic -bios u-boot.bin -netdev type=tap,id=net0 -device virtio-net-device,netdev=net0',
    '-tpmdev': '-M virt -nographic -bios u-boot.bin -tpmdev emulator,id=tpm0,chardev=chrtpm',
    'kvm': '-M virt -cpu max -accel kvm -nographic -kernel Image',
}


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def run(directory, line):
    line = line.replace('PORT', str(free_port()))
    return subprocess.run([armlet(), *shlex.split(line)], cwd=directory, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=60 * PATIENCE)


def with_files(test):
    with tempfile.TemporaryDirectory(dir='/var/tmp', prefix='armlet-') as directory:
        for name, data in FILES.items():
            path = f'{directory}/{name}'
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, 'wb') as f:
                f.write(data)
        test(directory)


def those_that_work():
    def each(directory):
        for name, line in LINES.items():
            p = run(directory, line)
            check(p.returncode == 0 and p.stdout == 'OK\n', f'{name}: status {p.returncode}, {p.stdout!r}, {p.stderr!r}')
    with_files(each)


def those_that_cannot():
    def each(directory):
        for name, line in REFUSED.items():
            p = run(directory, line)
            lines = p.stderr.rstrip('\n').split('\n')
            check(p.returncode == 2 and len(lines) == 1 and name in lines[0], f'{name}: status {p.returncode}, {p.stderr!r}')
    with_files(each)


if __name__ == '__main__':
    main(those_that_work, those_that_cannot)
