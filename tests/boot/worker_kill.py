#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A compile worker is killed every 100 ms: the guest never notices.

Boots to a shell and does some work there while the killer is about, with an empty code cache. Another
command line instead of the boot:

    tests/boot/worker_kill.py COMMAND...     run it, kill workers meanwhile, say how many; its status
"""
import os, random, subprocess, sys, tempfile, threading
from guest import Guest, ROOT, armlet, check, main
from shell import converse

EVERY = 0.1  # seconds


class Killer(threading.Thread):
    """Kills compile workers below a process, one at random at a time, until stop()."""

    def __init__(self, root):
        super().__init__(daemon=True)
        self.root, self.killed, self.random = root, 0, random.Random(4)
        self.stopped = threading.Event()

    def _workers(self):
        parent, name = {}, {}
        for pid in filter(str.isdigit, os.listdir('/proc')):
            try:
                with open(f'/proc/{pid}/stat') as f:
                    text = f.read()
            except OSError:
                continue
            name[int(pid)] = text[text.index('(') + 1:text.rindex(')')]
            parent[int(pid)] = int(text[text.rindex(')') + 2:].split()[1])
        for pid in (p for p in name if name[p] == 'armlet-compile'):
            up = pid
            while up in parent and up != self.root:
                up = parent[up]
            if up == self.root:
                yield pid

    def run(self):
        while not self.stopped.wait(EVERY):
            workers = sorted(self._workers())
            if workers:
                try:
                    os.kill(self.random.choice(workers), 9)
                    self.killed += 1
                except ProcessLookupError:
                    pass

    def stop(self):
        self.stopped.set()
        self.join()
        return self.killed


def boot(cache):
    with Guest([ROOT + '/boot-linux', '--', '-accel', 'tiered', '--cache-dir', cache, '-d', 'stats'],
               env={'ARMLET': armlet()}) as g:
        killer = Killer(g.process.pid)
        killer.start()
        g.prompt(240)
        converse(g)
        g.type('poweroff -f\r')
        status = g.wait(120)
        killed = killer.stop()
        check(status == 0, f'poweroff -f: status {status}')
        check(killed >= 10, f'only {killed} workers were there to be killed')
        print(f'  {killed} workers killed', flush=True)


def killed_while_booting():
    with tempfile.TemporaryDirectory(dir='/var/tmp') as cache:
        os.chmod(cache, 0o700)
        boot(cache)


def command(args):
    p = subprocess.Popen(args)
    killer = Killer(p.pid)
    killer.start()
    status = p.wait()
    print(f'worker_kill: {killer.stop()} workers killed, status {status}', file=sys.stderr)
    sys.exit(status)


if __name__ == '__main__':
    if len(sys.argv) > 1:
        command(sys.argv[1:])
    main(killed_while_booting)
