#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""mutate.py PROGRAM.elf ACCEL[,ACCEL...] [SECONDS [SEED]]: real sessions with mistakes in them, against the whole of
armlet.

Half of them are what gdb-multiarch sent in the sessions of scripts.py, recorded first: packets are damaged, left out,
said twice, or come from another session. The others are packets drawn one by one. After each the emulator must be
alive and answer a client that makes no mistake. What was sent last is shown when it does not. SEED numbers the sessions
from there on; with the same recordings each is the same again.
"""
import random, shutil, sys, threading
from remote import *
from scripts import ARGS, SCRIPTS, gdb

PROGRAM, ACCELS = sys.argv[1], sys.argv[2].split(',')
SECONDS = float(sys.argv[3]) if len(sys.argv) > 3 else 5
SEED = int(sys.argv[4]) if len(sys.argv) > 4 else 1
MONITOR = ['help', 'info cpus', 'info registers', 'info tlb', 'info mtree', 'info irq', 'info stats', 'info', 'translate 0x40200000',
           'translate 0xffff000040200000 as el0', 'xp 0x40200000 16', 'xp 0x9000000', 'sysreg SCTLR_EL1', 'sysreg VBAR_EL1 0x800',
           'sysreg CPACR_EL1 0', 'sysreg MDSCR_EL1 0xffffffff', 'sysreg TCR_EL1 0xffffffffffffffff', 'sysreg ICC_SGI1R_EL1 1',
           'cont-until EL0', 'cont-until 0x40200010', 'break-on svc', 'break-on exception', 'break-on irq', 'break-on off',
           'break-on el-change', 'break-phys 0x40200000', 'delete-phys 0x40200000', 'step-irq on', 'step-irq off', 'physical on',
           'physical off', 'bt', 'trace on', 'trace off', 'symbol-file', 'lx-dmesg', 'lx-ps', 'system_reset', 'xp 0xffffffffffffffff 4096']


def packets(r, t):
    """One packet of a session."""
    addr = r.choice([t.leaf, t.hot, t.counter, t.command, t.bytes, t.crossing + 4090, 0, 0x40200000, 0x9000000, 0x8000000,
                     0xffffffffffffffff, 1 << 63, r.getrandbits(64)])
    n = r.choice([0, 1, 2, 4, 8, 16, 100, 0x1000, 0x3fff, 0x4000, 1 << 32, (1 << 64) - 1])
    return r.choice([
        lambda: f'm{addr:x},{n:x}', lambda: f'M{addr:x},4:{r.getrandbits(32):08x}', lambda: f'Z{r.randrange(6)},{addr:x},{n:x}',
        lambda: f'z{r.randrange(6)},{addr:x},{n:x}', lambda: f'p{r.randrange(400):x}', lambda: f'P{r.randrange(400):x}={r.getrandbits(64):016x}',
        lambda: 'g', lambda: 'G' + '%x' % r.getrandbits(400), lambda: '?', lambda: 'vCont;c', lambda: 'vCont;s:p1.1',
        lambda: f'vCont;s:p1.{r.randrange(3)};c', lambda: f'vCont;c:p1.{r.randrange(1, 3)}', lambda: 'vCont;s',
        lambda: f'vCont;r{addr:x},{addr + n:x}:p1.1', lambda: 'c', lambda: 's', lambda: f's{addr:x}', lambda: f'c{addr:x}',
        lambda: 'qRcmd,' + r.choice(MONITOR).encode().hex(), lambda: f'qSearch:memory:{addr:x};{n:x};abc', lambda: f'qCRC:{addr:x},{n:x}',
        lambda: 'qXfer:features:read:target.xml:%x,%x' % (r.randrange(30000), n), lambda: 'qXfer:threads:read::0,1000',
        lambda: f'Hgp1.{r.randrange(4)}', lambda: f'Hc{r.randrange(-1, 3)}', lambda: 'qOffsets', lambda: f'qThreadExtraInfo,p1.{r.randrange(3)}', lambda: f'Qqemu.PhyMemMode:{r.randrange(2)}',
        lambda: f'Qqemu.sstep={r.randrange(8)}', lambda: 'D', lambda: 'QStartNoAckMode', lambda: f'X{addr:x},3:a}}\x03b',
        lambda: f'M{t.command:x},8:{r.choice([*range(9), 12, 13]):02x}00000000000000', lambda: f'M{t.orders + 8:x},8:{r.randrange(6):02x}00000000000000', lambda: f'M{t.argument:x},8:{r.randrange(256):02x}00000000000000',
    ])().encode('latin-1')


def spoil(r, data):
    data = bytearray(data)
    for _ in range(r.randrange(3)):
        if data:
            data[r.randrange(len(data))] = r.choice([r.randrange(256), *b'0f,;:=-#$}'])
    if r.randrange(10) == 0:
        del data[r.randrange(len(data) + 1):]
    return bytes(data)


def forward(source, to, kept):
    while data := source.recv(65536):
        if kept is not None:
            kept += data
        to.sendall(data)


def record(name, script):
    """The frames, acknowledgements and interrupts that GDB sends in a session."""
    sent = bytearray()
    with Target(PROGRAM, ACCELS[0], args=ARGS.get(name, [])) as t, socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as stub:
        t.await_socket()
        between = t.dir.name + '/between'
        listener.bind(between)
        listener.listen()
        user = threading.Thread(target=gdb, args=(between, script))
        user.start()
        client = listener.accept()[0]
        stub.connect(t.where)
        threading.Thread(target=forward, args=(stub, client, None), daemon=True).start()
        forward(client, stub, sent)
        user.join()
        client.close()
    return re.findall(rb'\$[^#]*#..|.', bytes(sent), re.S)


def drawn(r, t):
    """A session of packets drawn one by one."""
    for _ in range(r.randrange(40)):
        data = packets(r, t)
        if r.randrange(3) == 0:
            data = spoil(r, data)
        yield framed(data, r.randrange(40) == 0)
        if r.randrange(4) == 0:
            yield b'\3'


def mistaken(r, recorded):
    """A recorded session, or the beginning of one, with mistakes."""
    frames, rate = r.choice(recorded), r.choice([3, 10, 40])
    for frame in frames[:r.choice([len(frames), r.randrange(len(frames))])]:
        if r.randrange(rate):
            yield frame
        elif frame[:1] == b'$':
            kind = r.randrange(6)
            other = r.choice(r.choice(recorded))
            yield {0: frame + frame, 1: b'', 2: other, 3: frame + b'\3'}.get(kind) or framed(spoil(r, frame[1:-3]), kind == 5)


def framed(data, wrong=False):
    return b'$' + data + b'#%02x' % (sum(data) + wrong & 255)


def session(t, seed, said, recorded):
    r = random.Random(seed)
    client = t.connect(no_ack=r.randrange(2))
    if r.randrange(2):
        client.point(0, t.ready)
    for frame in mistaken(r, recorded) if recorded and r.randrange(2) else drawn(r, t):
        if r.randrange(20) == 0:
            frame = frame[:r.randrange(len(frame) + 1)]
        said.append(frame)
        client.raw(frame)
        # An answer is not always waited for.
        wait = 0.005 if r.randrange(3) == 0 else 0
        while select.select([client.s], [], [], wait)[0]:
            if not client.s.recv(65536):
                return
            wait = 0
    client.close()


def ends_well(t):
    try:
        return t.wait(10) == 0
    except subprocess.TimeoutExpired:
        return False


def main():
    recorded = [record(*item) for item in SCRIPTS.items()] if shutil.which('gdb-multiarch') else []
    end, seed = time.monotonic() + SECONDS, SEED - 1
    while time.monotonic() < end:
        with Target(PROGRAM, ACCELS[seed % len(ACCELS)], args=['-smp', str(1 + seed % 2)]) as t:
            for seed in range(seed + 1, seed + 51):
                said = []
                try:
                    session(t, seed, said, recorded)
                except (BrokenPipeError, ConnectionResetError):
                    pass # it was sent away
                except Exception as e:
                    # The guest may have switched itself off, or a k of the session before be obeyed just now.
                    if not ends_well(t):
                        sys.exit(f'session {seed}: {e!r}, status {t.process.poll()}; sent: {said}')
                if t.process.poll() is not None:
                    # Guests may switch themselves off, and k ends it; nothing else may.
                    if t.process.returncode:
                        sys.exit(f'session {seed}: status {t.process.returncode}; sent: {said}')
                    break
    print(f'{seed - SEED + 1} sessions, after {sum(map(len, recorded))} packets of GDB')


if __name__ == '__main__':
    main()
