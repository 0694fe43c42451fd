#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""window.py FRONT: the SDL window under an X server of its own. What X shows is what screendump says; what is done
with keys and pointer arrives as events; no key sticks; resizing and closing are told."""
import ctypes, os, sys, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from front import Failure, Front, Server, become_equal, check, difference, main

program = sys.argv[1]
server = Server()
FORMATS = ['XRGB8888', 'ARGB8888', 'RGB565', 'RGB888', 'XBGR8888']


def start(**env):
    front = Front(program, 'sdl', env=dict(server.env, **env))
    window = server.window('test - armlet')
    server.run('xdotool', 'windowfocus', '--sync', window)
    return front, window


def same(front, window):
    become_equal(lambda: server.shot(window), front.dump)


def xdo(*args):
    server.run('xdotool', *map(str, args))


def close(window):
    """Asks a window to close, as a window manager does."""
    x = ctypes.CDLL('libX11.so.6')
    x.XOpenDisplay.restype = ctypes.c_void_p
    x.XInternAtom.restype = ctypes.c_ulong

    class Message(ctypes.Structure):
        _fields_ = [('type', ctypes.c_int), ('serial', ctypes.c_ulong), ('send_event', ctypes.c_int),
                    ('display', ctypes.c_void_p), ('window', ctypes.c_ulong), ('message_type', ctypes.c_ulong),
                    ('format', ctypes.c_int), ('data', ctypes.c_long * 5), ('pad', ctypes.c_long * 16)]
    d = ctypes.c_void_p(x.XOpenDisplay(server.display.encode()))

    def atom(name):
        return x.XInternAtom(d, name, 0)
    m = Message(33, 0, 1, d, int(window), atom(b'WM_PROTOCOLS'), 32)
    m.data[0] = atom(b'WM_DELETE_WINDOW')
    x.XSendEvent(d, ctypes.c_ulong(int(window)), 0, ctypes.c_long(0), ctypes.byref(m))
    x.XSync(d, 0)
    x.XCloseDisplay(d)


def pictures():
    front, window = start()
    with front:
        for n, name in enumerate(FORMATS):
            front.do(f'mode 0 {320 + 8 * n} {200 + n} {name}')
            same(front, window)
        front.do('draw 0 10 50 7')
        front.do('draw 0 100 1 8')
        same(front, window)
        front.do('mode 0 1024 768 XRGB8888')
        same(front, window)
        front.do('cursor 0 32 100 700')
        same(front, window)
        front.do('cursor 0 32 1010 -5')
        same(front, window)
        front.do('cursor 0 0 0 0')
        same(front, window)
        front.end()


def another_display():
    """The last display that is on is shown; when all are off, nothing is."""
    front, window = start()
    with front:
        front.do('mode 0 400 300 XRGB8888')
        same(front, window)
        front.do('mode 1 500 200 RGB565')
        same(front, window)
        check(server.shot(window)[:2] == (500, 200), 'the second display is not shown')
        front.do('off 1')
        same(front, window)
        front.do('off 0')
        black = 640, 480, bytes(640 * 480 * 3)
        become_equal(lambda: server.shot(window), lambda: black)
        front.end()


def scaled():
    """A window that the user has made larger shows each pixel n times, with black around."""
    front, window = start()
    with front:
        front.do('mode 0 200 100 XRGB8888')
        same(front, window)
        xdo('windowsize', window, 650, 480)

        def expected():
            w, h, rgb = front.dump()
            out = bytearray(650 * 480 * 3)
            for y in range(300):
                row = b''.join(rgb[(y // 3 * w + x) * 3:(y // 3 * w + x) * 3 + 3] * 3 for x in range(w))
                at = ((y + 90) * 650 + 25) * 3
                out[at:at + len(row)] = row
            return 650, 480, bytes(out)
        become_equal(lambda: server.shot(window), expected)
        xdo('key', 'ctrl+alt+u')
        same(front, window)
        front.end()


def keys():
    front, window = start()
    with front:
        front.do('mode 0 320 200 XRGB8888')
        front.quiet()
        for name, code in [('a', 30), ('Return', 28), ('F11', 87), ('Left', 105), ('KP_Enter', 96), ('Super_L', 125),
                           ('space', 57), ('slash', 53), ('Delete', 111), ('Control_R', 97)]:
            xdo('key', name)
            front.expect(f'key {code} 1', 'syn 0 0', f'key {code} 0', 'syn 0 0')
        xdo('key', 'ctrl+alt+Delete')
        front.expect('key 29 1', 'key 56 1', 'key 111 1', 'key 111 0')
        front.quiet()
        front.end()


def nothing_sticks():
    """Keys that are down when the focus goes are released; so are the modifiers of the window's own keys."""
    front, window = start()
    with front:
        front.do('mode 0 320 200 XRGB8888')
        front.quiet()
        xdo('keydown', 'Alt_L', 'keydown', 'b')
        front.expect('key 56 1', 'key 48 1')
        server.run('xdotool', 'windowunmap', '--sync', window)
        released = front.expect('key 48 0') + front.quiet()
        check('key 56 0' in released, f'Alt stays down: {released}')
        xdo('keyup', 'b', 'keyup', 'Alt_L')
        server.run('xdotool', 'windowmap', '--sync', window)
        xdo('windowfocus', '--sync', window)
        front.quiet()
        xdo('keydown', 'Control_L', 'keydown', 'Alt_L', 'key', 's')
        front.expect('key 29 1', 'key 56 1')
        released = front.quiet(0.5)
        check('key 29 0' in released and 'key 56 0' in released and 'key 31 1' not in released, f'{released}')
        xdo('keyup', 'Alt_L', 'keyup', 'Control_L')
        front.end()


