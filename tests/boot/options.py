#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What options promise, with real guests: formats of kernels, exit statuses, snapshots, logs, signals."""
import gzip, hashlib, os, signal, struct, subprocess, tempfile
from guest import CTRL_A, PATIENCE, Guest, armlet, boot_linux, check, main

HERE = tempfile.TemporaryDirectory(dir='/var/tmp')
RAM = 0x40000000

# Prints "OK" on the UART if x0 points at a device tree, "no" if not; then PSCI SYSTEM_OFF. Position
# independent.
PROGRAM = struct.pack('<16I',
    0xd2a12001,  # mov   x1, #0x09000000        the UART
    0xb9400002,  # ldr   w2, [x0]
    0x5281ba03,  # mov   w3, #0x0dd0            d00dfeed, big-endian
    0x72bdbfc3,  # movk  w3, #0xedfe, lsl #16
    0x6b03005f,  # cmp   w2, w3
    0x528009e4,  # mov   w4, #'O'
    0x52800965,  # mov   w5, #'K'
    0x54000060,  # b.eq  1f
    0x52800dc4,  # mov   w4, #'n'
    0x52800de5,  # mov   w5, #'o'
    0xb9000024,  # 1: str w4, [x1]
    0xb9000025,  # str   w5, [x1]
    0x52b08000,  # mov   w0, #0x84000000        PSCI SYSTEM_OFF, or what the test puts here
    0x72800100,  # movk  w0, #8
    0xd4000002,  # hvc   #0
    0x14000000)  # b     .


def write(name, data):
    path = os.path.join(HERE.name, name)
    with open(path, 'wb') as f:
        f.write(data)
    return path


def elf(code, physical, virtual):
    header = struct.pack('<4s5B7xHHIQQQIHHHHHH', b'\x7fELF', 2, 1, 1, 0, 0, 2, 183, 1, virtual, 64, 0, 0, 64, 56, 1, 64, 0, 0)
    program = struct.pack('<IIQQQQQQ', 1, 5, 120, virtual, physical, len(code), len(code) + 4096, 4096)
    return header + program + code


def image(code, text_offset):
    # b to the code, which follows the header
    return struct.pack('<IIQQQ24s4sI', 0x14000010, 0, text_offset, 0x10000, 0xa, b'', b'ARM\x64', 0) + code


