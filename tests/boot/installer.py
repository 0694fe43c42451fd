#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Debian installer's netboot image, text form: booted directly as far as the language menu; and as on a
network that has such a thing, EDK2 by PXE, GRUB by TFTP, the installer to the point where it needs a mirror.

There is none: what answers is an HTTP server on the host's loopback that has nothing. The installer has its
address and name server by DHCP then, has asked for the release file there, and says that the mirror is bad.
"""
import glob, http.server, os, shlex, subprocess, sys, threading
from guest import CTRL_A, ROOT, Guest, armlet, check, main

PACKAGE = 'debian-installer-12-netboot-arm64'
EDK2 = '/usr/share/qemu-efi-aarch64/QEMU_EFI.fd'
THERE = 'debian-installer/arm64'
ANSWERS = {  # instead of dialogs
    'priority': 'critical', 'debian-installer/locale': 'en_US', 'keyboard-configuration/xkb-keymap': 'us',
    'netcfg/get_hostname': 'armlet', 'netcfg/get_domain': 'test', 'mirror/country': 'manual',
    'mirror/http/directory': '/debian', 'mirror/http/proxy': '',
}


def fetch():
    """The directory that a TFTP server would offer."""
    tree = subprocess.run([ROOT + '/roms/fetch', PACKAGE], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    found = glob.glob(f'{tree}/usr/lib/debian-installer/images/12/arm64/text/{THERE}/linux')
    check(len(found) == 1, f'{PACKAGE} holds no text installer: {found}')
    return found[0][:-len(f'/{THERE}/linux')]


def start(*options):
    more = shlex.split(os.environ.get('ARMLET_TEST_ARGS', ''))
    return Guest([armlet(), *more, '-M', 'virt', '-m', '1G', '-nographic', *options], rows=25, cols=80)


def language_menu():
    directory = f'{fetch()}/{THERE}'
    with start('-kernel', directory + '/linux', '-initrd', directory + '/initrd.gz') as g:
        g.expect('Select a language', 600)
        g.expect('English', 60)
        g.type(CTRL_A + 'x')
        check(g.wait() == 0, 'Ctrl-A x')


class Mirror:
    """Has nothing and remembers what it was asked for."""

    def __init__(self):
        self.asked = asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append(self.path)
                self.send_error(404)

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, daemon=True).start()


def from_the_network():
    directory, mirror = fetch(), Mirror()
    answers = dict(ANSWERS, **{'mirror/http/hostname': f'10.0.2.2:{mirror.port}'})
    with start('-bios', EDK2, '-nic', f'user,tftp={directory},bootfile={THERE}/bootnetaa64.efi') as g:
        g.expect('NBP file downloaded successfully', 300)
        g.expect('Graphical install', 120)
        g.type('c')
        g.expect('grub> ', 60)
        g.type(f'linux /{THERE}/linux {" ".join(f"{k}={v}" for k, v in answers.items())} --- console=ttyAMA0\r')
        g.expect('grub> ', 300)
        g.type(f'initrd /{THERE}/initrd.gz\r')
        g.expect('grub> ', 900)
        g.type('boot\r')
        g.expect('EFI stub: Booting Linux Kernel', 60)
        g.expect('Bad archive mirror', 600)
        check(f'/debian/dists/bookworm/Release' in mirror.asked, f'the mirror was asked for {mirror.asked}')
        g.type(CTRL_A + 'x')
        check(g.wait() == 0, 'Ctrl-A x')


if __name__ == '__main__':
    main(language_menu, *([from_the_network] if os.path.exists(EDK2) else []))