def tablet():
    front, window = start()
    with front:
        front.do('tablet on')
        front.do('mode 0 401 301 XRGB8888')
        same(front, window)
        xdo('mousemove', '--window', window, 100, 150)
        front.expect(f'abs 0 {100 * 32767 // 400}', f'abs 1 {150 * 32767 // 300}', 'syn 0 0')
        for n, code in [(1, 272), (2, 274), (3, 273)]:
            xdo('click', n)
            front.expect(f'key {code} 1', 'syn 0 0', f'key {code} 0', 'syn 0 0')
        xdo('click', 4)
        front.expect('rel 8 1')
        xdo('click', 5)
        front.expect('rel 8 -1')
        xdo('mousemove', '--window', window, 400, 300)
        front.expect('abs 0 32767', 'abs 1 32767')
        front.end()


def mouse():
    """Without a tablet a click grabs the pointer, motion is relative, Ctrl+Alt+G lets go."""
    front, window = start()
    with front:
        front.do('mouse on')
        front.do('mode 0 400 300 XRGB8888')
        same(front, window)
        xdo('mousemove', '--window', window, 200, 150)
        check(not [e for e in front.quiet() if e.startswith('rel')], 'motion before the grab')
        xdo('click', 1)
        check(not [e for e in front.quiet(0.4) if e.startswith('key')], 'the click that grabs is the window\'s')
        xdo('mousemove_relative', 30, 20)
        front.expect('rel 0 30', 'rel 1 20')
        xdo('click', 1)
        front.expect('key 272 1', 'key 272 0')
        check('Ctrl+Alt+G' in server.title(window), f'no hint in {server.title(window)}')
        xdo('key', 'ctrl+alt+g')
        front.quiet(0.5)
        xdo('mousemove_relative', 5, 5)
        check(not [e for e in front.quiet() if e.startswith('rel')], 'motion after the grab')
        front.end()


def resize():
    """The size the user gives the window is told to a display that can follow."""
    front, window = start()
    with front:
        front.do('mode 1 640 400 XRGB8888')
        same(front, window)
        check(not [e for e in front.quiet() if e.startswith('wanted')], 'a size is wanted that nobody chose')
        xdo('windowsize', window, 800, 600)
        front.expect('wanted second 800 600')
        front.do('mode 1 800 600 XRGB8888')
        same(front, window)
        front.end()


def closing():
    """The first time it is the power key, the second time the end."""
    front, window = start()
    with front:
        front.do('mode 0 320 200 XRGB8888')
        close(window)
        front.expect('power')
        check('close again' in server.title(window), f'no hint in {server.title(window)}')
        close(window)
        front.expect('quit')
        front.end()


def title():
    front, window = start()
    with front:
        check('0 MIPS' in server.title(window), server.title(window))
        front.do('paused on')
        deadline = time.monotonic() + 10
        while 'paused' not in server.title(window):
            check(time.monotonic() < deadline, f'not paused: {server.title(window)}')
            time.sleep(0.1)
        front.end()


def console():
    """While the serial console is shown, what is typed is text for it."""
    front, window = start(FRONT_CONSOLE='1')
    with front:
        front.do('mode 0 320 200 XRGB8888')
        same(front, window)
        front.quiet()
        xdo('type', 'aB!')
        front.expect('type 61', 'type 42', 'type 21')
        xdo('key', 'Return', 'key', 'Up', 'key', 'ctrl+c')
        front.expect('type 0d', 'type 1b', 'type 5b', 'type 41', 'type 03')
        xdo('key', 'shift+Prior')
        front.expect('scroll 20')
        front.do('mode 1 320 240 XRGB8888')
        same(front, window)
        front.quiet()
        xdo('key', 'a')
        front.expect('key 30 1', 'key 30 0')
        front.end()


def no_screen():
    """Without a screen there is a reason, and no crash; nor a window that nobody sees."""
    import subprocess
    env = {**os.environ, **server.env, 'DISPLAY': ':4242'}
    del env['SDL_VIDEODRIVER'], env['SDL_RENDER_DRIVER'] # as users have it
    p = subprocess.run([program, 'sdl'], env=env, stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL)
    check(p.returncode == 1 and p.stdout.startswith('error '), f'{p.returncode}: {p.stdout}')


try:
    main(pictures, another_display, scaled, keys, nothing_sticks, tablet, mouse, resize, closing, title, console,
         no_screen)
finally:
    server.stop()
