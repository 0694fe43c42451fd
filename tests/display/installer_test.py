#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian's graphical installer in a window: under EDK2 with ramfb, and on the kernel's own virtio-gpu driver; from its
language page three pages on, once by keyboard and once by pointer. Each page's picture in the window is what screendump
says.

What page it is only eyes can tell: $INSTALLER_SHOTS is a folder for the pictures.
"""
import glob, os, subprocess, sys, tempfile, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from desktop_test import Screen
from front import PATIENCE, SKIP, Failure, Server, check, main
from guest import ROOT, Guest, armlet

PACKAGE = 'debian-installer-12-netboot-arm64'
FIRMWARE = '/usr/share/AAVMF/AAVMF_CODE.fd'
SHOTS = os.environ.get('INSTALLER_SHOTS')
CARDS = {'ramfb': ['-bios', FIRMWARE, '-device', 'ramfb'], 'virtio-gpu': ['-device', 'virtio-gpu-device,xres=1024,yres=768']}


def images():
    tree = subprocess.run([ROOT + '/roms/fetch', PACKAGE], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    found = glob.glob(tree + '/usr/lib/debian-installer/images/12/arm64/gtk/debian-installer/arm64/linux')
    check(len(found) == 1, f'{PACKAGE} holds no graphical installer: {found}')
    return found[0], os.path.dirname(found[0]) + '/initrd.gz'


class Installer(Guest):
    """The installer, up to its first page."""
    def __init__(self, server, card):
        self.dir = tempfile.TemporaryDirectory()
        kernel, initrd = images()
        super().__init__([armlet(), '-M', 'virt', '-m', '1G', '-kernel', kernel, '-initrd', initrd, '-append',
                          'console=tty0 vga=788 quiet', *CARDS[card], '-device', 'virtio-keyboard-device', '-device',
                          'virtio-tablet-device', '-serial', 'stdio', '-nic', 'user', '-name', 'installer', '-display', 'sdl',
                          '-qmp', f'unix:{self.dir.name}/qmp'], env=server.env)
        self.screen = Screen(server, 'installer', self.dir.name + '/qmp')


def has_button(picture):
    """Whether there is dark writing on light grey where all of the installer's pages have a button, at the lower left."""
    width, height, rgb = picture
    rows = (rgb[(y * width + 16) * 3:(y * width + 96) * 3] for y in range(height - 52, height - 16))
    bright = [max(row[i:i + 3]) for row in rows for i in range(0, len(row), 3)]
    return min(bright) < 100 and sum(b > 200 for b in bright) > len(bright) * 0.6


def settled(screen, before=None, seconds=120):
    """A page that differs from the one before, has a button and has stood still for a while."""
    deadline = time.monotonic() + seconds * PATIENCE
    last, still = None, 0
    while time.monotonic() < deadline:
        now = screen.dump()
        still = still + 1 if last and now == last else 0
        if still >= 6 and has_button(now) and (before is None or now[2] != before[2]):
            return now
        last = now
        time.sleep(0.3)
    if SHOTS:
        screen.client.do('screendump', filename=f'{SHOTS}/failed.png', format='png')
    raise Failure(f'no new page in {seconds * PATIENCE:.0f} s')


def page(screen, name, before=None, seconds=120):
    now = settled(screen, before, seconds)
    print(f'{name}: {now[0]}x{now[1]}', flush=True)
    if SHOTS:
        screen.client.do('screendump', filename=f'{SHOTS}/{name}.png', format='png')
    screen.same(name)
    return now


def by_keyboard(card):
    """Down and up in the list, then Return: language, location, keyboard."""
    with Server(1280, 1024) as server, Installer(server, card) as guest:
        screen = guest.screen
        now = page(screen, f'{card}-keyboard-1-language', seconds=600)
        for n, name in enumerate(('location', 'keyboard', 'next')):
            screen.xdo('key', 'Down')
            moved = page(screen, f'{card}-keyboard-{n + 1}-moved', now)
            screen.xdo('key', 'Up')
            now = page(screen, f'{card}-keyboard-{n + 1}-back', moved)
            screen.xdo('key', 'Return')
            now = page(screen, f'{card}-keyboard-{n + 2}-{name}', now)


def by_pointer(card):
    """Another row of the list is clicked, the first choice again, then Continue, at the lower right."""
    with Server(1280, 1024) as server, Installer(server, card) as guest:
        screen = guest.screen
        now = page(screen, f'{card}-pointer-1-language', seconds=600)
        for n, name in enumerate(('location', 'keyboard', 'next')):
            width, height = now[:2]
            screen.xdo('mousemove', '--window', screen.window, width // 3, height * 45 // 100, 'click', 1)
            now = page(screen, f'{card}-pointer-{n + 1}-clicked', now)
            screen.xdo('mousemove', '--window', screen.window, width - 60, height - 30, 'click', 1)
            now = page(screen, f'{card}-pointer-{n + 2}-{name}', now)


def ramfb_by_keyboard():
    by_keyboard('ramfb')


def ramfb_by_pointer():
    by_pointer('ramfb')


def virtio_gpu_by_keyboard():
    by_keyboard('virtio-gpu')


def virtio_gpu_by_pointer():
    by_pointer('virtio-gpu')


if __name__ == '__main__':
    tests = {f.__name__: f for f in (ramfb_by_keyboard, ramfb_by_pointer, virtio_gpu_by_keyboard, virtio_gpu_by_pointer)}
    if not os.path.exists(FIRMWARE):
        print(f'{FIRMWARE} (qemu-efi-aarch64) is not installed')
        sys.exit(SKIP)
    main(*(tests[name] for name in sys.argv[1:] or tests))
