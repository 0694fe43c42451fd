#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The conversation that README promises: ./boot-linux to a shell, some work in it, and each way out."""
import os, re, shlex, time
from guest import CTRL_A, ROOT, Guest, armlet, check, main

LOOP = '''sum=0
i=0
while [ $i -lt 200 ]
do
    i=$((i + 1))
    case $i in
    *3)
        sum=$((sum + i * 2))
        ;;
    *7)
        sum=$((sum - i))
        ;;
    *)
        sum=$((sum + 1))
        ;;
    esac
    name="file$((i % 5))"
    echo "$i $sum" >"/tmp/$name"
done
echo "sum=$sum files=$(ls /tmp/file* | wc -l) last=$(cat /tmp/file0)"'''


def loop_result():
    total = 0
    for i in range(1, 201):
        total += i * 2 if i % 10 == 3 else -i if i % 10 == 7 else 1
    return f'sum={total} files=5 last=200 {total}'


def start(*args):
    # ARMLET_TEST_ARGS: what another emulator needs to run the same conversation.
    more = shlex.split(os.environ.get('ARMLET_TEST_ARGS', ''))
    tail = ['--', *more, *args] if more or args else []
    return Guest([ROOT + '/boot-linux', *tail], env={'ARMLET': armlet()})


def converse(g):
    check(re.search(r'Linux armlet 6\.\d+\.\S+ .*aarch64 GNU/Linux', g.run('uname -a')), 'uname -a')
    cpu = g.run('cat /proc/cpuinfo')
    check(re.search(r'processor\s*: 0', cpu) and 'CPU implementer' in cpu, 'cpuinfo: ' + cpu)
    check(re.search(r'Features.* fp asimd .*aes .*sha2 .*atomics', cpu), 'features: ' + cpu)
    names = g.run('ls /').split()
    check({'bin', 'dev', 'proc', 'sys', 'init'} <= set(names), f'ls /: {names}')
    out = g.run("awk 'BEGIN { s = 0; for (i = 1; i <= 1000; i++) s += i / 7; printf \"%.9f %d\\n\", s, s * 7 % 1013 }'")
    total = 0.0
    for i in range(1, 1001):
        total += i / 7
    want = '%.9f %d' % (total, total * 7 % 1013)
    check(want in out, f'awk: {out!r}, not {want!r}')
    out = g.run(LOOP)
    check('\n' + loop_result() in out, f'loop: {out!r}, not {loop_result()!r}')
    check(not g.tty or '33 101' in g.run('stty size'), 'the window size did not reach the guest')
    g.type('echo sleep""ing; sleep 1000\r')
    g.expect('sleeping', 10)
    time.sleep(1)  # between the two commands the shell itself is in the foreground, and it may ignore the key
    g.type('\x03')  # Ctrl-C belongs to the guest's foreground job
    g.prompt(10)


def shell_reboot_poweroff():
    with start() as g:
        g.prompt(120)
        converse(g)
        g.type('reboot -f\r')
        g.expect(r'Booting Linux|Linux version', 60)
        g.prompt(120)
        g.run('test ! -e /tmp/file0')
        g.type('poweroff -f\r')
        status = g.wait()
        check(status == 0, f'poweroff -f: status {status}')


def ctrl_a_x():
    with start() as g:
        g.expect('Linux version', 60)
        g.type(CTRL_A + 'x')
        status = g.wait()
        check(status == 0, f'Ctrl-A x: status {status}')


def options_are_passed_on():
    with start('-append', 'console=ttyAMA0 armlet.word=hello') as g:
        g.prompt(120)
        check('armlet.word=hello' in g.run('cat /proc/cmdline'), 'no -append')
        g.type('poweroff -f\r')
        check(g.wait() == 0, 'poweroff')


if __name__ == '__main__':
    main(shell_reboot_poweroff, ctrl_a_x, options_are_passed_on)
