#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian's kernel on two, four and eight CPUs; CPUs are taken out and put back through sysfs.

$SMP_CYCLES is how often (20).
"""
import os, re, shlex
from guest import ROOT, Guest, armlet, check, main

CYCLES = int(os.environ.get('SMP_CYCLES', '20'))


def start(cpus):
    more = shlex.split(os.environ.get('ARMLET_TEST_ARGS', ''))
    return Guest([ROOT + '/boot-linux', '--', *more, '-smp', str(cpus)], env={'ARMLET': armlet()})


def look(g, cpus):
    """The kernel knows all CPUs, each has had its timer's interrupts, and all compute."""
    online = g.run('cat /sys/devices/system/cpu/online')
    check(re.search(f'^0-{cpus - 1}$', online, re.M), f'-smp {cpus}: online {online!r}')
    numbers = re.findall(r'^processor\s*: (\d+)', g.run('cat /proc/cpuinfo'), re.M)
    check(numbers == [str(n) for n in range(cpus)], f'-smp {cpus}: /proc/cpuinfo has {numbers}')
    table = g.run('cat /proc/interrupts')
    names = re.search(r'^((?: +CPU\d+)+) *$', table, re.M)
    check(names and len(names[1].split()) == cpus, f'-smp {cpus}: /proc/interrupts: {table}')
    timers = re.search(r'^ *\d+:((?: +\d+)+) +GIC.*arch_timer', table, re.M)
    check(timers and len(timers[1].split()) == cpus and '0' not in timers[1].split(),
          f'-smp {cpus}: not every CPU has a timer: {table}')
    # One process more than there are CPUs; each reports a sum of its own.
    out = g.run(f'''for n in $(seq 0 {cpus})
do
    (i=0; s=$n; while [ $i -lt 300 ]; do i=$((i + 1)); s=$((s * 5 % 9973)); done; echo "p$n $s" >/tmp/smp$n) &
done
wait
cat /tmp/smp*''')
    for n in range(cpus + 1):
        check(f'p{n} {n * pow(5, 300, 9973) % 9973}' in out, f'-smp {cpus}: process {n}: {out!r}')


def boots(cpus):
    def test():
        with start(cpus) as g:
            g.prompt(120)
            look(g, cpus)
            if cpus == 4:
                unplug(g, cpus)
                look(g, cpus)
            g.type('poweroff -f\r')
            status = g.wait()
            check(status == 0, f'-smp {cpus}: status {status}')
            bad = re.search(r'.*(rcu.*stall|soft lockup|Oops|BUG:|WARNING:|failed to come online).*', g.text)
            check(not bad, f'-smp {cpus}: the kernel said {bad and bad[0]!r}')
    test.__name__ = f'boots_{cpus}_cpus'
    return test


def unplug(g, cpus):
    """Each CPU but the first out and in again, in turn; now and then all of them at once."""
    out = g.run(f'''(while [ ! -e /tmp/smp-end ]; do :; done) &
cd /sys/devices/system/cpu
for n in $(seq 1 {CYCLES})
do
    c=$((n % {cpus - 1} + 1))
    [ $((n % 5)) = 0 ] && c="$(seq 1 {cpus - 1})"
    for k in $c; do echo 0 >cpu$k/online || echo "no-unplug $k"; done
    echo "left $n $(cat online)"
    for k in $c; do echo 1 >cpu$k/online || echo "no-plug $k"; done
    echo "back $n $(cat online)"
done
touch /tmp/smp-end
wait
cd /''', 240)
    check('no-' not in out.replace('"no-', ''), f'hot plug: {out!r}')
    for n in range(1, CYCLES + 1):
        gone = set(range(1, cpus)) if n % 5 == 0 else {n % (cpus - 1) + 1}
        left = re.search(f'^left {n} (.*)$', out, re.M)
        check(left and members(left[1]) == set(range(cpus)) - gone, f'cycle {n}: {left and left[0]!r}, without {gone}')
        check(re.search(f'^back {n} 0-{cpus - 1}$', out, re.M), f'cycle {n}: not all came back: {out!r}')


def members(text):
    """The numbers in "0-2,4"."""
    out = set()
    for part in text.strip().split(','):
        first, _, last = part.partition('-')
        out |= set(range(int(first), int(last or first) + 1))
    return out


if __name__ == '__main__':
    main(boots(2), boots(4), boots(8))
