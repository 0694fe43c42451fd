#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A text console and an X program in a Debian guest, in a window under an X server of the test's own: what is typed and
clicked there arrives, what the window shows is what screendump says, and the guest follows the window's size.

$DESKTOP_SHOTS is a folder for the pictures on the way, to be looked at.
"""
import os, re, sys, tempfile, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import desktop
from front import PATIENCE, Failure, Server, become_equal, check, main, read_ppm
from qmp import Client

SHOTS = os.environ.get('DESKTOP_SHOTS')


class Screen:
    """The window and the control socket of a guest."""
    def __init__(self, server, name, path):
        self.server = server
        self.dir = tempfile.TemporaryDirectory()
        self.window = server.window(name + ' - armlet', 60)
        self.client = Client(path)
        self.xdo('windowfocus', '--sync', self.window)

    def xdo(self, *args):
        self.server.run('xdotool', *map(str, args))

    def dump(self):
        self.client.do('screendump', filename=self.dir.name + '/x.ppm')
        return read_ppm(self.dir.name + '/x.ppm')

    def shot(self):
        return self.server.shot(self.window)

    def same(self, name, seconds=20):
        """The window shows what screendump says; a picture of it is kept under this name."""
        become_equal(self.shot, self.dump, seconds)
        if SHOTS:
            self.client.do('screendump', filename=f'{SHOTS}/{name}.png', format='png')

    def type(self, text):
        self.xdo('type', '--delay', '40', text)
        self.xdo('key', 'Return')

    def until(self, what, condition, seconds=20):
        deadline = time.monotonic() + seconds * PATIENCE
        while not condition():
            if time.monotonic() > deadline:
                raise Failure(f'{what}: not in {seconds * PATIENCE:.0f} s')
            time.sleep(0.2)


def typed(guest, screen, path, text):
    """A command typed in the window writes a file that the UART's shell finds."""
    screen.type(f'echo {text} >{path}')
    screen.until(f'"{text}" typed in the window', lambda: text in guest.run(f'cat {path} 2>/dev/null; true'))


def console(guest, screen):
    guest.run('busybox chvt 1; (setsid busybox sh </dev/tty1 >/dev/tty1 2>&1 &)')
    time.sleep(1)
    before = screen.dump()
    typed(guest, screen, '/tmp/console', 'Hello-1')
    check(screen.dump()[2] != before[2], 'typing drew nothing on the text console')
    guest.run('echo -e "\\033[?25l" >/dev/tty1')  # a cursor that blinks would make two pictures of it
    screen.same(f'{guest.card}-console')


def x_program(guest, screen):
    guest.start_x()
    screen.until('xterm draws', lambda: len(set(colours(screen.dump()))) > 2, 60)
    time.sleep(1)
    screen.xdo('mousemove', '--window', screen.window, 300, 250, 'click', 1)
    typed(guest, screen, '/tmp/xterm', 'Hello-2')
    # Three clicks on a word select it, the middle button pastes it: the pointer with two of its buttons.
    screen.type(r"printf '\033c\033[?25l'; cat >/tmp/pasted")
    screen.type('pointer')
    screen.xdo('mousemove', '--window', screen.window, 60, 70)
    screen.xdo('click', '--repeat', 2, '--delay', 60, 1)
    screen.xdo('mousemove', '--window', screen.window, 260, 200, 'click', 2)
    screen.xdo('key', 'Return', 'key', 'ctrl+d')
    screen.until('a word selected and pasted by the pointer',
                 lambda: guest.run('cat /tmp/pasted; true').count('pointer') >= 2)
    time.sleep(0.5)
    screen.same(f'{guest.card}-xterm')


def colours(picture):
    return {picture[2][i:i + 3] for i in range(0, len(picture[2]), 3 * 101)}


def resize(guest, screen):
    for width, height in (1024, 700), (1500, 1000), (800, 600):
        screen.xdo('windowmove', screen.window, 0, 0, 'windowsize', screen.window, width, height)
        # The driver has read the new EDID; X tells of the mode that it prefers.
        screen.until(f'the guest sees {width}x{height}',
                     lambda: re.search(rf'{width}x{height}\s.*\+', guest.run('xrandr')))
        guest.run('xrandr --output Virtual-1 --auto')
        screen.until(f'the guest shows {width}x{height}', lambda: screen.dump()[:2] == (width, height))
        time.sleep(0.5)
        screen.same(f'{guest.card}-{width}x{height}')
        check(screen.shot()[:2] == (width, height), 'the window does not keep its size')


def virtio_gpu():
    with Server(1600, 1200) as server, desktop.Desktop(server, 'virtio-gpu') as guest:
        screen = Screen(server, 'desktop', guest.path)
        console(guest, screen)
        x_program(guest, screen)
        resize(guest, screen)


def virtio_gpu_two_cpus():
    with Server(1600, 1200) as server, desktop.Desktop(server, 'virtio-gpu', '-smp', '2') as guest:
        screen = Screen(server, 'desktop', guest.path)
        check(guest.run('nproc').split()[-1] == '2', 'not two CPUs')
        x_program(guest, screen)


def simple_framebuffer():
    with Server(1600, 1200) as server, desktop.Desktop(server, 'simple-framebuffer', '-smp', '2') as guest:
        screen = Screen(server, 'desktop', guest.path)
        console(guest, screen)
        x_program(guest, screen)


if __name__ == '__main__':
    if not desktop.make_disk():
        sys.exit(desktop.SKIP)
    tests = {f.__name__: f for f in (virtio_gpu, virtio_gpu_two_cpus, simple_framebuffer)}
    main(*(tests[name] for name in sys.argv[1:] or tests))
