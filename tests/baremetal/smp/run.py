#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""run.py [--rounds N] [--cpus N] [--least N] [--oracle | --qemu] PROGRAM.elf

Runs a bare-metal program for several CPUs under armlet. It must reach its end and find nothing that is
FORBIDDEN. --oracle runs it under QEMU too (a thread a CPU): what both print must be equal, but for
lines that begin with "~" (counts; shown with $ARMLET_TEST_VERBOSE). --qemu runs QEMU alone.
$ARMLET names the emulator, $ARMLET_ACCEL the engine (interp). --least: of the litmus tests only those with so
many threads.

QEMU lets a load-acquire pass an earlier store-release (it puts no barrier between the two, and x86
needs one), which Arm forbids: where tests have "[RCsc]" in their names QEMU's outcomes do not count.
It also translates old code anew between a store's look for translations and the store itself, and
keeps that: "code" has no oracle.
"""
import argparse, difflib, os, shutil, subprocess, sys, tempfile

PATIENCE = float(os.environ.get('ARMLET_TEST_PATIENCE', '1'))
MAGIC = b'smp parameters:\0'
QEMU = ['qemu-system-aarch64', '-M', 'virt,gic-version=3,its=off', '-accel', 'tcg,thread=multi', '-cpu', 'max,pauth-impdef=on,sve=off,sme=off,lpa2=off',
        '-monitor', 'none', '-serial', 'stdio']
ARMLET = [os.environ.get('ARMLET', 'build/armlet'), '-M', 'virt', '--no-cache', '-accel', os.environ.get('ARMLET_ACCEL', 'interp')]


def with_parameters(elf, rounds, least):
    at = elf.find(MAGIC) + len(MAGIC)
    assert at >= len(MAGIC), 'the program has no parameters'
    if rounds is None:
        rounds = int.from_bytes(elf[at:at + 8], 'little')
    return elf[:at] + rounds.to_bytes(8, 'little') + least.to_bytes(8, 'little') + elf[at + 16:]


def run(name, command, seconds):
    """The lines that count; None if the program did not do well."""
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as p:
        try:
            out, err = p.communicate(timeout=seconds * PATIENCE)
        except subprocess.TimeoutExpired:
            p.kill()
            out, err = p.communicate()
            err += f'no end after {seconds * PATIENCE:.0f} s\n'.encode()
    lines = out.decode('latin-1').replace('\r', '').split('\n')
    if os.environ.get('ARMLET_TEST_VERBOSE'):
        print('\n'.join(lines))
    if name == 'qemu':
        lines = [line.split(', FORBIDDEN')[0] if '[RCsc]' in line else line for line in lines]
    well = not p.returncode and not err and lines[-2:] == ['end', '']
    if not well:
        print(f'{name}: status {p.returncode}, {err.decode("latin-1").strip() or "no message"}; its last lines:')
        print('\n'.join(lines[-5:]))
    bad = [n for n, line in enumerate(lines) if 'FORBIDDEN' in line]
    for n in bad:
        print(f'{name}: {lines[n]}')
        if n and lines[n - 1].startswith('~'):
            print(f'    {lines[n - 1]}')
    return [line for line in lines if not line.startswith('~')] if well and not bad else None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--rounds', type=int)
    parser.add_argument('--cpus', type=int, default=4)
    parser.add_argument('--least', type=int, default=1)
    parser.add_argument('--seconds', type=int, default=120)
    parser.add_argument('--oracle', action='store_true')
    parser.add_argument('--qemu', action='store_true')
    parser.add_argument('program')
    args = parser.parse_args()
    if (args.oracle or args.qemu) and not shutil.which(QEMU[0]):
        print(f'{QEMU[0]} is not installed')
        sys.exit(77)
    with open(args.program, 'rb') as f:
        elf = f.read()
    with tempfile.NamedTemporaryFile(suffix='.elf') as f:
        f.write(with_parameters(elf, args.rounds, args.least))
        f.flush()
        common = ['-m', '256', '-nographic', '-nic', 'none', '-smp', str(args.cpus), '-kernel', f.name]
        want = got = None
        if args.oracle or args.qemu:
            want = run('qemu', [*QEMU, *common], args.seconds)
        if not args.qemu:
            got = run('armlet', [*ARMLET, *common], args.seconds)
    well = (want is not None or not (args.oracle or args.qemu)) and (got is not None or args.qemu)
    if well and args.oracle:
        for line in difflib.unified_diff(want, got, 'qemu', 'armlet', '', '', 2, ''):
            print(line)
        well = want == got
    print(f'{os.path.basename(args.program)}: {len(got or want or [])} lines')
    sys.exit(0 if well else 1)


if __name__ == '__main__':
    main()
