#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""scripts.py PROGRAM.elf ACCEL: what a person types into gdb-multiarch, and what it says to that."""
import os, re, shutil, subprocess, sys
from remote import Failure, PATIENCE, Target, check

PROGRAM, ACCEL = sys.argv[1], sys.argv[2]
SYMBOLS = [f'file {PROGRAM}', f'symbol-file -o 0xffff000000000000 {PROGRAM}']
ARGS = {'cpus': ['-smp', '2']}
# Each line typed, and a pattern that what is said until the next line must have.
SCRIPTS = {
    'breakpoints': [
        ('break ready', r'Breakpoint 1 at 0xffff0000'),
        ('continue', r'Breakpoint 1, ready \(\)'),
        ('set var command=1', ''),
        ('set var argument=1000', ''),
        ('tbreak leaf', ''),
        ('continue', r'Temporary breakpoint 2, leaf \(a=a@entry=0\)'),
        ('backtrace', r'#0 +leaf.*\n#1 .* in middle .*\n#2 .* in hot \(rounds=1000\)'),
        ('finish', r'Value returned is \$\d+ = 1\n'),
        ('break leaf if a == 17', ''),
        ('continue', r'leaf \(a=(a@entry=)?17\)'),
        ('up', r'in middle'),
        ('print counter', r' = \d+'),
        ('delete', ''),
        ('print middle(5)', r' = 35\n'),
        ('print $x3 = 0x1234', r' = 4660'),
        ('print $x3', r' = 4660'),
        ('hbreak hot', 'Hardware assisted breakpoint'),
        ('set var command=1', ''),
        ('continue', r'hot \(rounds=1000\)'),
        ('advance middle', r'middle \(a='),
        ('next', r'\d+\t'),
        ('until', r'\d+\t'),
        ('until hot', r'hot \(rounds=1000\)'),
        ('info threads', r'\* 1 +Thread 1.1 \(CPU#0 EL1, IRQs masked\) .* hot'),
        ('print $SCTLR_EL1 & 1', ' = 1'),
        ('print/x $v0.d.u[0] = 0x1122334455667788', '0x1122334455667788'),
        ('print/x $s0.u', r'0x55667788'),
        ('x/2i $pc', r'=> 0xffff'),
        ('compare-sections .text', 'matched'),
        ('monitor info cpus', r'\* CPU#0: pc 0xffff0000'),
        ('detach', 'detached'),
    ],
    'watchpoints': [
        ('break ready', ''),
        ('continue', ''),
        ('set var command=1', ''),
        ('set var argument=100', ''),
        ('watch counter', r'Hardware watchpoint 2: counter'),
        ('continue', r'Old value = 0\nNew value = 1\n'),
        ('continue', r'Old value = 1\nNew value = 2\n'),
        ('delete', ''),
        ('rwatch counter', r'Hardware read watchpoint 3'),
        ('continue', r'Value = 2\n'),
        ('delete', ''),
        ('break middle', ''),
        ('continue', 'middle'),
        ('finish', 'Value returned'),
        ('break middle', ''),
        ('continue', 'middle'),
        ('watch -l *(long *)$sp', r'Hardware watchpoint'),
        ('continue', r'(Old value|middle)'),
        ('awatch bytes', r'access \(read/write\) watchpoint'),
        ('delete', ''),
        ('detach', 'detached'),
    ],
    'cpus': [
        ('info threads', r'\* 1 +Thread 1\.1 \(CPU#0 EL1.*\n +2 +Thread 1\.2 \(CPU#1 off\)'),
        ('break ready', ''),
        ('continue', r'ready \(\)'),
        ('delete', ''),
        ('set var command=12', ''),
        ('set var argument=1', ''),
        ('set var orders[1]=2', ''),
        ('break second', ''),
        ('continue', r'Thread 2 hit Breakpoint 2, second \(index=(index@entry=)?1\)'),
        ('info threads', r' 1 +Thread 1\.1 \(CPU#0 EL1.*\n\* 2 +Thread 1\.2 \(CPU#1 EL1.*second'),
        ('backtrace', r'#0 +second .*\n#1 .* in obey \(index=.*\n#2 .*other_cpu \(index='),
        ('set scheduler-locking on', ''),
        ('stepi', ''),
        ('next', r'\d+\t'),
        ('print progress[1]', r' = \d+'),
        ('thread 1', r'Switching to thread 1 \(Thread 1\.1\)'),
        ('stepi 5', ''),
        ('print $MPIDR_EL1 & 255', r' = 0\n'),
        ('thread apply all -q print/x $MPIDR_EL1 & 255', r'= 0x1\n.*= 0x0\n'),
        ('set scheduler-locking off', ''),
        ('continue', r'Thread 2 hit Breakpoint 2, second'),
        ('delete', ''),
        ('detach', 'detached'),
    ],
}


def gdb(where, script):
    """What gdb-multiarch says to the lines, each one's part behind <<its number>>."""
    lines = ['set pagination off', 'set confirm off', 'set width 0', *SYMBOLS, f'target remote {where}']
    for n, (line, _) in enumerate(script):
        lines += [f'echo <<{n}>>\\n', line]
    args = [a for line in lines for a in ('-ex', line)]
    return subprocess.run(['gdb-multiarch', '-q', '-nx', '-batch', *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=60 * PATIENCE).stdout


def run(name, script):
    with Target(PROGRAM, ACCEL, args=ARGS.get(name, [])) as t:
        t.await_socket()
        out = gdb(t.where, script)
    parts = re.split(r'<<\d+>>\n', out)
    for n, (line, want) in enumerate(script):
        said = parts[n + 1] if n + 1 < len(parts) else '(nothing any more)'
        check(re.search(want, said), f'{name}: {line!r} says {said!r}, not {want!r}\n{out}')
    return len(script)


def main():
    if not shutil.which('gdb-multiarch'):
        print('gdb-multiarch is not installed')
        sys.exit(77)
    failed = 0
    for name, script in SCRIPTS.items():
        try:
            print(f'{name}: {run(name, script)} lines')
        except (Failure, subprocess.TimeoutExpired) as e:
            failed += 1
            print(f'FAILED {e}')
    sys.exit(1 if failed else 0)


if __name__ == '__main__':
    main()
