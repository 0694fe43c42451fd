#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole Debian through EDK2, GRUB and systemd, from the disk that ./boot-linux --debian makes.

Not part of the usual suites: the first time it fetches packages and does the disk's first start.
What the guest writes is forgotten, so that each run starts alike. $DEBIAN_DISK names another disk
made that way, $DEBIAN_REBOOTS says how often it is rebooted (3).
"""
import os, re, signal, subprocess, tempfile
from guest import PATIENCE, ROOT, Guest, armlet, check, main

DISK = os.environ.get('DEBIAN_DISK', os.path.expanduser('~/.cache/armlet/debian/debian.img'))
REBOOTS = int(os.environ.get('DEBIAN_REBOOTS', '3'))
PROMPT = r'root@armlet:~# $'


def make_disk():
    if os.path.exists(DISK) and not os.path.exists(DISK + '.first'):
        return
    subprocess.run([ROOT + '/boot-linux', '--debian', '--disk', DISK, '--', '-print-config'],
                   env=dict(os.environ, ARMLET=armlet()), check=True, stdout=subprocess.DEVNULL)


def start():
    return Guest([armlet(), '-m', '1G', '-snapshot', DISK])


def log_in(guest, seconds=600):
    guest.expect('armlet login: ', seconds)
    guest.type('root\r')
    guest.expect(PROMPT, 120)


def run(guest, command, seconds=120):
    """What a command prints; the shell is bash on a getty's terminal."""
    guest.type(f'{command}; echo "<$?>"\r')
    start = guest.seen
    m = guest.expect(r'[\n\r]<(\d+)>', seconds)
    text = guest.text[start:m.start()]
    guest.expect(PROMPT, 60)
    return int(m[1]), re.sub(r'\x1b\[[0-9;?]*[a-zA-Z]', '', text)


def boots_through_grub():
    with start() as guest:
        guest.expect('GNU GRUB|Welcome to GRUB', 120)
        guest.expect('EFI stub: Booting Linux Kernel', 120)
        log_in(guest)
        status, text = run(guest, 'systemctl is-system-running --wait', 600)
        if 'running' not in text:
            failed = run(guest, 'systemctl --failed --no-legend --plain')[1]
            check('degraded' in text, f'the system is {text!r}: {failed}')
            print(f'degraded: {failed}')
        check(run(guest, 'test -d /sys/firmware/efi && grep -q efivarfs /proc/filesystems')[0] == 0, 'no EFI')
        check(run(guest, 'systemctl is-active ssh')[0] == 0, 'sshd is not running')
        check(run(guest, 'dpkg --audit')[1].strip().endswith('dpkg --audit; echo "<$?>"'), 'packages are half installed')
        # The power key, as SIGTERM presses it.
        guest.process.send_signal(signal.SIGTERM)
        guest.expect('reboot: Power down', 300)
        check(guest.wait(60) == 0, 'not a clean power-off')


def ssh_from_the_host():
    """The network that the short way adds: DHCP in the guest, its ssh on a port of the host's."""
    with tempfile.TemporaryDirectory() as directory, start() as guest:
        port = guest.expect(r'ssh -p (\d+) root@127.0.0.1', 30)[1]
        key = directory + '/key'
        subprocess.run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', key], check=True)
        with open(key + '.pub') as f:
            public = f.read().strip()
        log_in(guest)
        check(run(guest, '/usr/lib/systemd/systemd-networkd-wait-online --timeout=60')[0] == 0, 'no network')
        run(guest, f'echo "{public}" >> .ssh/authorized_keys')
        p = subprocess.run(['ssh', '-p', port, '-i', key, '-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null',
                            '-o', 'BatchMode=yes', 'root@127.0.0.1', 'uname -m; systemctl is-system-running'],
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120 * PATIENCE)
        check(p.stdout.startswith('aarch64'), f'ssh: status {p.returncode}: {p.stdout!r} {p.stderr!r}')
        guest.process.send_signal(signal.SIGTERM)
        check(guest.wait(300) == 0, 'not a clean power-off')


def reboots_without_growth():
    sizes = []
    with start() as guest:
        for n in range(REBOOTS + 1):
            log_in(guest)
            with open(f'/proc/{guest.process.pid}/status') as f:
                sizes.append(int(re.search(r'VmRSS:\s+(\d+)', f.read())[1]) >> 10)
            guest.type('reboot\r' if n < REBOOTS else 'poweroff\r')
        check(guest.wait(300) == 0, 'poweroff')
    print('MiB of the process at each login:', *sizes)
    check(sizes[-1] <= sizes[1 if REBOOTS else 0] * 1.1 + 32, f'it grows: {sizes} MiB')


if __name__ == '__main__':
    make_disk()
    main(boots_through_grub, ssh_from_the_host, reboots_without_growth)
