#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""vnc.py FRONT: a VNC client of its own (RFB 3.8, raw rectangles). What it is sent is what screendump says; what it
sends arrives as events; it may be rude."""
import os, random, socket, struct, sys, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from front import PATIENCE, SKIP, Front, become_equal, check, main

program = sys.argv[1]
NEW_SIZE, CURSOR, EXTENDED_SIZE = -223, -239, -308


class Client:
    def __init__(self, port, shift=(16, 8, 0), encodings=(0, NEW_SIZE)):
        self.socket = socket.create_connection(('127.0.0.1', port), 10 * PATIENCE)
        check(self.read(12) == b'RFB 003.008\n', 'another version')
        self.send(b'RFB 003.008\n')
        kinds = self.read(self.read(1)[0])
        check(1 in kinds, f'security types {kinds}')
        self.send(b'\1')
        check(self.read(4) == bytes(4), 'not let in')
        self.send(b'\1')
        self.width, self.height = struct.unpack('>HH', self.read(4))
        self.read(16)
        self.name = self.read(struct.unpack('>I', self.read(4))[0])
        self.shift = shift
        self.send(struct.pack('>BxxxBBBBHHHBBBxxx', 0, 32, 24, 0, 1, 255, 255, 255, *shift))
        self.send(struct.pack(f'>BxH{len(encodings)}i', 2, len(encodings), *encodings))
        self.pixels = bytearray(self.width * self.height * 4)
        self.cursor = None

    def send(self, data):
        self.socket.sendall(data)

    def read(self, n):
        data = b''
        while len(data) < n:
            more = self.socket.recv(n - len(data))
            check(more, 'the server hung up')
            data += more
        return data

    def rectangle(self):
        x, y, w, h, kind = struct.unpack('>HHHHi', self.read(12))
        if kind == NEW_SIZE:
            self.width, self.height = w, h
            self.pixels = bytearray(w * h * 4)
        elif kind == CURSOR:
            self.cursor = (x, y, w, h, self.read(w * h * 4), self.read((w + 7) // 8 * h))
        elif kind == EXTENDED_SIZE:
            self.screens(w, h)
        else:
            check(kind == 0, f'encoding {kind}')
            data = self.read(w * h * 4)
            for row in range(h):
                at = ((y + row) * self.width + x) * 4
                self.pixels[at:at + w * 4] = data[row * w * 4:(row + 1) * w * 4]

    def screens(self, w, h):
        self.read(16 * self.read(4)[0])
        if (w, h) != (self.width, self.height):
            self.width, self.height = w, h
            self.pixels = bytearray(w * h * 4)

    def update(self, whole=False):
        """Asks for what is new and takes one answer."""
        self.send(struct.pack('>BBHHHH', 3, not whole, 0, 0, self.width, self.height))
        while True:
            kind = self.read(1)[0]
            if kind == 0:
                break
            check(kind == 3, f'message {kind}')
            self.read(3)
            self.read(struct.unpack('>I', self.read(4))[0])
        for _ in range(struct.unpack('>xH', self.read(3))[0]):
            self.rectangle()

    def picture(self):
        self.update(whole=True)
        rgb = bytearray(self.width * self.height * 3)
        for i in range(3):
            rgb[i::3] = self.pixels[self.shift[i] // 8::4]
        return self.width, self.height, bytes(rgb)

    def key(self, symbol, down):
        self.send(struct.pack('>BBxxI', 4, down, symbol))

    def press(self, symbol):
        self.key(symbol, 1)
        self.key(symbol, 0)

    def pointer(self, buttons, x, y):
        self.send(struct.pack('>BBHH', 5, buttons, x, y))

    def close(self):
        self.socket.close()


def free_port():
    for number in range(40, 99):
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(('127.0.0.1', 5900 + number))
            except OSError:
                continue
            return number
    sys.exit(SKIP)


number = free_port()


def start(**env):
    return Front(program, 'vnc', f':{number}', env=env)


def connect(**how):
    return Client(5900 + number, **how)


def pictures():
    with start() as front:
        front.do('mode 0 320 200 XRGB8888')
        c, d = connect(), connect(shift=(0, 8, 16))
        check(c.name == b'test', f'the name is {c.name}')
        for client in c, d:
            become_equal(client.picture, front.dump)
        front.do('draw 0 10 50 7')
        for client in c, d:
            become_equal(client.picture, front.dump)
        front.do('mode 0 500 301 RGB565')
        for client in c, d:
            become_equal(client.picture, front.dump)
        front.do('mode 1 640 480 XRGB8888')
        become_equal(c.picture, front.dump)
        front.do('off 1')
        front.do('off 0')
        become_equal(c.picture, lambda: (640, 480, bytes(640 * 480 * 3)))
        front.do('mode 0 100 50 XRGB8888')
        become_equal(c.picture, front.dump)
        c.close()
        become_equal(d.picture, front.dump)
        front.end()


def only_what_changed():
    with start() as front:
        front.do('mode 0 320 200 XRGB8888')
        c = connect()
        become_equal(c.picture, front.dump)
        front.do('draw 0 20 4 9')
        c.send(struct.pack('>BBHHHH', 3, 1, 0, 0, c.width, c.height))
        check(c.read(1) == b'\0', 'no update')
        lines = 0
        for _ in range(struct.unpack('>xH', c.read(3))[0]):
            x, y, w, h, kind = struct.unpack('>HHHHi', c.read(12))
            check(20 <= y and y + h <= 24, f'lines {y} to {y + h}')
            c.read(w * h * 4)
            lines += h
        check(lines == 4, f'{lines} lines')
        front.end()


def keys():
    with start() as front:
        front.do('mode 0 320 200 XRGB8888')
        c = connect()
        c.update()
        for symbol, code in [(ord('a'), 30), (0xff0d, 28), (0xff51, 105), (0xffbe, 59), (0xff8d, 96), (0xffff, 111),
                             (ord('/'), 53), (0xffeb, 125)]:
            c.press(symbol)
            front.expect(f'key {code} 1', 'syn 0 0', f'key {code} 0', 'syn 0 0')
        c.key(0xffe1, 1)
        c.press(ord('A'))
        c.key(0xffe1, 0)
        events = front.expect('key 42 1') + front.expect('key 30 1', 'key 30 0', 'key 42 0')
        check('key 42 0' not in events, 'Shift was let go too early')
        c.press(ord('!'))  # without Shift, as a program sends it
        front.expect('key 42 1', 'key 2 1', 'key 42 0', 'key 2 0')
        c.press(0xfedcba)  # no such key
        c.key(0xffe3, 1)
        front.expect('key 29 1')
        c.close()  # and gone
        front.expect('key 29 0')
        front.end()


def pointer():
    with start() as front:
        front.do('mode 0 401 301 XRGB8888')
        front.do('tablet on')
        c = connect()
        become_equal(c.picture, front.dump)
        c.pointer(0, 100, 150)
        front.expect(f'abs 0 {100 * 32767 // 400}', f'abs 1 {150 * 32767 // 300}', 'syn 0 0')
        c.pointer(5, 100, 150)
        c.pointer(4, 100, 150)
        c.pointer(0, 100, 150)
        front.expect('key 272 1', 'key 273 1', 'key 272 0', 'key 273 0')
        c.pointer(8, 100, 150)
        c.pointer(0, 100, 150)
        front.expect('rel 8 1')
        front.do('tablet off')
        front.do('mouse on')
        c.pointer(0, 110, 145)
        front.expect('rel 0 10', 'rel 1 -5')
        front.end()


def cursor():
    with start() as front:
        front.do('mode 0 320 200 XRGB8888')
        c = connect(encodings=(0, NEW_SIZE, CURSOR))
        c.update()
        front.do('cursor 0 16 10 20')
        front.do('draw 0 0 1 1')
        for _ in range(20):
            c.update()
            if c.cursor and c.cursor[2]:
                break
            front.do('draw 0 0 1 1')
        x, y, w, h, pixels, mask = c.cursor
        check((x, y, w, h) == (0, 0, 16, 16), f'{(x, y, w, h)}')
        check(mask == b''.join(struct.pack('>H', 0xffff << (15 - y) & 0xffff) for y in range(16)), mask.hex())
        front.end()


def resize():
    with start() as front:
        front.do('mode 1 640 400 XRGB8888')
        c = connect(encodings=(0, NEW_SIZE, EXTENDED_SIZE))
        c.update()
        c.send(struct.pack('>BxHHBxIHHHHI', 251, 800, 600, 1, 0, 0, 0, 800, 600, 0))
        front.expect('wanted second 800 600')
        front.end()


def console():
    with start(FRONT_CONSOLE='1') as front:
        front.do('mode 0 320 200 XRGB8888')
        c = connect()
        become_equal(c.picture, front.dump)
        c.press(ord('a'))
        c.press(0xff0d)
        c.press(0xe4)
        c.key(0xffe3, 1)
        c.press(ord('c'))
        c.key(0xffe3, 0)
        front.expect('type 61', 'type 0d', 'type c3', 'type a4', 'type 03')
        c.pointer(8, 1, 1)
        front.expect('scroll 3')
        front.end()


def loopback():
    """Without a host nobody else may connect; a port in use is an error that names it."""
    with start() as front:
        ports = [line.split()[1] for line in open('/proc/net/tcp') if f':{5900 + number:04X} ' in line]
        check(f'0100007F:{5900 + number:04X}' in ports, f'listening at {ports}')
        import subprocess
        p = subprocess.run([program, 'vnc', f':{number}'], stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)
        check(p.returncode == 1 and str(5900 + number) in p.stdout, f'{p.returncode}: {p.stdout}')
        front.end()


def rude():
    """Nonsense, silence, and clients that hang up in the middle leave the server as it is."""
    r = random.Random(1)
    with start() as front:
        front.do('mode 0 320 200 XRGB8888')
        silent = socket.create_connection(('127.0.0.1', 5900 + number))
        for n in range(40):
            if n % 2:
                c = connect()
                s = c.socket
            else:
                s = socket.create_connection(('127.0.0.1', 5900 + number))
            s.sendall(bytes(r.randrange(256) for _ in range(r.randrange(1, 300))))
            s.close()
        c = connect()
        become_equal(c.picture, front.dump)
        silent.close()
        front.quiet()
        front.end()


main(pictures, only_what_changed, keys, pointer, cursor, resize, console, loopback, rude)
