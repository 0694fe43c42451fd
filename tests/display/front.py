# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of front ends share: a program on two pipes, an X server, pictures. Standard library only."""
import os, queue, shutil, struct, subprocess, sys, tempfile, threading, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'boot'))
from guest import Failure, PATIENCE, check, main  # noqa: E402,F401

SKIP = 77  # what meson takes for a test that cannot run here


class Front:
    """tests/display/front.c: lines in, lines out."""
    def __init__(self, program, *args, env=None):
        self.process = subprocess.Popen([program, *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env=dict(os.environ, **(env or {})))
        self.lines = queue.Queue()
        self.seen = []
        threading.Thread(target=self._read, daemon=True).start()
        self.expect('ready')

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line.strip())

    def expect(self, *wanted, seconds=10):
        """Waits for these lines, in this order; others may come between. Returns those."""
        others = []
        deadline = time.monotonic() + seconds * PATIENCE
        for want in wanted:
            while True:
                try:
                    line = self.lines.get(timeout=max(0.01, deadline - time.monotonic()))
                except queue.Empty:
                    raise Failure(f'no "{want}"; there came {others}') from None
                if line == want:
                    break
                others.append(line)
        return others

    def do(self, command):
        self.process.stdin.write(command + '\n')
        self.process.stdin.flush()
        return self.expect('done')

    def quiet(self, seconds=0.2):
        """What has come by itself."""
        time.sleep(seconds)
        lines = []
        while not self.lines.empty():
            lines.append(self.lines.get())
        return lines

    def dump(self):
        with tempfile.TemporaryDirectory() as d:
            check('dumped' in self.do(f'dump {d}/x.ppm'), 'could not dump')
            return read_ppm(f'{d}/x.ppm')

    def end(self):
        self.process.stdin.write('end\n')
        self.process.stdin.close()
        status = self.process.wait(20 * PATIENCE)
        check(status == 0, f'the front end ended with {status}')

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def read_ppm(path):
    """(width, height, bytes of R, G, B)"""
    with open(path, 'rb') as f:
        kind, size, most, data = f.read().split(b'\n', 3)
    check(kind == b'P6' and most == b'255', f'{path} is no PPM')
    width, height = map(int, size.split())
    check(len(data) == width * height * 3, f'{path}: {len(data)} bytes for {width}x{height}')
    return width, height, data


class Server:
    """An X server without a screen."""
    def __init__(self, width=1280, height=1024):
        for program in ('Xvfb', 'xwd', 'xdotool'):
            if not shutil.which(program):
                print(f'{program} is not installed')
                sys.exit(SKIP)
        read, write = os.pipe()
        self.process = subprocess.Popen(['Xvfb', '-displayfd', str(write), '-screen', '0', f'{width}x{height}x24',
                                         '-nolisten', 'tcp', '-noreset'], pass_fds=[write], stderr=subprocess.DEVNULL)
        os.close(write)
        number = b''
        while not number.endswith(b'\n'):
            byte = os.read(read, 1)
            check(byte, 'Xvfb ended')
            number += byte
        os.close(read)
        self.display = ':' + number.decode().strip()
        self.env = {'DISPLAY': self.display, 'SDL_VIDEODRIVER': 'x11', 'SDL_RENDER_DRIVER': 'software',
                    'SDL_AUDIODRIVER': 'dummy', 'WAYLAND_DISPLAY': ''}

    def run(self, *args, **how):
        return subprocess.run(args, env=dict(os.environ, **self.env), check=True, stdout=subprocess.PIPE, **how).stdout

    def window(self, name, seconds=10):
        """The number of the window whose title has this in it."""
        deadline = time.monotonic() + seconds * PATIENCE
        while time.monotonic() < deadline:
            found = subprocess.run(['xdotool', 'search', '--name', name], env=dict(os.environ, **self.env),
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout.split()
            if found:
                return found[-1]
            time.sleep(0.05)
        raise Failure(f'no window is called {name}')

    def title(self, window):
        return self.run('xdotool', 'getwindowname', window, text=True).strip()

    def shot(self, window):
        """(width, height, bytes of R, G, B) of what the window shows."""
        d = self.run('xwd', '-silent', '-id', window)
        head = struct.unpack('>25I', d[:100])
        size, width, height, bits, line, colors = head[0], head[4], head[5], head[11], head[12], head[19]
        # xwd may say 24 bits of 32 that are there.
        check(bits in (24, 32) and line == 4 * width and head[14:17] == (0xff0000, 0xff00, 0xff), f'xwd gives {head}')
        at = size + 12 * colors
        rgb = bytearray(width * height * 3)
        little = head[7] == 0
        for y in range(height):
            row = d[at + y * line:at + y * line + width * 4]
            for i in range(3):
                rgb[y * width * 3 + i:(y + 1) * width * 3:3] = row[2 - i if little else 1 + i::4]
        return width, height, bytes(rgb)

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def difference(a, b):
    """'' if two pictures are the same, else where they are not."""
    if a[:2] != b[:2]:
        return f'{a[0]}x{a[1]} against {b[0]}x{b[1]}'
    if a[2] == b[2]:
        return ''
    bad = [i // 3 for i in range(0, len(a[2]), 3) if a[2][i:i + 3] != b[2][i:i + 3]]
    x, y = bad[0] % a[0], bad[0] // a[0]
    at = bad[0] * 3
    return f'{len(bad)} pixels of {a[0]}x{a[1]}, the first at {x},{y}: {a[2][at:at + 3].hex()} and {b[2][at:at + 3].hex()}'


def become_equal(one, other, seconds=10):
    """Two functions that make pictures: until both make the same."""
    deadline = time.monotonic() + seconds * PATIENCE
    while True:
        differs = difference(one(), other())
        if not differs:
            return
        if time.monotonic() > deadline:
            raise Failure(differs)
        time.sleep(0.05)
