#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""models.py PROBE.elf: the identification registers of every named core are QEMU's, but for the
fields listed here, each with what armlet has in it and why. $ARMLET names the emulator.
"""
import os, shutil, subprocess, sys

PATIENCE = float(os.environ.get('ARMLET_TEST_PATIENCE', '1'))
COMMON = ['-m', '256', '-nographic', '-nic', 'none', '-kernel']
QEMU = ['qemu-system-aarch64', '-M', 'virt,gic-version=3,its=off', '-monitor', 'none', '-serial', 'stdio']
ARMLET = [os.environ.get('ARMLET', 'build/armlet'), '-M', 'virt', '-accel', 'interp']

PFR0, MMFR0, MMFR1, MMFR2 = ('s3_0_c0_c4_0', 's3_0_c0_c7_0', 's3_0_c0_c7_1',
                                   's3_0_c0_c7_2')
# (register, low bit, width): armlet's value. Fields that QEMU has at that value are no difference.
DIFFERENT = {
    (PFR0, 0, 4): 1,   # EL0 without AArch32
    (PFR0, 4, 4): 1,   # EL1 without AArch32
    (PFR0, 28, 4): 0,  # RAS
    (MMFR0, 8, 4): 0,  # BigEnd
    (MMFR0, 12, 4): 0, # SNSMem, which is EL3's
    (MMFR1, 4, 4): 0,  # VMIDBits, which is EL2's
    (MMFR1, 8, 4): 0,  # VH
    (MMFR1, 28, 4): 0, # XNX, which is stage 2's
    (MMFR2, 12, 4): 0, # IESB, which is RAS's
}


def run(command):
    p = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60 * PATIENCE)
    lines = p.stdout.decode().replace('\r', '').split('\n')
    if p.returncode or lines[-2:] != ['end', '']:
        sys.exit(f'{command}: status {p.returncode}\n{p.stdout.decode()}{p.stderr.decode()}')
    return [(name, int(value, 16)) for name, value in (line.split() for line in lines[:-2])]


def expected(name, value):
    for (reg, lo, width), here in DIFFERENT.items():
        if reg == name:
            value = value & ~(((1 << width) - 1) << lo) | here << lo
    return value


def main():
    if not shutil.which(QEMU[0]):
        print(f'{QEMU[0]} is not installed')
        sys.exit(77)
    bad = 0
    for cpu in ['cortex-a57', 'cortex-a72', 'neoverse-n1']:
        qemu = run(QEMU + ['-cpu', cpu] + COMMON + [sys.argv[1]])
        armlet = run(ARMLET + ['-cpu', cpu] + COMMON + [sys.argv[1]])
        assert [n for n, _ in qemu] == [n for n, _ in armlet]
        for (name, theirs), (_, ours) in zip(qemu, armlet):
            want = expected(name, theirs)
            if ours != want:
                bad += 1
                print(f'{cpu} {name}: {ours:#018x}, expected {want:#018x} (QEMU {theirs:#018x})')
        print(f'{cpu}: {len(qemu)} registers')
    sys.exit(1 if bad else 0)


if __name__ == '__main__':
    main()
