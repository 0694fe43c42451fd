#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""session.py PROGRAM.elf ACCEL: what GDB's packets do to a running guest (guest.c), on one engine."""
import os, re, socket, stat, struct, sys, time
import xml.etree.ElementTree as ET
from remote import *

PROGRAM, ACCEL = sys.argv[1], sys.argv[2]
HOT, WRITE, READ, PAIRS, WAIT, SPIN, MODULE, USER, TICK, OFF, RESET = range(1, 12)


def target(**kw):
    return Target(PROGRAM, ACCEL, qemu=ACCEL == 'qemu', **kw)


def at_ready(t, **kw):
    """A connection, the guest stopped in ready()."""
    r = t.connect(**kw)
    r.point(0, t.ready)
    check('swbreak:;' in r.cont(), 'the breakpoint in ready()')
    equal(r.reg(PC), t.ready, 'pc in ready()')
    r.point(0, t.ready, on=False)
    return r


def command(t, r, what, argument=0):
    r.set_word(t.argument, argument)
    r.set_word(t.command, what)


def registers():
    """The description names every register; all can be read, and writing back what was read works
    where it can be written at all."""
    with target() as t:
        r = t.connect()
        xml = ET.fromstring(re.sub('<!DOCTYPE[^>]*>', '', r.xfer('features:read:target.xml')))
        regs = [reg for feature in xml.iter('feature') for reg in feature.iter('reg')]
        names = [reg.get('name') for reg in regs]
        equal(names[:34], [f'x{n}' for n in X] + ['sp', 'pc', 'cpsr'], 'core registers')
        equal(len(set(names)), len(names), 'different names')
        for name in 'SCTLR_EL1 TTBR1_EL1 VBAR_EL1 ESR_EL1 ICC_IAR1_EL1 DBGBVR5_EL1 PMCCNTR_EL0 SP_EL1 CNTVCT_EL0'.split():
            check(name in names, f'{name} is not described')
        for n, reg in enumerate(regs):
            text = r.ask(f'p{n:x}')
            equal(len(text) * 4, int(reg.get('bitsize')), f'size of {names[n]} ({text})')
            check(r.ask(f'P{n:x}={text}') in ('OK', 'E22'), names[n])
        equal(r.ask(f'p{len(regs):x}'), 'E22', 'a register beyond the last')
        r.set_reg(names.index('VBAR_EL1'), 0x12345800)
        equal(r.reg(names.index('VBAR_EL1')), 0x12345800, 'VBAR_EL1')
        equal(r.ask(f'P{names.index("MIDR_EL1"):x}={0:016x}'), 'E22', 'writing MIDR_EL1')
        for n in [0, 30, SP, PC]:
            r.set_reg(n, 0x123456789abcdef0 + n)
            equal(r.reg(n), 0x123456789abcdef0 + n, names[n])
        r.set_reg(V0 + 31, 0x0123456789abcdef << 64 | 0xfedcba9876543210, 16)
        equal(r.reg(V0 + 31), 0x0123456789abcdef << 64 | 0xfedcba9876543210, 'v31')
        r.set_reg(FPSR, 0x1f, 4)
        equal(r.reg(FPSR), 0x1f, 'fpsr')
        r.set_reg(CPSR, 0x600003c4, 4)
        equal(r.reg(CPSR), 0x600003c4, 'cpsr')
        equal(r.ask(f'P{CPSR:x}={0x3c9.to_bytes(4, "little").hex()}'), 'E22', 'EL2h')
        g = r.ask('g')
        equal(len(g), 2 * (33 * 8 + 4 + 32 * 16 + 8), 'size of g')
        equal(r.ask('G' + g), 'OK', 'G')
        equal(r.ask('g'), g, 'g after G')


