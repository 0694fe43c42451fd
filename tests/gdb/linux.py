#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""linux.py ACCEL [CPUS]: a debugger on Debian's kernel, from reset to the shell. There are no symbols: it goes by
exceptions, system calls and addresses."""
import re, sys, tempfile, time
from remote import *

ACCEL = sys.argv[1]
CPUS = int(sys.argv[2]) if len(sys.argv) > 2 else 1
OPENAT = 56


class Linux(Target):
    def __init__(self, *args):
        kernel, initrd = boot_linux()
        self.log = tempfile.NamedTemporaryFile()
        command = ['-initrd', initrd, '-append', 'console=ttyAMA0', '-serial', 'file:' + self.log.name,
                   '-smp', str(CPUS), *args]
        Target.__init__(self, kernel, ACCEL, args=command, stopped=False)

    def said(self):
        with open(self.log.name, errors='replace') as f:
            return f.read()

    def until_said(self, text, seconds):
        deadline = time.monotonic() + seconds * PATIENCE
        while text not in self.said():
            check(time.monotonic() < deadline and self.process.poll() is None, f'no {text!r}: {self.said()[-500:]}')
            time.sleep(0.1)


def string(r, addr):
    out = b''
    while b'\0' not in out and len(out) < 256:
        out += r.read(addr + len(out), 16)
    return out.split(b'\0')[0].decode()


def into_user_space(r):
    """From the vector of a system call on, the stack leads back to the instruction behind SVC."""
    elr = int(r.monitor('sysreg ELR_EL1').split()[-1], 16)
    want = re.compile(rf'    exception from EL0\n#\d+ +{elr:#018x} \(program\)\n')
    depths = []
    for n in [0, 150, 100, 100]: # the entry code saves registers meanwhile
        for _ in range(n):
            r.step()
        stack = r.monitor('bt')
        check(want.search(stack), f'{n} steps further: no {elr:#x} in\n{stack}')
        depths.append(stack.split('exception')[0].count('#'))
    check(depths[-1] > 3, f'frames of the kernel: {depths}')


def system_calls():
    """The first program, its system calls, a step at EL0, the way into the kernel and back."""
    with Linux('-S') as t:
        r = t.connect()
        equal(r.reg(CPSR) & 0xf, 5, 'EL1h at reset')
        r.monitor('cont-until EL0')
        r.cont(120)
        equal(r.reg(CPSR) & 0xf, 0, 'EL0')
        pc = r.reg(PC)
        check(pc < 1 << 48, f'a program: {pc:#x}')
        r.step()
        after = r.reg(PC)
        if after != pc + 4: # its page is not there yet
            vbar = int(r.monitor('sysreg VBAR_EL1').split()[-1], 16)
            equal(after, vbar + 0x400, 'the first step of a program ends at the vector')
            equal(int(r.monitor('sysreg ELR_EL1').split()[-1], 16), pc, 'and comes back')
        r.monitor(f'break-on svc {OPENAT}')
        names = []
        for _ in range(12):
            r.cont(60)
            equal(r.reg(8), OPENAT, 'x8')
            equal(r.reg(CPSR) >> 2 & 3, 1, 'EL')
            names.append(string(r, r.reg(1)))
        check(all(name.startswith(('/', '.')) or name for name in names), f'file names {names}')
        check('mapped' in r.monitor('translate 0x10') or '->' in r.monitor('translate 0x10'), 'translate')
        vbar = int(r.monitor('sysreg VBAR_EL1').split()[-1], 16)
        equal(r.reg(PC), vbar + 0x400, 'the vector of a system call')
        r.monitor('break-on off')
        into_user_space(r)
        equal(r.ask('D'), 'OK', 'detach')
        t.until_said('/root #', 240)


def attach_often():
    """Fifty clients during a boot, with a breakpoint each in what runs just then."""
    with Linux() as t:
        for n in range(50):
            r = t.connect()
            pc = r.reg(PC)
            r.point(n & 1, pc & ~3)
            for _ in range(3):
                r.step()
            r.go()
            time.sleep(0.02)
            if n % 3:
                r.stop()
                r.point(n & 1, pc & ~3, on=False) if n % 3 == 1 else None
            r.close()
        t.until_said('/root #', 240)
        r = t.connect()
        r.go()
        time.sleep(0.5)
        check(r.stop().startswith('T02'), 'Ctrl-C at the prompt')
        said = r.monitor('info cpus')
        check(said.count('EL1') == CPUS and 'off' not in said and 'INTID' in r.monitor('info irq'), f'monitor: {said}')
        for n in range(CPUS):
            equal(r.ask(f'Hgp1.{n + 1:x}'), 'OK', f'CPU {n}')
            equal(r.reg(CPSR) >> 2 & 3, 1, f'CPU {n} idles in the kernel')


if __name__ == '__main__':
    main(system_calls, attach_often)
