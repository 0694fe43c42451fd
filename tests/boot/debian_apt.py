#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian on a qcow2 disk that keeps what it writes: apt installs from a mirror on the host's loopback,
scp copies files both ways, the power key ends it cleanly, the image passes qemu-img's check and the next
start finds everything.

The disk is a qcow2 copy of the one that ./boot-linux --debian makes (see debian.py). The mirror is a few of
Debian's packages, one with dependencies, behind an HTTP server. $SCP_MEGABYTES is the size of what is copied
(100).
"""
import functools, hashlib, http.server, os, random, re, signal, subprocess, tempfile, threading
from guest import PATIENCE, ROOT, Guest, armlet, check, main
from debian import DISK, log_in, make_disk, run

PACKAGES = 'hello', 'jq', 'libjq1', 'libonig5'
MEGABYTES = int(os.environ.get('SCP_MEGABYTES', '100'))


def tool(*command, seconds=None):
    p = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                       timeout=seconds)
    check(p.returncode == 0, f'{" ".join(command)}: status {p.returncode}: {p.stdout}')
    return p.stdout


def digest(path):
    with open(path, 'rb') as f:
        return hashlib.file_digest(f, 'sha256').hexdigest()


def make_mirror(directory):
    """A flat repository: the packages, their descriptions, and a Release file with the hash of those."""
    descriptions = []
    paths = tool(ROOT + '/roms/fetch', '--deb', *PACKAGES).split('\n')
    for path in filter(lambda p: p.endswith('.deb'), paths):
        name = os.path.basename(path)
        os.symlink(path, f'{directory}/{name}')
        text = tool('dpkg-deb', '-f', path).strip()
        descriptions.append(f'{text}\nFilename: ./{name}\nSize: {os.path.getsize(path)}\nSHA256: {digest(path)}\n')
    check(len(descriptions) == len(PACKAGES), f'the packages {paths}')
    with open(directory + '/Packages', 'w') as f:
        f.write('\n'.join(descriptions))
    with open(directory + '/Release', 'w') as f:
        f.write(f'Suite: test\nArchitectures: arm64\nDate: Thu, 01 Jan 2026 00:00:00 UTC\nSHA256:\n '
                f'{digest(directory + "/Packages")} {os.path.getsize(directory + "/Packages")} Packages\n')


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def serve(directory):
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), functools.partial(Quiet, directory=directory))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


class Ssh:
    """A key of its own, and the forwarded port that armlet names."""

    def __init__(self, directory):
        self.key = directory + '/key'
        tool('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', self.key)
        self.options = ['-i', self.key, '-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null',
                        '-o', 'BatchMode=yes', '-o', 'LogLevel=ERROR']

    def let_in(self, guest):
        with open(self.key + '.pub') as f:
            check(run(guest, f'echo "{f.read().strip()}" >>.ssh/authorized_keys')[0] == 0, 'authorized_keys')

    def scp(self, port, source, target):
        tool('scp', '-P', port, *self.options, source, target, seconds=600 * PATIENCE)

    def run(self, port, command):
        return tool('ssh', '-p', port, *self.options, 'root@127.0.0.1', command, seconds=300 * PATIENCE)


def start(disk):
    guest = Guest([armlet(), '-m', '1G', disk])
    port = guest.expect(r'ssh -p (\d+) root@127.0.0.1', 30)[1]
    log_in(guest)
    return guest, port


def install(guest, mirror):
    """Only from the mirror; it is not signed, which is said where it is named."""
    run(guest, f'echo "deb [trusted=yes] http://10.0.2.2:{mirror}/ ./" >/etc/apt/sources.list')
    status, text = run(guest, 'apt-get -q update', 300)
    check(status == 0, f'apt-get update: {text}')
    status, text = run(guest, 'DEBIAN_FRONTEND=noninteractive apt-get -q install -y hello jq', 600)
    check(status == 0 and 'Setting up libonig5' in text, f'apt-get install: status {status}: {text}')
    installed(guest)


def installed(guest):
    status, text = run(guest, 'hello; echo \'{"a": [1, 41]}\' | jq -c ".a | add"')
    check('Hello, world!' in text and '42' in text, f'hello and jq: {status}: {text}')
    status, text = run(guest, 'dpkg --audit && dpkg -V hello jq libjq1 libonig5')
    check(status == 0, f'dpkg: {text}')


def copy_both_ways(ssh, port, directory):
    blob, back = directory + '/blob', directory + '/back'
    with open(blob, 'wb') as f:
        f.write(random.Random(5).randbytes(MEGABYTES * 1000000))
    ssh.scp(port, blob, 'root@127.0.0.1:/root/blob')
    check(digest(blob) in ssh.run(port, 'sha256sum blob'), 'the copy in the guest differs')
    ssh.scp(port, 'root@127.0.0.1:/root/blob', back)
    check(digest(blob) == digest(back), 'the copy that came back differs')


def press_power_key(guest):
    guest.process.send_signal(signal.SIGTERM)
    guest.expect('reboot: Power down', 300)
    check(guest.wait(60) == 0, 'not a clean power-off')


def check_image(disk):
    check(re.search('No errors were found', tool('qemu-img', 'check', disk)), 'qemu-img check')
    tool(armlet(), 'disk', 'check', disk)


def apt_and_scp_on_qcow2():
    with tempfile.TemporaryDirectory(dir='/var/tmp', prefix='armlet-') as directory:
        disk, mirror = directory + '/debian.qcow2', directory + '/mirror'
        tool(armlet(), 'disk', 'convert', '-O', 'qcow2', DISK, disk)
        os.mkdir(mirror)
        make_mirror(mirror)
        port_of_mirror, ssh = serve(mirror), Ssh(directory)
        guest, port = start(disk)
        with guest:
            check(run(guest, '/usr/lib/systemd/systemd-networkd-wait-online --timeout=60')[0] == 0, 'no network')
            install(guest, port_of_mirror)
            ssh.let_in(guest)
            copy_both_ways(ssh, port, directory)
            press_power_key(guest)
        check_image(disk)
        guest, port = start(disk)
        with guest:
            installed(guest)
            check(digest(directory + '/blob') in run(guest, 'sha256sum blob')[1], 'the file is not what it was')
            check(run(guest, 'journalctl -b -k | grep -i "recovery complete"')[0] == 1, 'the journal had to be replayed')
            press_power_key(guest)
        check_image(disk)


if __name__ == '__main__':
    make_disk()
    main(apt_and_scp_on_qcow2)