def breakpoints():
    """Of both kinds, set before the first instruction and when the code is hot; their slowness is
    their page's alone."""
    with target() as t:
        r = at_ready(t)
        equal(r.word(t.done), 0, 'commands done')
        command(t, r, HOT, 200000)
        r.point(1, t.leaf)
        check('hwbreak:;' in r.cont(), 'hwbreak')
        equal(r.reg(PC), t.leaf, 'pc')
        equal(r.reg(0), 0, 'first argument')
        r.point(1, t.leaf, on=False)
        r.step()
        equal(r.reg(PC), t.leaf + 4, 'pc after a step')
        r.go() # until it is hot
        time.sleep(1)
        r.stop()
        command(t, r, HOT, 1000)
        r.point(0, t.middle)
        r.cont(60)
        equal(r.reg(PC), t.middle, 'pc in code that was hot')
        for n in range(5):
            before = r.reg(0)
            r.point(0, t.middle, on=False)
            r.step()
            r.point(0, t.middle)
            r.cont()
            equal(r.reg(PC), t.middle, f'pc, hit {n}')
        r.point(0, t.middle, on=False)
        equal(r.ask(f'z0,{t.middle:x},4'), 'E22', 'removing what is not there')
        # A jump to a register that the debugger sets.
        back = r.reg(30)
        r.set_reg(0, 41)
        r.point(0, back)
        r.cont()
        equal(r.reg(PC), back, 'return address')
        equal(r.reg(0), 41 * 3 + 1 + 42 * 3 + 1, 'what middle(41) returns')


def physical():
    """A breakpoint and memory by physical address."""
    with target() as t:
        r = at_ready(t)
        command(t, r, HOT, 10)
        equal(r.ask('qqemu.PhyMemMode'), '0', 'mode')
        equal(r.ask('Qqemu.PhyMemMode:1'), 'OK', 'mode')
        code = r.read(t.leaf & ~HIGH, 8)
        r.point(0, t.leaf & ~HIGH)
        equal(r.ask('Qqemu.PhyMemMode:0'), 'OK', 'mode')
        equal(r.read(t.leaf, 8), code, 'code by virtual address')
        r.cont()
        equal(r.reg(PC), t.leaf, 'pc')


def watch(r, kind, addr, length, want_pc, want_addr, what):
    r.point(kind, addr, length)
    text = r.cont()
    name = {2: 'watch', 3: 'rwatch', 4: 'awatch'}[kind]
    m = re.search(f'{name}:([0-9a-f]+);', text)
    check(m, f'{what}: {text}')
    equal(int(m[1], 16), want_addr, f'{what}: address')
    equal(r.reg(PC), want_pc, f'{what}: pc')
    r.point(kind, addr, length, on=False)
    r.step()
    equal(r.reg(PC), want_pc + 4, f'{what}: pc after the step')


def watchpoints():
    """Loads and stores of each size; pairs, atomics, exclusives, DC ZVA; across pages; sizes that
    are no power of two. The stop comes before the access."""
    with target() as t:
        r = at_ready(t)
        b = t.bytes
        for _ in range(2):
            command(t, r, WRITE)
            watch(r, 2, b, 1, t.store8, b, 'strb')
            watch(r, 2, b + 3, 1, t.store16, b + 3, 'strh, its second byte')
            watch(r, 4, b + 5, 7, t.store32, b + 5, 'str w')
            equal(r.read(b + 8, 8), b'\0' * 8, 'not yet stored')
            watch(r, 2, b + 15, 100, t.store64, b + 15, 'str x')
            equal(r.word(b + 8), 0x1122334455667788, 'stored')
            command(t, r, READ)
            watch(r, 3, b, 1, t.load8, b, 'ldrb')
            watch(r, 4, b + 2, 2, t.load16, b + 2, 'ldrh')
            watch(r, 3, b + 6, 2, t.load32, b + 6, 'ldr w')
            watch(r, 3, b + 8, 8, t.load64, b + 8, 'ldr x')
            command(t, r, PAIRS)
            watch(r, 2, b + 24, 8, t.store_pair, b + 24, 'stp')
            watch(r, 3, b + 16, 4, t.load_pair, b + 16, 'ldp')
            watch(r, 2, b + 32, 8, t.atomic_add, b + 32, 'ldadd')
            watch(r, 3, b, 8, t.exclusive_load, b, 'ldxr')
            watch(r, 2, b + 63, 1, t.zero_block, b + 63, 'dc zva')
            watch(r, 2, t.crossing + 4096, 1, t.cross, t.crossing + 4096, 'str across pages, in the second')
        # A read watchpoint is not for stores, nor the other way round.
        command(t, r, WRITE)
        r.point(3, b, 16)
        r.point(0, t.after_stores)
        check('watch' not in r.cont(), 'a store under a read watchpoint')
        equal(r.reg(PC), t.after_stores, 'pc')


