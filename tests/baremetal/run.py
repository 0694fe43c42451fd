#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""run.py PROGRAM.elf: the same bare-metal program under QEMU and under armlet prints the same.

A line "!TEXT" that a program prints replaces QEMU's next line by TEXT: there QEMU is known to be
wrong, and the program's source says why. Where qemu-system-aarch64 is missing the test is skipped.
$ARMLET names the emulator, $ARMLET_ACCEL the engine (interp).
"""
import difflib, os, shutil, subprocess, sys

PATIENCE = float(os.environ.get('ARMLET_TEST_PATIENCE', '1'))
COMMON = ['-m', '256', '-nographic', '-nic', 'none', '-kernel']
QEMU = ['qemu-system-aarch64', '-M', 'virt,gic-version=3,its=off', '-accel', 'tcg,thread=single',
        '-cpu', 'max,pauth-impdef=on,sve=off,sme=off,lpa2=off', '-monitor', 'none',
        '-serial', 'stdio', *COMMON]
ARMLET = [os.environ.get('ARMLET', 'build/armlet'), '-M', 'virt', '--no-cache',
          '-accel', os.environ.get('ARMLET_ACCEL', 'interp'), *COMMON]


def start(command, program):
    return subprocess.Popen(command + [program], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE)


def finish(name, process):
    """The lines the program printed; the run must have ended well."""
    try:
        out, err = process.communicate(timeout=60 * PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        err += f'{name}: no end after {60 * PATIENCE:.0f} s\n'.encode()
    lines = out.decode('latin-1').replace('\r', '').split('\n')
    if process.returncode or err:
        print(f'{name}: status {process.returncode}\n{err.decode("latin-1")}', end='')
    if lines[-2:] != ['end', '']:
        print(f'{name}: the program did not reach its end')
    return lines, not process.returncode and lines[-2:] == ['end', '']


def expected(lines):
    """QEMU's lines with its known mistakes corrected."""
    out, right = [], None
    for line in lines:
        if line.startswith('!'):
            right = line[1:]
            continue
        out.append(line if right is None else right)
        right = None
    return out


def main():
    program = sys.argv[1]
    if not shutil.which(QEMU[0]):
        print(f'{QEMU[0]} is not installed')
        sys.exit(77)
    qemu, armlet = start(QEMU, program), start(ARMLET, program)
    (want, qemu_well), (got, armlet_well) = finish('qemu', qemu), finish('armlet', armlet)
    want, got = expected(want), [line for line in got if not line.startswith('!')]
    for line in difflib.unified_diff(want, got, 'qemu (or the Arm ARM)', 'armlet', '', '', 2, ''):
        print(line)
    same = sum(a == b for a, b in zip(want, got))
    print(f'{os.path.basename(program)}: {len(want)} lines, {same} equal')
    sys.exit(0 if qemu_well and armlet_well and want == got and len(want) > 2 else 1)


if __name__ == '__main__':
    main()
