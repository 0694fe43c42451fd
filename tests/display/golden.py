#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""golden.py ARMLET ROM: roms/src/display draws in every format and mode; each picture, in the window as X has it and as
screendump writes it, is worked out here from the line that the guest prints."""
import os, subprocess, sys, tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from front import Server, become_equal, check, difference, main, read_ppm
from qmp import Client

armlet, rom = sys.argv[1:3]


def kept(c, bits):
    """Eight bits as a format of so many bits keeps them and a display shows them."""
    c &= 0xff
    if bits >= 8:
        return c
    v = c >> (8 - bits)
    return (v << (8 - bits) | v >> (2 * bits - 8)) & 0xff


def expected(device, red, green, blue, width, height):
    kept_blue = [kept(b, blue) for b in range(256)]
    rgb = bytearray(width * height * 3)
    reds = bytes(kept(x * 255 // (width - 1), red) for x in range(width))
    for y in range(height):
        again = 0xff if device == 'ramfb-redrawn' and y >= height // 2 else 0
        row = slice(y * width * 3, (y + 1) * width * 3)
        line = bytearray(width * 3)
        line[0::3] = reds
        line[1::3] = bytes([kept(y * 255 // (height - 1), green)]) * width
        line[2::3] = bytes(kept_blue[(7 * x ^ 13 * y ^ again) & 0xff] for x in range(width))
        if device == 'virtio-gpu-pointer' and 20 <= y < 84:
            for x in range(30, min(94, width)):
                if (x - 30 + y - 20) & 1:
                    line[3 * x:3 * x + 3] = b'\0\xff\0'
        rgb[row] = line
    return width, height, bytes(rgb)


def pictures():
    with Server() as server, tempfile.TemporaryDirectory() as d:
        p = subprocess.Popen([armlet, '-M', 'virt', '-m', '64', '-kernel', rom, '-device', 'ramfb', '-device',
                              'virtio-gpu-device', '-serial', 'stdio', '-qmp', f'unix:{d}/qmp', '-name', 'golden', '-display', 'sdl'],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, **server.env})
        count = 0
        try:
            window = server.window('golden - armlet')
            client = Client(d + '/qmp')

            def dump():
                client.do('screendump', filename=d + '/x.ppm')
                return read_ppm(d + '/x.ppm')
            for line in iter(p.stdout.readline, b'done\n'):
                words = line.decode().split()
                check(len(words) == 7, f'the guest says {line}')
                device, name, numbers = words[0], words[1], list(map(int, words[2:]))
                want = expected(device, *numbers)
                become_equal(dump, lambda: want)
                become_equal(lambda: server.shot(window), lambda: want)
                count += 1
                p.stdin.write(b'x')
                p.stdin.flush()
            client.do('quit')
            check(p.wait(20) == 0, f'status {p.returncode}')
        finally:
            p.kill()
            p.wait()
        print(f'{count} pictures')
        check(count > 20, 'so few')


if __name__ == '__main__':
    main(pictures)
