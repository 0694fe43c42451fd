# SPDX-License-Identifier: GPL-3.0-or-later
"""What disk, network and programs have in common: a Linux guest on armlet and on QEMU, the programs in it, and
what it costs the host. The guest is Debian's cloud kernel with the initramfs of ./boot-linux, and a
read-only disk of unpacked packages, made once in the cache (mmdebstrap, as root).

QEMU is $QEMU; or the one in $QEMU_TREE, the root of another Debian (default: ~/.cache/armlet-bench/qemu10
where that exists; this needs root); or qemu-system-aarch64.
"""
import os, re, shlex, shutil, statistics, subprocess, sys, zlib

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE + '/../boot')
from guest import Guest, ROOT, armlet, boot_linux

CACHE = os.environ.get('ARMLET_CACHE') or os.environ.get('XDG_CACHE_HOME', os.path.expanduser('~/.cache')) + '/armlet'
PACKAGES = 'coreutils', 'dash', 'fio', 'gcc', 'gzip', 'iperf3', 'libc6-dev', 'openssl', 'python3-minimal', 'sqlite3'
TREE = os.environ.get('QEMU_TREE', os.path.expanduser('~/.cache/armlet-bench/qemu10'))
TICK = os.sysconf('SC_CLK_TCK')


def qemu(options):
    """The command. In another root, with a name space of its own, this host's files are below /mnt."""
    options = ['-cpu', 'max,pauth-impdef=on,sve=off', *options]
    if os.environ.get('QEMU'):
        return [*shlex.split(os.environ['QEMU']), *options]
    if not os.path.exists(TREE + '/usr/bin/qemu-system-aarch64'):
        return ['qemu-system-aarch64', *options]
    script = f'mount --rbind / {TREE}/mnt && exec chroot {TREE} qemu-system-aarch64 "$@"'
    there = [re.sub('^(file=)?/', r'\1/mnt/', o) for o in options]
    return ['unshare', '--mount', 'sh', '-c', script, 'sh', *there]


def machine(who, options):
    """The command that runs 'armlet' ($ARMLET, with $ARMLET_TEST_ARGS) or 'qemu'."""
    return qemu(options) if who == 'qemu' else [armlet(), *shlex.split(os.environ.get('ARMLET_TEST_ARGS', '')), *options]


def programs():
    """The disk with the guest's programs."""
    directory = CACHE + '/guest/figures'
    disk = f'{directory}/programs-{zlib.crc32(" ".join(PACKAGES).encode()):08x}.img'
    if os.path.exists(disk):
        return disk
    for tool in 'mmdebstrap', 'mke2fs':
        if not shutil.which(tool):
            sys.exit(f'{tool} not found: apt-get install mmdebstrap e2fsprogs')
    print(f'making {disk} (mmdebstrap)', file=sys.stderr)
    os.makedirs(directory, exist_ok=True)
    tree = directory + '/tree'
    subprocess.run(['rm', '-rf', '--one-file-system', tree], check=True)
    subprocess.run(['mmdebstrap', '--quiet', '--variant=extract', '--architectures=arm64',
                    '--aptopt=APT::Install-Recommends "false"', '--include=' + ','.join(PACKAGES), 'bookworm', tree],
                   check=True, stdout=subprocess.DEVNULL)
    for name in 'dev', 'proc', 'sys', 'tmp':
        os.makedirs(f'{tree}/{name}', exist_ok=True)
    subprocess.run(['mke2fs', '-q', '-F', '-t', 'ext4', '-d', tree, disk + '.part', '1200M'], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(['rm', '-rf', '--one-file-system', tree], check=True)
    os.rename(disk + '.part', disk)
    return disk


class Emulator(Guest):
    """A guest at its shell, with the programs in /mnt. who is 'armlet' or 'qemu'."""

    def __init__(self, who, *options, programs_mounted=True):
        kernel, initrd = boot_linux()
        options = ['-M', 'virt,gic-version=3', '-m', '1024', '-nographic', '-kernel', kernel, '-initrd', initrd,
                   '-append', 'console=ttyAMA0 quiet', '-drive', f'file={programs()},format=raw,if=none,id=p,readonly=on',
                   '-device', 'virtio-blk-device,drive=p,serial=programs', *options]
        super().__init__(machine(who, options), cols=300)
        self.prompt(120)
        if not programs_mounted:
            return
        self.run('for d in /sys/block/vd?; do [ "$(cat $d/serial)" = programs ] && '
                 'mount -o ro /dev/${d##*/} /mnt; done; mount -t tmpfs tmpfs /mnt/tmp && mount --bind /dev /mnt/dev && '
                 'mount -t proc proc /mnt/proc && mount -t sysfs sysfs /mnt/sys')

    def disk(self, serial):
        """The device of the disk with this serial number."""
        out = self.run(f'for d in /sys/block/vd?; do [ "$(cat $d/serial)" = {serial} ] && echo "=${{d##*/}}"; done; true')
        return '/dev/' + out.split('=')[-1].strip()[:3]

    def cpu(self):
        """Seconds of host CPU time so far: of the emulator, its threads and the processes it has started."""
        ticks = 0
        for pid in filter(str.isdigit, os.listdir('/proc')):
            try:
                with open(f'/proc/{pid}/stat') as f:
                    fields = f.read().rsplit(')', 1)[1].split()
            except OSError:
                continue
            if int(fields[3]) == self.process.pid:  # its session
                ticks += sum(map(int, fields[11:15]))
        return ticks / TICK


def table(title, rows, better, first='QEMU'):
    """rows: {name: {'qemu': [...], 'armlet': [...]}}; prints medians and the ratio armlet / QEMU. better: 'less'
    or 'more' is what one wants of it. Returns the worst ratio."""
    print(f'\n{title} ({better} is better)\n{"":28} {first:>10} {"armlet":>10} {"armlet/" + first:>12}')
    ratios = []
    for name, values in rows.items():
        q, a = (statistics.median(values[w]) for w in ('qemu', 'armlet'))
        ratios.append(a / q if q else float('inf'))
        print(f'{name:28} {q:10.4g} {a:10.4g} {ratios[-1]:12.2f}')
    return max(ratios) if better == 'less' else min(ratios)
