# SPDX-License-Identifier: GPL-3.0-or-later
"""GDB's remote protocol from the client's side, for tests that look at every packet."""
import os, re, select, socket, struct, subprocess, sys, tempfile, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'boot'))
from guest import Failure, PATIENCE, boot_linux, check, main  # noqa: E402,F401

HIGH = 0xffff000000000000 # where the runtime runs: see tests/baremetal/rt/rt.h
X = list(range(31))
SP, PC, CPSR, V0, FPSR, FPCR = 31, 32, 33, 34, 66, 67


def equal(got, want, what):
    if got != want:
        show = lambda v: hex(v) if isinstance(v, int) else repr(v)
        raise Failure(f'{what}: {show(got)}, expected {show(want)}')


def symbols(elf):
    out = subprocess.run(['aarch64-linux-gnu-nm', elf], check=True, stdout=subprocess.PIPE, text=True).stdout
    return {name: int(addr, 16) for addr, _, name in (line.split() for line in out.splitlines() if line.count(' ') == 2)}


class Remote:
    """A connection. Waits for a reply as long as a busy machine may take."""

    def __init__(self, where, no_ack=True, features='multiprocess+;swbreak+;hwbreak+;vContSupported+'):
        family = socket.AF_UNIX if isinstance(where, str) else socket.AF_INET
        self.s = socket.socket(family, socket.SOCK_STREAM)
        self.s.connect(where)
        self.data = b''
        self.ack = True
        self.thread = 'p1.1' # that stopped last
        self.supported = self.ask('qSupported:' + features)
        if no_ack:
            equal(self.ask('QStartNoAckMode'), 'OK', 'QStartNoAckMode')
            self.ack = False

    def raw(self, data):
        self.s.sendall(data)

    def send(self, text):
        data = text.encode('latin-1') if isinstance(text, str) else text
        self.raw(b'$' + data + b'#%02x' % (sum(data) & 255))

    def receive(self, seconds=20):
        deadline = time.monotonic() + seconds * PATIENCE
        while True:
            m = re.match(rb'[+-]*\$([^#]*)#([0-9a-f]{2})', self.data, re.S)
            if m:
                self.data = self.data[m.end():]
                equal(sum(m[1]) & 255, int(m[2], 16), 'checksum')
                if self.ack:
                    self.raw(b'+')
                return re.sub(rb'\}(.)', lambda e: bytes([e[1][0] ^ 0x20]), m[1], flags=re.S).decode('latin-1')
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.s], [], [], left)[0]:
                raise Failure(f'no packet within {seconds * PATIENCE:.0f} s; there is {self.data[:200]!r}')
            more = self.s.recv(65536)
            if not more:
                raise EOFError
            self.data += more

    def ask(self, text, seconds=20):
        self.send(text)
        return self.receive(seconds)

    def reg(self, n):
        text = self.ask(f'p{n:x}')
        check(re.fullmatch('([0-9a-f]{2})+', text), f'register {n}: {text}')
        return int.from_bytes(bytes.fromhex(text), 'little')

    def set_reg(self, n, value, size=8):
        equal(self.ask(f'P{n:x}={value.to_bytes(size, "little").hex()}'), 'OK', f'writing register {n}')

    def read(self, addr, n):
        text = self.ask(f'm{addr:x},{n:x}')
        check(re.fullmatch('([0-9a-f]{2})+', text), f'{n} bytes at {addr:#x}: {text}')
        return bytes.fromhex(text)

    def word(self, addr):
        return struct.unpack('<Q', self.read(addr, 8))[0]

    def write(self, addr, data):
        equal(self.ask(f'M{addr:x},{len(data):x}:{data.hex()}'), 'OK', f'writing {len(data)} bytes at {addr:#x}')

    def set_word(self, addr, value):
        self.write(addr, struct.pack('<Q', value))

    def point(self, kind, addr, length=4, on=True):
        equal(self.ask(f'{"Z" if on else "z"}{kind},{addr:x},{length:x}'), 'OK', f'point {kind} at {addr:#x}')

    def go(self, what='vCont;c'):
        self.send(what)

    def stopped(self, seconds=20):
        text = self.receive(seconds)
        check(re.match('T[0-9a-f]{2}', text), f'a stop was awaited: {text}')
        self.thread = re.search('thread:([^;]+);', text)[1]
        return text

    def cont(self, seconds=20):
        self.go()
        return self.stopped(seconds)

    def step(self):
        self.go('vCont;s:' + self.thread)
        return self.stopped()

    def stop(self):
        self.raw(b'\3')
        return self.stopped()

    def monitor(self, line):
        self.send('qRcmd,' + line.encode().hex())
        text = ''
        while True:
            reply = self.receive()
            if reply == 'OK':
                return text
            check(reply.startswith('O'), f'monitor {line}: {reply}')
            text += bytes.fromhex(reply[1:]).decode()

    def xfer(self, what, chunk=0xffb):
        text = ''
        while True:
            part = self.ask(f'qXfer:{what}:{len(text):x},{chunk:x}')
            check(part[:1] in 'lm', f'qXfer:{what}: {part[:80]}')
            text += part[1:]
            if part[0] == 'l':
                return text

    def close(self):
        self.s.close()


class Target:
    """An emulator with the program, stopped before its first instruction."""

    def __init__(self, program, accel=None, args=(), qemu=False, stopped=True, where=None):
        self.dir = tempfile.TemporaryDirectory()
        self.where = self.dir.name + '/gdb'
        if qemu:
            command = ['qemu-system-aarch64', '-M', 'virt,gic-version=3,its=off', '-accel', 'tcg,thread=single',
                       '-cpu', 'max,pauth-impdef=on,sve=off,sme=off,lpa2=off', '-gdb', f'unix:{self.where},server=on,wait=off']
        else:
            command = [os.environ.get('ARMLET', 'build/armlet'), '-M', 'virt', '--no-cache', '-gdb', where or 'unix:' + self.where,
                       '-accel', accel or 'interp']
        command += [] if '-m' in args else ['-m', '256']
        command += [ '-display', 'none', '-nic', 'none', '-kernel', program, *args]
        command += [] if '-serial' in args else ['-serial', 'null']
        self.process = subprocess.Popen(command + (['-S'] if stopped else []), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.symbols = symbols(program) if program.endswith('.elf') else {}

    def __getattr__(self, name):
        return self.symbols[name] | HIGH

    def connect(self, **kw):
        for _ in range(int(200 * PATIENCE)):
            try:
                return Remote(self.where, **kw)
            except (FileNotFoundError, ConnectionRefusedError):
                check(self.process.poll() is None, f'it ended: {self.process.stderr.read() if self.process.poll() is not None else ""}')
                time.sleep(0.05)
        raise Failure('nobody listens')

    def await_socket(self):
        for _ in range(int(200 * PATIENCE)):
            if os.path.exists(self.where):
                return
            time.sleep(0.05)
        raise Failure('nobody listens')

    def wait(self, seconds=20):
        return self.process.wait(seconds * PATIENCE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        err = self.process.stderr.read().decode(errors='replace')
        self.process.stderr.close()
        self.dir.cleanup()
        if err:
            print(f'stderr: {err}')
