#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Devices that Debian's generic kernel drives: shared folders, ports of virtio-serial, the balloon, and
a network between two machines.
"""
import hashlib, os, random, re, shutil, tempfile, time
from guest import Failure, Guest, armlet, boot_linux, check, main, PATIENCE

MOUNT = 'mount -t 9p -o trans=virtio,version=9p2000.L'


def start(*args):
    kernel, initrd = boot_linux('--generic')
    g = Guest([armlet(), '-m', '1G', '-nographic', '-kernel', kernel, '-initrd', initrd, '-append',
               'console=ttyAMA0 quiet', *args])
    g.prompt(240)
    return g


def leave(g):
    g.type('poweroff -f\r')
    check(g.wait() == 0, 'status')


def shared_folders():
    top = tempfile.mkdtemp(prefix='armlet-')
    try:
        content = random.Random(2).randbytes(5000000)
        with open(top + '/blob', 'wb') as f:
            f.write(content)
        os.symlink('/etc/hostname', top + '/abs')
        os.symlink('..', top + '/up')
        with start('-share', top, '-share', f'{top},readonly=on,tag=ro') as g:
            g.run(f'mkdir /s /r; {MOUNT} share /s; {MOUNT} ro /r')
            check(hashlib.sha256(content).hexdigest() in g.run('sha256sum /s/blob'), 'read')
            g.run('cp /s/blob /s/copy; mkdir /s/d; mv /s/copy /s/d/moved; sync')
            check(hashlib.sha256(content).hexdigest() in g.run('sha256sum /s/d/moved'), 'written and read')
            with open(top + '/d/moved', 'rb') as f:
                check(f.read() == content, 'what the host sees')
            g.run('cd /s/d; for i in $(seq 200); do echo $i >f$i; done; cd /')
            check(sorted(os.listdir(top + '/d')) == sorted(['moved'] + [f'f{i}' for i in range(1, 201)]), 'names')
            check('\n201' in g.run('ls /s/d | wc -l'), 'the same in the guest')
            g.run('rm -r /s/d; chmod 4750 /s/blob; ln /s/blob /s/hard; truncate -s 100 /s/hard')
            st = os.stat(top + '/blob')
            check((st.st_mode & 0o7777, st.st_nlink, st.st_size) == (0o750, 2, 100), f'attributes: {st}')
            # A link leads where it leads in the guest.
            check('armlet' not in g.run('echo guest >/etc/hostname; cat /s/abs; ls /s/up/ | head -3'), 'a link got out')
            check('guest' in g.run('cat /s/abs'), 'an absolute link')
            g.run('! touch /r/new 2>/dev/null && ! rm /r/blob 2>/dev/null && cat /r/blob >/dev/null')
            g.run('! mknod /s/null c 1 3 2>/dev/null && umount /s && umount /r')
            leave(g)
    finally:
        shutil.rmtree(top)


def ports():
    top = tempfile.mkdtemp(prefix='armlet-')
    try:
        with start('-chardev', f'file,id=a,path={top}/a', '-chardev', f'file,id=b,path={top}/b',
                   '-device', 'virtio-serial-device', '-device', 'virtconsole,chardev=a',
                   '-device', 'virtserialport,chardev=b,name=org.armlet.port') as g:
            check('org.armlet.port' in g.run('cat /sys/class/virtio-ports/vport*p1/name'), 'name')
            g.run('echo to the console >/dev/hvc0; seq 20000 >/dev/vport0p1 || seq 20000 >/dev/vport1p1')
            leave(g)
        with open(top + '/a') as f:
            check('to the console' in f.read(), 'console')
        with open(top + '/b') as f:
            check(f.read().split() == [str(i) for i in range(1, 20001)], 'port')
    finally:
        shutil.rmtree(top)


def resident(pid):
    with open(f'/proc/{pid}/status') as f:
        return int(re.search(r'VmRSS:\s+(\d+)', f.read())[1]) // 1024


def balloon():
    with start('-device', 'virtio-balloon-device') as g:
        g.run('mount -o remount,size=700m /tmp')
        g.run('dd if=/dev/zero of=/tmp/big bs=1M count=400', 240) # zeros are memory like any other
        full = resident(g.process.pid)
        check(full > 400, f'{full} MiB resident with 400 MiB in use')
        g.run('rm /tmp/big')
        deadline = time.monotonic() + 30 * PATIENCE
        while resident(g.process.pid) > full - 300:
            if time.monotonic() > deadline:
                raise Failure(f'{full} MiB resident before, {resident(g.process.pid)} after')
            time.sleep(0.5)
        leave(g)


def display():
    """Its modules are loaded only where one is plugged in; a guest that draws needs no heartbeat."""
    with start('-device', 'virtio-keyboard-device') as g:
        check('drm' not in g.run('lsmod'), 'the modules of a display that is not there')
        g.run('grep -q virtio-keyboard /proc/bus/input/devices')
        leave(g)
    with start('-device', 'virtio-gpu-device') as g:
        g.run('grep -q virtio_gpu /proc/fb')
        leave(g)
    kernel, initrd = boot_linux('--generic')
    with Guest([armlet(), '-m', '1G', '-kernel', kernel, '-initrd', initrd, '-append', 'console=tty0', '-device', 'virtio-gpu-device',
                '-display', 'none', '-timeout', str(int(15 * PATIENCE))]) as g:
        check(g.wait() == 5, f'status: {g.text[-300:]}')
        seconds = [int(n) for n in re.findall('nothing on the console yet: (\\d+) s', g.text)]
        # None at all where the guest draws before the first is due.
        check(not seconds or max(seconds) < 14 * PATIENCE, f'the heartbeat goes on: {seconds}')


def two_machines():
    top = tempfile.mkdtemp(prefix='armlet-')
    wire = f'stream,addr.type=unix,addr.path={top}/wire'
    try:
        with start('-nic', wire + ',server=on') as a, start('-nic', wire + ',mac=52:54:00:00:00:02') as b:
            # The machines' own DHCP gives up; addresses by hand.
            for n, g in enumerate((a, b), 1):
                g.run(f'killall udhcpc; ip addr flush dev eth0; ip addr add 192.168.7.{n}/24 dev eth0')
            check('0% packet loss' in a.run('ping -c 3 192.168.7.2'), 'ping')
            b.run('mkdir /tmp/w; seq 200000 >/tmp/w/f; httpd -p 80 -h /tmp/w')
            check('\n200000' in a.run('wget -q -O - http://192.168.7.2/f | tail -1', 120), 'TCP')
            leave(a)
            leave(b)
    finally:
        shutil.rmtree(top)


if __name__ == '__main__':
    main(shared_folders, ports, balloon, display, two_machines)