def hot_watch():
    """A watchpoint on a stack slot and on a counter in hot code."""
    with target() as t:
        r = at_ready(t)
        command(t, r, HOT, 300000)
        r.go()
        time.sleep(0.5)
        r.stop()
        command(t, r, HOT, 5)
        r.point(0, t.hot)
        r.cont(60)
        r.point(0, t.hot, on=False)
        r.point(4, t.counter, 8)
        seen = set()
        for n in range(6):
            check('awatch:' in r.cont(), 'awatch')
            seen.add(r.reg(PC))
            r.point(4, t.counter, 8, on=False)
            r.step()
            r.point(4, t.counter, 8)
        check(len(seen) == 2 and all(t.hot <= pc < t.hot + 200 for pc in seen), f'a load and a store: {seen}')


def memory():
    """What is mapped nowhere is an error and nothing else; pieces; code that is written over."""
    with target() as t:
        r = at_ready(t)
        for addr in [0xdead000000000000, 0xffffffffffffff00, 0x0000800000000000]:
            equal(r.ask(f'm{addr:x},8'), 'E14', f'reading {addr:#x}')
            equal(r.ask(f'M{addr:x},1:00'), 'E14', f'writing {addr:#x}')
        end = HIGH + 0x50000000 # of RAM
        equal(r.ask(f'm{end - 4:x},8'), '00' * 4, 'what there is of it')
        equal(r.ask(f'm{end:x},8'), 'E14', 'beyond RAM')
        data = bytes(range(256)) * 8
        r.write(t.crossing + 100, data)
        equal(r.read(t.crossing + 100, len(data)), data, 'memory')
        r.send(b'X%x,4:' % t.crossing + b'}\x03}\x04}\x0a}]')
        equal(r.receive(), 'OK', 'X')
        equal(r.read(t.crossing, 4), b'#$*}', 'X, escaped')
        equal(r.ask(f'qSearch:memory:{t.crossing:x};1000;\x05\x06\x07'), f'1,{t.crossing + 105:x}', 'search')
        equal(r.ask(f'qSearch:memory:{t.crossing:x};1000;nope'), '0', 'search')
        equal(r.ask(f'qCRC:{t.crossing + 100:x},4'), 'C' + '%08x' % crc(data[:4]), 'checksum')
        command(t, r, HOT, 1000)
        r.point(0, t.leaf)
        r.cont()
        r.point(0, t.leaf, on=False)
        saved = r.read(t.leaf, 8)
        r.write(t.leaf, struct.pack('<II', 0xd2800e00, 0xd65f03c0)) # mov x0, #112; ret
        back = r.reg(30)
        r.point(0, back)
        r.cont()
        equal(r.reg(0), 112, 'what the new code returns')
        r.write(t.leaf, saved)


def crc(data):
    c = 0xffffffff
    for b in data:
        c ^= b << 24
        for _ in range(8):
            c = (c << 1 ^ (0x04c11db7 if c & 0x80000000 else 0)) & 0xffffffff
    return c


def interrupting():
    """Ctrl-C in a loop of one instruction, in WFI, and while a long range is stepped."""
    with target() as t:
        r = at_ready(t)
        command(t, r, SPIN)
        r.go()
        time.sleep(0.3)
        check(r.stop().startswith('T02'), 'SIGINT')
        equal(r.reg(PC), t.the_spin, 'pc')
        r.go(f'vCont;r{t.the_spin:x},{t.the_spin + 4:x}:p1.1')
        time.sleep(0.2)
        check(r.stop().startswith('T02'), 'SIGINT in a range')
        equal(r.reg(PC), t.the_spin, 'pc')
        r.set_reg(PC, t.past_spin)
        command(t, r, WAIT, 1)
        r.go()
        time.sleep(0.3)
        check(r.stop().startswith('T02'), 'SIGINT in WFI')
        check(abs(r.reg(PC) - t.the_wfi) < 32, f'pc {r.reg(PC):#x}')


