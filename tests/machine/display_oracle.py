#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""display_oracle.py QEMU ROM: the guest that draws in every format of virtio-gpu shows under QEMU what the suite
expects under armlet (tests/machine/display.c has the same formula).

Without ramfb: QEMU 7.2 knows five of its formats only, and aborts on lines of 61 * 3 bytes.
"""
import json, os, socket, subprocess, sys, tempfile, time


def connect(path, process):
    for _ in range(300):
        s = socket.socket(socket.AF_UNIX)
        try:
            s.connect(path)
            return s.makefile('rwb', buffering=0)
        except OSError:
            if process.poll() is not None:
                sys.exit(f'QEMU ended with {process.returncode}')
            time.sleep(0.1)
    sys.exit(f'{path}: nobody listens')


def command(qmp, name, **arguments):
    qmp.write(json.dumps({'execute': name, 'arguments': arguments}).encode() + b'\n')
    while True:
        answer = json.loads(qmp.readline())
        if 'error' in answer:
            sys.exit(f'{name}: {answer["error"]}')
        if 'return' in answer:
            return


def kept(c, bits):
    c &= 0xff
    if bits >= 8:
        return c
    v = c >> 8 - bits
    return (v << 8 - bits | v >> 2 * bits - 8) & 0xff


def compare(line, ppm):
    """The number of wrong pixels. QEMU 7.2 pads the lines of its PPM files to four bytes."""
    red, green, blue, width, height = map(int, line.split()[2:])
    with open(ppm, 'rb') as f:
        _, size, _, pixels = f.read().split(b'\n', 3)
    if tuple(map(int, size.split())) != (width, height):
        sys.exit(f'{line}: shown as {size.decode()}')
    stride = (3 * width + 3) & ~3
    if len(pixels) == 3 * width * height:
        stride = 3 * width
    wrong = 0
    for y in range(height):
        for x in range(width):
            want = bytes((kept(x * 255 // (width - 1), red), kept(y * 255 // (height - 1), green), kept(7 * x ^ 13 * y, blue)))
            wrong += pixels[y * stride + 3 * x:y * stride + 3 * x + 3] != want
    return wrong


def run(qemu, rom, folder):
    qmp_path, uart_path, ppm = (os.path.join(folder, n) for n in ('qmp', 'uart', 'shot.ppm'))
    with subprocess.Popen([qemu, '-M', 'virt', '-cpu', 'cortex-a57', '-m', '64', '-display', 'none', '-nic', 'none', '-kernel', rom,
                           '-device', 'virtio-gpu-device', '-global', 'virtio-mmio.force-legacy=false',
                           '-qmp', f'unix:{qmp_path},server=on,wait=off', '-monitor', 'none',
                           '-serial', f'unix:{uart_path},server=on,wait=on'],
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            uart = connect(uart_path, process) # the guest starts when somebody listens
            qmp = connect(qmp_path, process)
            qmp.readline()
            command(qmp, 'qmp_capabilities')
            pictures = wrong = 0
            for line in iter(lambda: uart.readline().decode().strip(), 'done'):
                if not line:
                    sys.exit('the guest ended')
                if not line.startswith('virtio-gpu'):
                    continue
                command(qmp, 'screendump', filename=ppm)
                n = compare(line, ppm)
                if n:
                    print(f'{line}: {n} pixels differ')
                wrong += n > 0
                pictures += 1
                uart.write(b'\n')
        finally:
            process.kill()
    print(f'{pictures} pictures, {wrong} wrong')
    sys.exit(0 if pictures == 11 and not wrong else 1)


if __name__ == '__main__':
    with tempfile.TemporaryDirectory() as where:
        run(sys.argv[1], sys.argv[2], where)