def run(*args, status=0):
    p = subprocess.run([armlet(), *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60 * PATIENCE)
    check(p.returncode == status, f'{" ".join(args)}: status {p.returncode}, not {status}: {p.stderr}')
    return p.stdout


def kernel_formats():
    whole = image(PROGRAM, 0x80000)
    for name, data in [('code.bin', PROGRAM), ('code.elf', elf(PROGRAM, RAM + 0x100000, 0xffff800000100000)),
                       ('Image', whole), ('Image0', image(PROGRAM, 0)), ('Image.gz', gzip.compress(whole))]:
        out = run('-kernel', write(name, data), '-nographic')
        check(out == b'OK', f'{name}: {out!r}')
    out = run(os.path.join(HERE.name, 'Image'))  # without -kernel, without -nographic
    check(out == b'OK', f'positional: {out!r}')
    path = os.path.join(HERE.name, 'serial')
    out = run('-kernel', os.path.join(HERE.name, 'code.elf'), '-serial', 'file:' + path)
    check(out == b'' and open(path, 'rb').read() == b'OK', '-serial file:')


def reset_status():
    code = bytearray(PROGRAM)
    struct.pack_into('<I', code, 13 * 4, 0x72800120)  # movk w0, #9: SYSTEM_RESET
    out = run('-kernel', write('reset.bin', bytes(code)), '-no-reboot', status=3)
    check(out == b'OK', f'reset: {out!r}')


def own_tree():
    path = os.path.join(HERE.name, 'virt.dtb')
    run('-M', 'virt,gic-version=3,dumpdtb=' + path)
    kernel, initrd = boot_linux()
    with Guest([armlet(), '-kernel', kernel, '-initrd', initrd, '-dtb', path, '-m', '512M', '-append', 'console=ttyAMA0 quiet']) as g:
        g.prompt(120)
        check('console=ttyAMA0' in g.run('cat /proc/cmdline'), 'bootargs')
        kib = int(g.run('grep MemTotal /proc/meminfo').split()[-2])
        check(400 << 10 < kib < 512 << 10, f'-m 512M gives {kib} KiB')
        g.type('poweroff -f\r')
        check(g.wait() == 0, 'poweroff')


def gicv2_with_several_cpus():
    """Calls between CPUs, timers of each, interrupts of devices, a CPU that goes and comes."""
    kernel, initrd = boot_linux()
    with Guest([armlet(), '-M', 'virt,gic-version=2', '-smp', '3', '-m', '512M', '-nographic', '-kernel', kernel, '-initrd', initrd,
                '-append', 'console=ttyAMA0 quiet']) as g:
        g.prompt(120)
        g.run('for i in 1 2 3 4 5 6; do (sha256sum /bin/busybox >/dev/null; ls -R /sys >/dev/null 2>&1) & done; wait', 120)
        g.run('cd /sys/devices/system/cpu; for i in 1 2 3; do echo 0 >cpu2/online; echo 1 >cpu2/online; done; cd', 120)
        check(g.run('nproc').split()[-1] == '3', 'a CPU is missing')
        rows = {l.split()[0]: l.split()[1:4] for l in g.run('cat /proc/interrupts').split('\n') if ':' in l}
        for name in 'IPI0:', 'IPI1:', '11:':
            check(name in rows and all(int(n) > 0 for n in rows[name]), f'{name} {rows}')
        g.type('poweroff -f\r')
        check(g.wait() == 0, 'poweroff')


def digest(path):
    with open(path, 'rb') as f:
        return hashlib.sha256(f.read()).hexdigest()


def snapshot_keeps_the_image():
    """-snapshot, if=virtio, gzipped kernel, virtio-rng, modern transport, log file, -no-reboot in one guest."""
    kernel, initrd = boot_linux()
    with open(kernel, 'rb') as f:
        packed = write('vmlinuz.gz', gzip.compress(f.read(), 1))
    disk, log = write('disk.img', os.urandom(4 << 20)), os.path.join(HERE.name, 'log')
    before = digest(disk)
    with Guest([armlet(), packed, '-initrd', initrd, '-append', 'console=ttyAMA0 quiet', '-snapshot', '-drive', 'file=' + disk,
                '-device', 'virtio-rng-device', '-global', 'virtio-mmio.force-legacy=false', '-no-reboot', '-d', 'stats', '-D', log]) as g:
        g.prompt(120)
        g.run('dd if=/dev/zero of=/dev/vda bs=1M count=2 conv=fsync && echo 3 >/proc/sys/vm/drop_caches')
        check('written' in g.run('cmp -n 2097152 /dev/vda /dev/zero && echo writ""ten'), 'the guest does not see what it wrote')
        check('virtio_rng' in g.run('cat /sys/class/misc/hw_random/rng_current'), 'no virtio-rng')
        g.run('dd if=/dev/hwrng of=/dev/null bs=64 count=4')
        g.type('reboot -f\r')
        check(g.wait() == 3, 'reboot under -no-reboot')
    check(digest(disk) == before, '-snapshot: the image has changed')
    with open(log) as f:
        check('instructions' in f.read(), '-d stats -D FILE: no counters')


def readonly_disk():
    kernel, initrd = boot_linux()
    disk = write('ro.img', bytes(1 << 20))
    with Guest([armlet(), kernel, '-initrd', initrd, '-append', 'console=ttyAMA0 quiet', '-drive', f'file={disk},readonly=on']) as g:
        g.prompt(120)
        check(g.run('cat /sys/block/vda/ro').split()[-1] == '1', 'not read-only in the guest')
        g.run('! dd if=/dev/urandom of=/dev/vda bs=4k count=1 conv=fsync')
        g.type(CTRL_A + 'x')
        check(g.wait() == 0, 'Ctrl-A x')
    check(digest(disk) == hashlib.sha256(bytes(1 << 20)).hexdigest(), 'readonly=on: the image has changed')


def signals():
    """However armlet ends, the status says so and the terminal is the user's again (Guest.wait)."""
    spin = write('spin.bin', PROGRAM[:48] + struct.pack('<I', 0x14000000))
    for number, statuses in [(signal.SIGTERM, {143, -15}), (signal.SIGHUP, {129, -1}), (signal.SIGINT, {130, -2}),
                             (signal.SIGQUIT, {-3}), (signal.SIGABRT, {-6})]:
        with Guest([armlet(), '-kernel', spin, '-nographic']) as g:
            g.expect('OK', 20)
            g.process.send_signal(number)
            status = g.wait()
            check(status in statuses, f'{number.name}: status {status}')


def monitor():
    with Guest([armlet(), '-kernel', os.path.join(HERE.name, 'spin.bin'), '-nographic']) as g:
        g.expect('OK', 20)
        g.type(CTRL_A + 'h')
        g.expect('[Cc]-?[Aa]? *x|Ctrl-A x', 10)
        g.type(CTRL_A + 'c')
        g.type('help\r')
        g.expect('quit', 10)
        g.type('quit\r')
        check(g.wait() == 0, 'quit')


if __name__ == '__main__':
    main(kernel_formats, reset_status, own_tree, gicv2_with_several_cpus, snapshot_keeps_the_image, readonly_disk, signals, monitor)
