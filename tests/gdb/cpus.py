#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""cpus.py PROGRAM.elf ACCEL|qemu [CPUS [TEST...]]: a debugger on a guest (guest.c) with several CPUs, a thread each.

All stop at once, each can be stepped while the others are held or run, and who has met something is told.
"""
import re, shutil, sys, time
import xml.etree.ElementTree as ET
from remote import *

PROGRAM, ACCEL = sys.argv[1], sys.argv[2]
CPUS = int(sys.argv[3]) if len(sys.argv) > 3 else 2
WAIT, SPIN, OFF, RESET, START, SHARE = 5, 6, 10, 11, 12, 13
COUNT, SLEEP, CALL, CALL_SHARED, STORE = range(5)
SLICE = 0.2 * CPUS if ACCEL == 'qemu' else 0.1 # it gives each CPU a tenth of a second in turn
THREADS = [f'p1.{n + 1:x}' for n in range(CPUS)]
MPIDR_AFFINITY = 0xffffff


def target():
    return Target(PROGRAM, ACCEL, qemu=ACCEL == 'qemu', args=['-smp', str(CPUS)])


def connect(t):
    r = t.connect(no_ack=ACCEL != 'qemu')
    r.xfer('features:read:target.xml') # without it QEMU has no p
    return r


def select(r, thread):
    equal(r.ask(f'Hg{THREADS[thread]}'), 'OK', f'Hg of CPU {thread}')


def thread_of(stop):
    m = re.search(r'thread:p0?1\.([0-9a-f]+);', stop)
    check(m and 0 < int(m[1], 16) <= CPUS, f'a stop of a thread: {stop}')
    return int(m[1], 16) - 1


def word(t, r, name, n=0):
    return r.word(getattr(t, name) + 8 * n)


def command(t, r, what, argument=0):
    r.set_word(t.argument, argument)
    r.set_word(t.command, what)


def order(t, r, what, cpus=range(1, CPUS)):
    for n in cpus:
        r.set_word(t.orders + 8 * n, what)


def run_for(r, seconds):
    """All run for a while, and stop by Ctrl-C."""
    r.go()
    time.sleep(seconds)
    stop = r.stop()
    check(stop.startswith('T02'), f'Ctrl-C: {stop}')
    return stop


def counts(t, r, cpus=range(1, CPUS)):
    return [word(t, r, 'progress', n) for n in cpus]


def all_count(t, r, before, what, cpus=range(1, CPUS), run=None):
    """They have gone on since `before`, or do when they run on: the host may be busy with others."""
    for _ in range(50):
        after = counts(t, r, cpus)
        if all(a > b for a, b in zip(after, before)):
            return
        run() if run else run_for(r, SLICE)
    raise Failure(f'{what}: {before}, then {after}')


def all_running(t):
    """A connection; all CPUs run the guest, stopped just now."""
    r = connect(t)
    r.point(0, t.ready)
    equal(thread_of(r.cont()), 0, 'who is in ready()')
    r.point(0, t.ready, on=False)
    command(t, r, START, CPUS - 1)
    all_count(t, r, [0] * (CPUS - 1), 'the CPUs that were started')
    return r


def listed():
    """A thread each, running or not yet started; their registers are their own."""
    with target() as t:
        r = connect(t)
        if ACCEL != 'qemu': # it tells of them one by one
            equal(r.ask('qfThreadInfo'), 'm' + ','.join(THREADS), 'threads')
            equal(r.ask('qsThreadInfo'), 'l', 'the end of them')
        equal(r.ask(f'T{THREADS[-1]}'), 'OK', 'the last is alive')
        check(r.ask(f'Tp1.{CPUS + 1:x}').startswith('E'), 'one that is not')
        if ACCEL != 'qemu':
            xml = ET.fromstring(re.sub('<!DOCTYPE[^>]*>', '', r.xfer('features:read:target.xml')))
            names = [reg.get('name') for reg in xml.iter('reg')]
            for n in range(CPUS):
                select(r, n)
                equal(r.reg(names.index('MPIDR_EL1')) & MPIDR_AFFINITY, n, f'MPIDR_EL1 of CPU {n}')
            equal(len(ET.fromstring(r.xfer('threads:read:')).findall('thread')), CPUS, 'threads in XML')
            texts = [bytes.fromhex(r.ask(f'qThreadExtraInfo,{thread}')).decode() for thread in THREADS]
            check(all(f'CPU#{n}' in text and ('off' in text) == (n > 0) for n, text in enumerate(texts)), f'{texts}')
    with target() as t:
        r = all_running(t)
        places = set()
        for n in range(CPUS):
            select(r, n)
            r.set_reg(28, 0x1000 + n)
            places.add(r.reg(SP) & ~0xfff)
        equal(len(places), CPUS, 'stacks')
        for n in range(CPUS):
            select(r, n)
            equal(r.reg(28), 0x1000 + n, f'x28 of CPU {n}')
        if ACCEL != 'qemu':
            said = r.monitor('info cpus')
            equal(len(re.findall(r'^[* ] CPU#\d', said, re.M)), CPUS, f'monitor info cpus: {said}')


def stop_all():
    """Nothing goes on while they are stopped, everything does when they run again."""
    with target() as t:
        r = all_running(t)
        for _ in range(10):
            before = counts(t, r)
            time.sleep(0.05)
            equal(counts(t, r), before, 'while they are stopped')
            run_for(r, SLICE)
            all_count(t, r, before, 'when they run')


def steps():
    """One is stepped, the others are held, or run."""
    with target() as t:
        r = all_running(t)
        for n in range(CPUS):
            select(r, n)
            others = [m for m in range(1, CPUS) if m != n]
            before = counts(t, r, others)
            places = set()
            for _ in range(60):
                r.go(f'vCont;s:{THREADS[n]}')
                equal(thread_of(r.stopped()), n, 'who was stepped')
                places.add(r.reg(PC))
            check(len(places) > 1, f'CPU {n} was at {places}')
            equal(counts(t, r, others), before, f'the others, while CPU {n} is stepped')
            if others and ACCEL != 'qemu': # it has no vCont;r
                def run():
                    r.go(f'vCont;r{0:x},{(1 << 64) - 1:x}:{THREADS[n]};c')
                    time.sleep(SLICE)
                    r.stop()
                all_count(t, r, before, f'the others run while CPU {n} is stepped', others, run)
        # All at once: each is stepped until one is done.
        r.go('vCont;s')
        thread_of(r.stopped())


def breakpoints():
    """Met by one CPU, and by several."""
    with target() as t:
        r = all_running(t)
        r.point(0, t.second)
        for n in range(1, CPUS):
            order(t, r, COUNT)
            order(t, r, CALL, [n])
            for _ in range(3):
                equal(thread_of(r.cont()), n, 'who is in second()')
                select(r, n)
                equal(r.reg(PC), t.second, 'pc')
                equal(r.reg(0), n, 'its argument')
                r.point(0, t.second, on=False)
                r.go(f'vCont;s:{THREADS[n]}')
                r.stopped()
                r.point(0, t.second)
        r.point(0, t.second, on=False)
        order(t, r, CALL_SHARED)
        command(t, r, SHARE, 1)
        r.point(1, t.shared)
        met = set()
        for n in range(200):
            who = thread_of(r.cont())
            met.add(who)
            select(r, who)
            equal(r.reg(PC), t.shared, f'pc of CPU {who}')
            r.point(1, t.shared, on=False)
            r.go(f'vCont;s:{THREADS[who]}')
            equal(thread_of(r.stopped()), who, 'who was stepped')
            r.point(1, t.shared)
            if len(met) == CPUS:
                break
        equal(met, set(range(CPUS)), 'who met it')


def watchpoints():
    with target() as t:
        r = all_running(t)
        r.point(2, t.stored, 8)
        order(t, r, STORE, [CPUS - 1])
        for _ in range(3):
            stop = r.cont()
            equal(thread_of(stop), CPUS - 1, 'who stored')
            equal(int(re.search(r'watch:([0-9a-f]+);', stop)[1], 16), t.stored, 'where')
            select(r, CPUS - 1)
            if ACCEL != 'qemu':
                equal(r.reg(PC), t.the_store, 'pc')
            r.point(2, t.stored, 8, on=False)
            r.go(f'vCont;s:{THREADS[-1]}')
            r.stopped()
            equal(word(t, r, 'stored'), CPUS - 1, 'what is stored')
            r.point(2, t.stored, 8)


def sleeping():
    """Ctrl-C while all wait for an interrupt, and soon."""
    with target() as t:
        r = all_running(t)
        command(t, r, WAIT, 1)
        order(t, r, SLEEP)
        for _ in range(5):
            r.go()
            time.sleep(0.1)
            start = time.monotonic()
            check(r.stop().startswith('T02'), 'Ctrl-C')
            took = time.monotonic() - start
            check(took < 2 * PATIENCE, f'it took {took:.1f} s')
        select(r, 0)
        check(abs(r.reg(PC) - t.the_wfi) < 32, f'pc {r.reg(PC):#x}')


def turns():
    """Two take exceptions at the same time: both are told of."""
    with target() as t:
        r = all_running(t)
        r.monitor('break-on exception')
        for n in range(CPUS):
            select(r, n)
            r.set_reg(PC, 0x123450000) # there is nothing
        met = [thread_of(r.cont())]
        while len(met) < CPUS: # who was told of is held: nothing in the guest takes care of it
            r.go('vCont;' + ';'.join(f'c:{THREADS[n]}' for n in range(CPUS) if n not in met))
            met.append(thread_of(r.stopped()))
        equal(sorted(met), list(range(CPUS)), 'whose exceptions are told of')


def leaving():
    """All run when the client is gone, and stop for the next; a reset leaves one running."""
    with target() as t:
        r = all_running(t)
        for n in range(6):
            before = counts(t, r)
            r.go(f'vCont;s:{THREADS[n % CPUS]}')
            r.stopped()
            equal(r.ask('D'), 'OK', 'detach') if n & 1 else None
            r.close()
            time.sleep(SLICE)
            r = connect(t)
            all_count(t, r, before, 'after the client left')
        command(t, r, RESET)
        r.point(0, t.ready)
        equal(thread_of(r.cont()), 0, 'who is in ready() after the reset')
        equal(counts(t, r, range(CPUS)), [0] * CPUS, 'progress after the reset')
        command(t, r, OFF)
        r.point(0, t.ready, on=False)
        r.go()
        equal(r.receive()[:3], 'W00', 'the end')
        equal(t.wait(), 0, 'status')


TESTS = [listed, stop_all, steps, breakpoints, watchpoints, sleeping, turns, leaving]
if ACCEL == 'qemu': # where there is something to compare
    TESTS = TESTS[:-2]


def supported():
    with target() as t:
        try:
            t.connect()
            return True
        except Failure:
            return t.process.poll() is None


if __name__ == '__main__':
    if ACCEL == 'qemu' and not shutil.which('qemu-system-aarch64') or not supported():
        print(f'there is no {ACCEL} with -smp {CPUS}')
        sys.exit(77)
    main(*TESTS, only=sys.argv[4:])