def module():
    """A breakpoint in code that is not there yet, that is replaced, and stays."""
    with target() as t:
        r = at_ready(t)
        r.point(0, t.el1_code_page)
        for n in range(1, 4):
            command(t, r, MODULE, n)
            check('swbreak' in r.cont(), 'swbreak')
            equal(r.reg(PC), t.el1_code_page, 'pc')
            r.point(0, t.el1_code_page, on=False)
            r.step()
            equal(r.reg(0), n, 'what the new code put there')
            r.point(0, t.el1_code_page)


def interrupts():
    """Steps stay in the loop while a timer ticks, unless the client wants otherwise."""
    with target() as t:
        r = at_ready(t)
        command(t, r, TICK, 100000000)
        r.point(0, t.in_tick)
        r.cont()
        r.point(0, t.in_tick, on=False)
        before = r.word(t.ticks)
        for n in range(300):
            r.step()
            pc = r.reg(PC)
            check(t.in_tick - 64 < pc < t.in_tick + 64, f'step {n} went to {pc:#x}')
        equal(r.word(t.ticks), before, 'ticks while stepping')
        equal(r.ask('Qqemu.sstep=1'), 'OK', 'step mode')
        outside = 0
        for n in range(300):
            r.step()
            outside += not t.in_tick - 64 < r.reg(PC) < t.in_tick + 64
        check(outside, 'no step took an interrupt')
        r.go()
        time.sleep(0.2)
        r.stop()
        check(r.word(t.ticks) > before, 'no tick')


def turns():
    """monitor break-on, cont-until; a system call's way from EL0 and back."""
    with target() as t:
        r = at_ready(t)
        command(t, r, USER, 7)
        r.monitor('cont-until EL0')
        r.cont()
        equal(r.reg(CPSR) >> 2 & 3, 0, 'EL')
        equal(r.reg(0), 7, 'x0 at EL0')
        r.set_reg(8, 64)
        r.monitor('break-on svc 64')
        r.cont()
        equal(r.reg(CPSR) >> 2 & 3, 1, 'EL')
        equal(r.reg(8), 64, 'x8')
        equal(int(r.monitor('sysreg ESR_EL1').split()[-1], 16), 0x56007ffe, 'ESR_EL1')
        check('no such' in r.monitor('sysreg NONE') and 'no such command' in r.monitor('frobnicate'), 'errors')
        for line in ['help', 'info cpus', 'info registers', 'info tlb', 'info mtree', 'info irq', 'info stats',
                     f'translate {t.leaf:#x}', f'translate {t.leaf:#x} as el0', f'xp {t.leaf & ~HIGH:#x} 8', 'step-irq', 'physical']:
            check(r.monitor(line), f'monitor {line} says nothing')


def leaving():
    """Detach and come back, fifty times while it runs; a broken connection; two clients."""
    with target() as t:
        r = at_ready(t)
        command(t, r, HOT, 1 << 40)
        for n in range(50):
            r.point(0, t.leaf)
            r.cont()
            if n % 3 == 0:
                equal(r.ask('D;1'), 'OK', 'detach')
            elif n % 3 == 1:
                r.close()
            else:
                r.go()
                r.close()
            r = t.connect(no_ack=n % 2)
            check(r.ask('?').startswith('T05'), 'the reason')
        counter = r.word(t.counter)
        equal(r.ask('D'), 'OK', 'detach')
        time.sleep(0.3)
        r = t.connect()
        check(r.word(t.counter) > counter, 'it has not run')
        try:
            second = t.connect()
            raise Failure(f'a second client is told {second.supported}')
        except (EOFError, ConnectionError, Failure) as e:
            check('another debugger' in str(e) or not isinstance(e, Failure), str(e))
        check(r.word(t.counter) > counter, 'the first client')


def returning():
    """A client that goes without reading all its answers and comes back at once is not taken for a second one."""
    with target() as t:
        for n in range(500):
            r = t.connect(no_ack=False)
            check('another' not in r.supported, f'client {n} is told {r.supported}')
            for text in ['?', 'g', 'qfThreadInfo']:
                r.send(text)
            if n & 1:
                time.sleep(0.0003)
            r.close()


