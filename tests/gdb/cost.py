#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""cost.py PROGRAM.elf ACCEL [SECONDS]: what breakpoints and watchpoints cost a loop with calls that is hot.

Rounds a second of guest.c's hot(), with a client and without points, then with ten thousand breakpoints elsewhere, some
beside the loop on its page, and a watchpoint on its stack's page, one after another; in turns, since the machine may be
busy. Printed are the ratios. What is checked is that they work: nothing stops that should not, and what should does.
"""
import statistics, sys
from remote import *

PROGRAM, ACCEL = sys.argv[1], sys.argv[2]
SECONDS = float(sys.argv[3]) if len(sys.argv) > 3 else 0.2
HOT, MANY, TURNS = 1, 10000, 2


def rate(t, r):
    """Rounds a second."""
    r.go()
    time.sleep(SECONDS / 2) # until it is translated anew
    check(r.stop().startswith('T02'), 'a stop by Ctrl-C')
    before, start = r.word(t.counter), time.monotonic()
    r.go()
    time.sleep(SECONDS)
    check(r.stop().startswith('T02'), 'a stop by Ctrl-C')
    return (r.word(t.counter) - before) / (time.monotonic() - start)


def points(r, kind, addresses, length, on):
    for addr in addresses:
        r.point(kind, addr, length, on)


def main():
    with Target(PROGRAM, ACCEL) as t:
        r = t.connect()
        r.point(0, t.ready)
        r.cont()
        r.point(0, t.ready, on=False)
        r.set_word(t.argument, 1 << 40)
        r.set_word(t.command, HOT)
        r.point(0, t.leaf)
        r.cont()
        r.point(0, t.leaf, on=False)
        sp = r.reg(SP)
        # The stack grows down from the end of its page or a later one: what is far below is not used.
        slot = (sp & ~0xfff) if sp & 0xfff > 0x200 else sp + 0x800
        beside = [addr for addr in range(t.leaf & ~0xfff, (t.leaf & ~0xfff) + 0x1000, 4)
                  if not any(at <= addr < at + 0x100 for at in (t.leaf, t.middle, t.hot))]
        cases = [('no point', 0, [], 4), (f'{MANY} breakpoints elsewhere', 0, range(HIGH + 0x44000000, HIGH + 0x44000000 + 256 * MANY, 256), 4),
                 (f'{len(beside)} breakpoints on the loop\'s page', 0, beside, 4), ('a watchpoint on the stack\'s page', 2, [slot], 8)]
        rates = {name: [] for name, *_ in cases}
        for _ in range(TURNS):
            for name, kind, addresses, length in cases:
                points(r, kind, addresses, length, True)
                rates[name].append(rate(t, r))
                points(r, kind, addresses, length, False)
        base = statistics.median(rates['no point'])
        for name, seen in rates.items():
            print(f'{statistics.median(seen) / base:6.3f} of {base:.3g} rounds a second: {name}')
        points(r, 0, cases[1][2], 4, True)
        r.point(0, t.middle)
        check('swbreak' in r.cont(), 'one more breakpoint than ten thousand is met')
        equal(r.reg(PC), t.middle, 'pc')
        r.point(0, t.middle, on=False)
        r.point(2, r.reg(SP) - 16, 8) # where middle() saves its registers
        stop = r.cont()
        check('watch:' in stop, f'the stack slot is written: {stop}')


if __name__ == '__main__':
    try:
        main()
    except Failure as e:
        sys.exit(f'FAILED: {e}')
