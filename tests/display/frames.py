#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""frames.py ARMLET ROM: roms/src/display/frames.c draws whole screens as fast as it can, with one CPU and with two. In
whichever moment it stops, what it drew last is what the window shows: no line's damage is lost. While it stands still
the X server is given nothing to do."""
import os, subprocess, sys, tempfile, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from damage import Damage
from front import Server, become_equal, check, main, read_ppm
from qmp import Client

armlet, rom = sys.argv[1:3] if __name__ == '__main__' else (None, None)  # set by who imports this
WIDTH, HEIGHT = 1280, 800
DEVICES = {'r': 'ramfb', 'g': 'virtio-gpu-device', 's': f'simple-framebuffer,xres={WIDTH},yres={HEIGHT}'}


class Frames:
    """The machine that draws, in a window on an X server."""
    def __init__(self, server, where, *options, display='sdl'):
        self.dir = tempfile.TemporaryDirectory()
        self.where = where
        self.process = subprocess.Popen(
            [armlet, '-M', 'virt', '-m', '64', '-kernel', rom, '-device', DEVICES[where], '-serial', 'stdio', '-name', 'frames',
             '-display', display, '-qmp', f'unix:{self.dir.name}/qmp', *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, **server.env})
        ready = self.process.stdout.readline().split()
        check(ready[:1] == [b'ready'], f'the guest says {ready}')
        self.cpus = int(ready[1])
        self.window = server.window('frames - armlet') if display == 'sdl' else None

    def send(self, byte):
        self.process.stdin.write(byte)
        self.process.stdin.flush()

    def begin(self):
        self.send(self.where.encode())

    def stop(self):
        """Ends the drawing; how many frames the guest has drawn in all."""
        self.send(b'.')
        line = self.process.stdout.readline().split()
        check(line[:1] == [b'frames'], f'the guest says {line}')
        return int(line[1])

    def dump(self):
        Client(self.dir.name + '/qmp').do('screendump', filename=self.dir.name + '/x.ppm')
        return read_ppm(self.dir.name + '/x.ppm')

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def expected(n):
    lines = ((0x010305 * n + y & 0xffffff).to_bytes(3, 'big') * WIDTH for y in range(HEIGHT))
    return WIDTH, HEIGHT, b''.join(lines)


def last_frame_stands(where, cpus, rounds=6):
    with Server() as server, Frames(server, where, '-smp', str(cpus)) as frames:
        check(frames.cpus == cpus, f'{frames.cpus} CPUs run, {cpus} were asked for')
        for turn in range(rounds):
            frames.begin()
            time.sleep(0.05 + 0.037 * turn)
            want = expected(frames.stop())
            become_equal(lambda: server.shot(frames.window), lambda: want)
        become_equal(frames.dump, lambda: want)
        return standing_still(server, frames)


def standing_still(server, frames):
    try:
        damage = Damage(server.display, frames.window)
    except OSError as e:
        print(f'not looked at how much is drawn: {e}')
        return
    time.sleep(0.2)
    damage.take()
    time.sleep(1)
    count, pixels = damage.take()
    check(not count, f'{count} rectangles of {pixels} pixels were drawn while the picture stood still')


def ramfb():
    last_frame_stands('r', 1)


def ramfb_by_two():
    last_frame_stands('r', 2)


def simple_framebuffer_by_two():
    last_frame_stands('s', 2)


def virtio_gpu_by_two():
    last_frame_stands('g', 2)


if __name__ == '__main__':
    main(ramfb, ramfb_by_two, simple_framebuffer_by_two, virtio_gpu_by_two)