def ends():
    """A reset keeps breakpoints; the end of the machine is told."""
    with target() as t:
        r = at_ready(t)
        command(t, r, RESET)
        r.point(0, t.ready)
        r.cont()
        equal(r.reg(PC), t.ready, 'pc after the reset')
        r.point(0, t.ready, on=False)
        command(t, r, OFF)
        r.go()
        equal(r.receive(), 'W00;process:1', 'the end')
        equal(t.wait(), 0, 'status')
    with target() as t:
        r = at_ready(t)
        r.send('vKill;1')
        equal(r.receive(), 'OK', 'kill')
        equal(t.wait(), 0, 'status')


def many():
    """Ten thousand breakpoints."""
    with target() as t:
        r = at_ready(t)
        for n in range(10000):
            r.point(0, HIGH + 0x44000000 + 256 * n)
        command(t, r, HOT, 10)
        r.point(0, t.hot)
        r.cont()
        equal(r.reg(PC), t.hot, 'pc')
        for n in range(10000):
            r.point(0, HIGH + 0x44000000 + 256 * n, on=False)


def odd_packets():
    """Nonsense is answered and forgotten."""
    with target() as t:
        r = at_ready(t)
        for text in ['', 'm', 'm1', 'mg,1', 'm1,', 'M1,2:3', 'X1,5:abc', 'Z9,1,1', 'Z0', 'Z2,1000,0', 'Hx1', 'Hg99', 'Tp9.9',
                     'vCont;x', 'vCont;s:p1.7', 'vCont', 'P', 'P20', 'P20=12', 'G12', 'pffffffff', 'qXfer:features:read:x:0,1',
                     'qXfer:features:read:target.xml:ffffffff,1', 'qRcmd,1', 'qRcmd,' + '41' * 2000, 'qSearch:memory:0;0;', 'qCRC:0,ffffffffffffffff',
                     'Cxx', 'vMustReplyEmpty', 'Qqemu.sstep=99', '\x00', '\xff', 'Z0,1,4']:
            reply = r.ask(text)
            check(reply == '' or re.match(r'E\d\d|E\.', reply) or reply == 'OK', f'{text!r}: {reply}')
        r.raw(b'$m0,4#00')
        r.raw(b'$' + b'A' * 40000 + b'#00+++---\0\0\0')
        r.raw(b'$$$?')
        equal(r.ask('qC'), 'QCp1.1', 'qC')


def places():
    """A socket is the user's alone and goes with armlet; TCP is of the loopback interface; what cannot be had is one line."""
    with target() as t:
        t.await_socket()
        mode = os.stat(t.where).st_mode
        check(stat.S_ISSOCK(mode) and mode & 0o777 == 0o600, f'mode {mode:o}')
        t.connect().send('k')
        equal(t.wait(), 0, 'status after k')
        check(not os.path.exists(t.where), 'the socket is still there')
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        s.listen()
        port = s.getsockname()[1]
        with target(where=f'tcp::{port}') as t:
            equal(t.wait(), 1, 'status, the port being taken')
            line = t.process.stderr.read().decode()
        check(re.fullmatch(f'armlet: -gdb tcp::{port}: [^\n]*in use\n', line), line)
    with target(where=f'tcp::{port}') as t:
        for _ in range(100):
            if any(f':{port:04X} ' in line and ' 0A ' in line for line in open('/proc/net/tcp')):
                break
            time.sleep(0.05)
        local = [line.split()[1] for line in open('/proc/net/tcp') if f':{port:04X} ' in line.split()[1] + ' ' and line.split()[3] == '0A']
        equal(local, [f'0100007F:{port:04X}'], 'where it listens')
        r = Remote(('127.0.0.1', port))
        equal(r.ask('qC'), 'QCp1.1', 'over TCP')
        r.close()
        with socket.create_connection(('127.0.0.1', port)) as s: # a browser
            s.sendall(b'POST / HTTP/1.1\r\n\r\n$k#6b')
            s.settimeout(10 * PATIENCE)
            try:
                equal(s.recv(100), b'', 'the answer to HTTP')
            except ConnectionResetError:
                pass
        check(t.process.poll() is None, 'HTTP has ended it')


TESTS = [places, registers, breakpoints, physical, watchpoints, hot_watch, memory, interrupting, module, interrupts, turns,
         leaving, returning, ends, many, odd_packets]


if __name__ == '__main__':
    main(*TESTS, only=sys.argv[3:])
