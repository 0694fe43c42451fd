#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""against_qemu.py PROGRAM.elf ACCEL: the same session with armlet and with QEMU has the same stops.

Both get the same packets; where each stands after each is compared, and what registers and memory
hold. Registers are compared while nothing of them came from a counter or an ID register.
"""
import re, shutil, sys
from remote import *

PROGRAM, ACCEL = sys.argv[1], sys.argv[2]
HOT, WRITE, READ, PAIRS = 1, 2, 3, 4


class Both:
    def __init__(self, ours, theirs):
        self.sides = [ours, theirs]
        self.both(lambda r: r.xfer('features:read:target.xml')) # without it QEMU has no p

    def each(self, what, do):
        """Does it on both; the results are equal."""
        got, want = [do(side) for side in self.sides]
        equal(got, want, what + ' (the other is QEMU\'s)')
        return got

    def both(self, do):
        return [do(side) for side in self.sides]

    def where(self, what):
        return self.each(what, lambda r: (r.reg(PC), r.reg(SP)))

    def all(self, what):
        return self.each(what, lambda r: [r.reg(n) for n in [*X, SP, PC]] + [r.reg(CPSR) & 0xf00003ff])


def at_ready(b, t):
    b.both(lambda r: (r.point(0, t.ready), r.cont(), r.point(0, t.ready, on=False)))
    b.where('in ready()')


def command(b, t, what, argument=0):
    b.both(lambda r: (r.set_word(t.argument, argument), r.set_word(t.command, what)))


def steps(b, t):
    b.both(lambda r: r.point(0, t.rt_main & 0xffffffff))
    for n in range(1000):
        b.both(lambda r: r.step())
        b.where(f'step {n} from the reset')


def stops(b, t):
    command(b, t, HOT, 20)
    b.both(lambda r: r.point(1, t.leaf))
    for n in range(10):
        b.both(lambda r: r.cont())
        b.all(f'hit {n} of leaf()')
        b.both(lambda r: (r.point(1, t.leaf, on=False), r.step(), r.step(), r.point(1, t.leaf)))
        b.all(f'two steps behind hit {n}')
    back = b.each('return address', lambda r: r.reg(30))
    b.both(lambda r: (r.point(1, t.leaf, on=False), r.set_reg(0, 0x1234), r.point(0, back), r.cont(), r.point(0, back, on=False)))
    b.all('behind leaf(0x1234)')


def watches(b, t):
    """QEMU's stops may be before the access or behind it, as its version has it; one step goes behind."""
    at = t.bytes
    for what, kind, addr, n in [(WRITE, 2, at, 1), (WRITE, 2, at + 4, 4), (WRITE, 4, at + 8, 8), (READ, 3, at + 2, 2),
                                (READ, 4, at + 8, 8), (PAIRS, 2, at + 16, 8), (PAIRS, 3, at + 32, 8), (PAIRS, 2, at + 56, 8)]:
        command(b, t, what)
        b.both(lambda r: r.point(kind, addr, n))
        reasons = b.both(lambda r: re.search('(r|a)?watch:', r.cont())[0])
        equal(*reasons, f'reason at {addr - at}')
        b.both(lambda r: r.point(kind, addr, n, on=False))
        ours, theirs = b.both(lambda r: r.reg(PC))
        if ours != theirs:
            equal(ours + 4, theirs, f'watchpoint at {addr - at}: QEMU stops behind the access')
            b.sides[0].step()
        b.where(f'behind the access at {addr - at}')
        done = b.each('done', lambda r: r.word(t.done))
        b.both(lambda r: (r.point(2, t.done, 8), r.cont(), r.point(2, t.done, 8, on=False)))
        b.both(lambda r: r.step() if r.word(t.done) == done else None)
        b.each('the bytes', lambda r: r.read(at, 64))


def memory(b, t):
    for addr in [0xdead000000000000, 0x0000800000000000]:
        b.each(f'reading {addr:#x}', lambda r: r.ask(f'm{addr:x},4'))
    b.both(lambda r: r.write(t.crossing + 4090, b'0123456789abcdef'))
    b.each('memory', lambda r: r.read(t.crossing + 4000, 200))
    b.each('physical', lambda r: (r.ask('Qqemu.PhyMemMode:1'), r.read((t.crossing & ~HIGH) + 4090, 16), r.ask('Qqemu.PhyMemMode:0')))


def main():
    if not shutil.which('qemu-system-aarch64'):
        print('qemu-system-aarch64 is not installed')
        sys.exit(77)
    with Target(PROGRAM, ACCEL) as ours, Target(PROGRAM, qemu=True) as theirs:
        b = Both(ours.connect(no_ack=False), theirs.connect(no_ack=False))
        try:
            steps(b, ours)
            at_ready(b, ours)
            for test in [stops, watches, memory]:
                test(b, ours)
        except Failure as e:
            print(f'FAILED: {e}')
            sys.exit(1)
    print('the same')


if __name__ == '__main__':
    main()
