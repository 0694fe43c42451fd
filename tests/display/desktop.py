#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""desktop.py: a Debian guest with an X server and xterm. Run by itself it makes the disk.

The disk is made once, in $ARMLET_CACHE/guest/desktop (mmdebstrap, as root, 200 MB of packages that are unpacked, not
installed: foreign maintainer scripts are never run). Nothing is written to it: armlet runs with -snapshot.
"""
import glob, gzip, os, shutil, subprocess, sys, tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, HERE + '/../boot']
from guest import Failure, Guest, armlet  # noqa: E402
from qmp import Client  # noqa: E402

CACHE = os.environ.get('ARMLET_CACHE') or os.environ.get('XDG_CACHE_HOME', os.path.expanduser('~/.cache')) + '/armlet'
DIR = CACHE + '/guest/desktop'
PACKAGES = ('linux-image-arm64 busybox-static bash coreutils grep sed procps kmod udev xserver-xorg '
            'xserver-xorg-input-libinput xterm x11-xserver-utils').split()
MODULES = 'virtio_ring virtio virtio_mmio virtio_blk crc16 mbcache jbd2 crc32c_generic libcrc32c ext4'.split()
HOST_PACKAGES = 'mmdebstrap e2fsprogs kmod cpio'
# What X draws through: the kernel's mode setting, or a framebuffer that it knows nothing more of.
CARDS = {'virtio-gpu': ('virtio-gpu-device', 'modesetting'),
         'simple-framebuffer': ('simple-framebuffer,xres=1280,yres=800', 'fbdev')}
XORG_CONF = '''Section "Module"
    Disable "glx"
EndSection
Section "Device"
    Identifier "card"
    Driver "{driver}"
    Option "AccelMethod" "none"
EndSection
'''
SKIP = 77


def is_made():
    return os.path.exists(DIR + '/disk.img')


def finish(tree):
    """What maintainer scripts would have done, as far as it is needed."""
    os.makedirs(tree + '/root', exist_ok=True)
    if not os.path.lexists(tree + '/bin/sh'):
        os.symlink('bash', tree + '/bin/sh')
    with open(tree + '/etc/passwd', 'w') as f:
        f.write('root:x:0:0:root:/root:/bin/bash\n')
    with open(tree + '/etc/group', 'w') as f:
        names = 'root tty disk lp kmem dialout cdrom audio video input sgx kvm render tape utmp'.split()
        f.writelines(f'{name}:x:{n}:\n' for n, name in enumerate(names))
    for card, (_, driver) in CARDS.items():
        with open(f'{tree}/etc/xorg-{card}.conf', 'w') as f:
            f.write(XORG_CONF.format(driver=driver))
    shutil.copy(HERE + '/desktop_init', tree)
    os.chmod(tree + '/desktop_init', 0o755)
    subprocess.run(['depmod', '-b', tree, os.listdir(tree + '/lib/modules')[0]], check=True)


def make_initrd(tree, path):
    with tempfile.TemporaryDirectory() as d:
        os.makedirs(d + '/bin')
        os.makedirs(d + '/modules')
        shutil.copy(tree + '/bin/busybox', d + '/bin')
        shutil.copy(HERE + '/desktop_init', d + '/init')
        os.chmod(d + '/init', 0o755)
        with open(d + '/modules/order', 'w') as order:
            for m in MODULES:
                for file in glob.glob(f'{tree}/lib/modules/**/{m}.ko', recursive=True)[:1]:
                    shutil.copy(file, d + '/modules')
                    order.write(m + '\n')
        names = subprocess.run(['find', '.'], cwd=d, check=True, stdout=subprocess.PIPE).stdout
        packed = subprocess.run(['cpio', '-o', '-H', 'newc', '-R', '0:0', '--quiet'], cwd=d, input=names, check=True,
                                stdout=subprocess.PIPE).stdout
        with open(path, 'wb') as f:
            f.write(gzip.compress(packed, 1))


def make_disk():
    """Kernel, initial ram disk and disk in DIR (remove the folder to have them made again). False: it cannot be done."""
    if is_made():
        return True
    missing = [p for p in ('mmdebstrap', 'mke2fs', 'depmod', 'cpio') if not shutil.which(p)]
    if missing or os.geteuid():
        print(f'no desktop guest: it takes root and {HOST_PACKAGES} to make one')
        return False
    os.makedirs(DIR, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=DIR) as work:
        tree = work + '/tree'
        print('desktop: unpacking Debian packages for arm64 (mmdebstrap)', flush=True)
        subprocess.run(['mmdebstrap', '--quiet', '--variant=extract', '--architectures=arm64',
                        '--include=' + ','.join(PACKAGES), 'bookworm', tree], check=True)
        make_images(tree)
    return True


def make_images(tree):
    finish(tree)
    shutil.copy(glob.glob(tree + '/boot/vmlinuz-*')[0], DIR + '/vmlinuz')
    make_initrd(tree, DIR + '/initrd.gz')
    subprocess.run(['mke2fs', '-q', '-F', '-t', 'ext4', '-d', tree, DIR + '/disk.img.part', '1500M'], check=True)
    os.rename(DIR + '/disk.img.part', DIR + '/disk.img')


class Desktop(Guest):
    """The guest, a shell on its UART; `path` is the control socket's."""
    def __init__(self, server, card, *options, display='sdl'):
        self.dir = tempfile.TemporaryDirectory()
        self.path = self.dir.name + '/qmp'
        self.card = card
        super().__init__([armlet(), '-M', 'virt', '-m', '1G', '-kernel', DIR + '/vmlinuz', '-initrd', DIR + '/initrd.gz',
                          '-append', 'console=tty0 console=ttyAMA0 quiet', '-snapshot', '-drive',
                          f'file={DIR}/disk.img,format=raw', '-device', CARDS[card][0], '-device', 'virtio-keyboard-device',
                          '-device', 'virtio-tablet-device', '-serial', 'stdio', '-nic', 'none', '-name', 'desktop', '-display',
                          display, '-qmp', 'unix:' + self.path, *options], cols=200, env=server.env if server else None)
        m = self.expect('desktop: .*|Kernel panic', 300)
        if 'panic' in m[0]:
            self._fail('no system')
        self.prompt(30)

    def client(self):
        return Client(self.path)

    def start_x(self):
        """The X server, and xterm with a shell that has the keyboard."""
        self.run(f'Xorg :0 vt7 -ac -noreset -nolisten tcp -config xorg-{self.card}.conf -logfile /tmp/xorg.log >/tmp/xorg.out 2>&1 &\n'
                 'i=0; until xrandr >/tmp/modes 2>&1 || [ $i -gt 240 ]; do sleep 0.5; i=$((i + 1)); done; cat /tmp/modes', 300)
        if 'current' not in self.text[-4000:]:
            raise Failure('X does not start: ' + self.run('tail -n 40 /tmp/xorg.log'))
        self.run('xsetroot -solid "#204060"; xterm -geometry 80x24+40+60 >/tmp/xterm.log 2>&1 &\n'
                 'i=0; until pidof xterm >/dev/null || [ $i -gt 60 ]; do sleep 0.5; i=$((i + 1)); done', 120)


if __name__ == '__main__':
    sys.exit(0 if make_disk() else SKIP)
