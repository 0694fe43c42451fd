#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Debian installer's netboot kernel and initrd (text) come as far as the language menu."""
import glob, os, shlex, subprocess
from guest import CTRL_A, ROOT, Guest, armlet, check, main

PACKAGE = 'debian-installer-12-netboot-arm64'


def fetch():
    tree = subprocess.run([ROOT + '/roms/fetch', PACKAGE], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    found = glob.glob(tree + '/usr/lib/debian-installer/images/12/arm64/text/debian-installer/arm64/linux')
    check(len(found) == 1, f'{PACKAGE} holds no text installer: {found}')
    return found[0], os.path.dirname(found[0]) + '/initrd.gz'


def language_menu():
    kernel, initrd = fetch()
    more = shlex.split(os.environ.get('ARMLET_TEST_ARGS', ''))
    with Guest([armlet(), *more, '-M', 'virt', '-m', '1G', '-nographic', '-kernel', kernel, '-initrd', initrd],
               rows=25, cols=80) as g:
        g.expect('Select a language', 600)
        g.expect('English', 60)
        g.type(CTRL_A + 'x')
        check(g.wait() == 0, 'Ctrl-A x')


if __name__ == '__main__':
    main(language_menu)
