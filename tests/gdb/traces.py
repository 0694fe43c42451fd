#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""traces.py PROGRAM.elf ACCEL GUEST.elf: -d exec, -dfilter, --trace-file with scripts/trace-calls, --profile.

The instructions of a trace are as many as the CPU counts; the addresses of -d exec are those that single steps
show. PROGRAM runs to its end, GUEST is the debugger's.
"""
import functools, os, re, runpy, subprocess, sys, tempfile, time
import xml.etree.ElementTree as ET
from remote import *

PROGRAM, ACCEL, GUEST = sys.argv[1:4]
SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'scripts', 'trace-calls')


def run(*args):
    command = [os.environ.get('ARMLET', 'build/armlet'), '-M', 'virt', '-m', '256', '-display', 'none', '-serial', 'null', '--no-cache',
               '-accel', ACCEL, '-kernel', PROGRAM, *args]
    r = subprocess.run(command, stderr=subprocess.PIPE, text=True, timeout=60 * PATIENCE)
    equal(r.returncode, 0, f'status; it says {r.stderr}')


def executed(log):
    return [int(m[1], 16) for m in re.finditer(r'^exec \d EL\d ([0-9a-f]{16}) ', log, re.M)]


def trace_file(tmp):
    run('--trace-file', tmp + '/t', '-d', 'stats', '-D', tmp + '/log')
    want = int(re.search(r'^instructions +(\d+)', open(tmp + '/log').read(), re.M)[1])
    script = runpy.run_path(SCRIPT)
    data = open(tmp + '/t', 'rb').read()
    records = list(script['records'](data))
    got = sum(n for kind, *_, n in records if kind != 5)
    # An instruction that takes an exception is seen, but only counted when it is complete.
    faults = sum(kind == 3 for kind, *_ in records)
    check(want <= got <= want + faults, f'{got} instructions in the trace, {want} counted, {faults} exceptions')
    calls = subprocess.run([SCRIPT, tmp + '/t', '--debug', PROGRAM, '--offset', hex(HIGH), '--flat'], check=True,
                           stdout=subprocess.PIPE, text=True).stdout
    check(re.search(r' program$', calls, re.M) and re.search(r' print_$', calls, re.M), f'functions:\n{calls[:2000]}')
    own = sum(int(line.split()[0]) for line in calls.splitlines()[1:])
    equal(own, got, 'instructions of all functions')


def trace_cpus(tmp):
    """Records of seventeen CPUs, in one file."""
    cpus, start, off, sleep = 17, 12, 10, 1
    with Target(GUEST, ACCEL, args=['-smp', str(cpus), '--trace-file', tmp + '/t']) as t:
        r = t.connect()
        r.point(0, t.ready)
        r.cont()
        r.point(0, t.ready, on=False)
        for n in range(1, cpus):
            r.set_word(t.orders + 8 * n, sleep)
        r.set_word(t.argument, cpus - 1)
        r.set_word(t.command, start)
        for _ in range(50):
            r.go()
            time.sleep(0.1)
            r.stop()
            if all(r.word(t.progress + 8 * n) for n in range(1, cpus)):
                break
        r.set_word(t.command, off)
        r.go()
        equal(t.wait(), 0, 'status')
    script = runpy.run_path(SCRIPT)
    records = list(script['records'](open(tmp + '/t', 'rb').read()))
    for n in range(cpus):
        seen = [addr & ~HIGH for _, _, cpu, addr, _ in records if cpu == n]
        check(seen and all(0x40200000 <= addr < 0x40400000 for addr in seen), f'CPU {n}: {[hex(addr) for addr in seen[:20]]}')


def exec_log(tmp):
    with Target(GUEST, ACCEL, args=['-d', 'exec', '-D', tmp + '/exec']) as t:
        r = t.connect()
        r.point(0, t.ready)
        r.cont()
    logged = executed(open(tmp + '/exec').read())
    with Target(GUEST, ACCEL) as t:
        r = t.connect()
        for n in range(1000):
            equal(logged[n], r.reg(PC), f'instruction {n} of the log and of the steps')
            r.step()


def filters(tmp):
    at = symbols(PROGRAM)['program'] | HIGH
    run('-d', 'exec,cpu', '-dfilter', f'{at:#x}+0x10,el1', '-D', tmp + '/f')
    text = open(tmp + '/f').read()
    seen = executed(text)
    check(seen and all(at <= pc < at + 16 for pc in seen), f'{[hex(pc) for pc in seen[:20]]}')
    equal(len(re.findall('^cpu ', text, re.M)), len(seen), 'lines of cpu and exec')
    run('-d', 'exec', '-dfilter', 'el0,0x40200000+0x100', '-D', tmp + '/f')
    equal(executed(open(tmp + '/f').read()), [], 'nothing of EL0 there')


def profile(tmp):
    run('--profile', tmp + '/p', '--debug', PROGRAM)
    folded = open(tmp + '/p').read().splitlines()
    check(folded and all(re.fullmatch(r'\S.* \d+', line) for line in folded), f'folded: {folded[:5]}')
    svg = ET.parse(tmp + '/p.svg').getroot()
    check(len(list(svg.iter('{http://www.w3.org/2000/svg}rect'))) > 1, 'boxes')
    total = sum(int(line.split()[-1]) for line in folded)
    check(str(total) in ''.join(svg.itertext()), f'{total} samples')


def refused(tmp):
    for arguments in ([tmp + '/nothing'], [PROGRAM]):
        p = subprocess.run([SCRIPT, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        equal((p.returncode, p.stdout, p.stderr.count('\n')), (1, '', 1), f'{arguments}: {p.stderr}')


def in_directory(test):
    @functools.wraps(test)
    def run_there():
        with tempfile.TemporaryDirectory() as tmp:
            test(tmp)
    return run_there


if __name__ == '__main__':
    main(*map(in_directory, [trace_file, trace_cpus, exec_log, filters, profile, refused]))
