#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A guest on the user network: address by DHCP, ping, TCP and UDP both ways, a large file with its
checksum, many short connections through a forwarded port. Everything on loopback.
"""
import hashlib, os, random, socket, threading
from guest import ROOT, Failure, Guest, armlet, boot_linux, check, main

MEGABYTES = int(os.environ.get('NETWORK_MEGABYTES', '20'))
CONNECTIONS = int(os.environ.get('NETWORK_CONNECTIONS', '300'))


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


class Server:
    """HTTP enough for wget: serves `content` to everybody on loopback."""

    def __init__(self, content):
        self.content = content
        self.socket = socket.create_server(('127.0.0.1', 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            c, _ = self.socket.accept()
            threading.Thread(target=self.serve, args=(c,), daemon=True).start()

    def serve(self, c):
        with c:
            request = b''
            while b'\r\n\r\n' not in request:
                part = c.recv(4096)
                if not part:
                    return
                request += part
            c.sendall(b'HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n' % len(self.content) + self.content)


def tftp_once(s):
    """Answers a read request with the one block that its file has."""
    request, peer = s.recvfrom(1000)
    s.sendto(b'\0\3\0\1' + b'in a datagram: ' + request[2:].split(b'\0')[0] + b'\n', peer)


def fetch(port, path):
    """What the guest's httpd has at path."""
    with socket.create_connection(('127.0.0.1', port), 60) as s:
        s.sendall(f'GET {path} HTTP/1.0\r\n\r\n'.encode())
        parts = []
        while part := s.recv(1 << 20):
            parts.append(part)
    head, _, body = b''.join(parts).partition(b'\r\n\r\n')
    check(b'200 OK' in head, f'{path}: {head[:100]}')
    return body


def host_to_guest(g, content):
    server = Server(content)
    g.run(f'wget -q -O /tmp/w/blob http://10.0.2.2:{server.port}/', 300)
    out = g.run('sha256sum /tmp/w/blob', 300)
    check(hashlib.sha256(content).hexdigest() in out, f'{MEGABYTES} MB to the guest: {out!r}')


def guest_to_host(g, port, content):
    body = fetch(port, '/blob')
    check(body == content, f'{MEGABYTES} MB from the guest: {len(body)} bytes, or other ones')


def short_connections(g, port):
    for n in range(CONNECTIONS):
        try:
            body = fetch(port, '/small')
        except OSError as e:
            raise Failure(f'connection {n}: {e}')
        check(body == b'small\n', f'connection {n}: {body!r}')


def datagram(g):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(('127.0.0.1', 0))
        s.settimeout(30)
        threading.Thread(target=tftp_once, args=(s,), daemon=True).start()
        out = g.run(f'tftp -g -r name -l /tmp/t 10.0.2.2 {s.getsockname()[1]} && cat /tmp/t')
        check('in a datagram: name' in out, f'UDP: {out!r}')


def network():
    kernel, initrd = boot_linux()
    port = free_port()
    content = random.Random(1).randbytes(MEGABYTES * 1000000)
    with Guest([armlet(), '-m', '1G', '-nographic', '-kernel', kernel, '-initrd', initrd, '-append',
                'console=ttyAMA0', '-nic', f'user,hostfwd=tcp::{port}-:80']) as g:
        g.prompt()
        g.run('n=0; until ip addr show eth0 | grep -q 10.0.2.15; do sleep 1; n=$((n + 1)); [ $n -lt 30 ] || break; done')
        check('10.0.2.15' in g.run('ip addr show eth0'), 'no address by DHCP')
        check('0% packet loss' in g.run('ping -c 3 10.0.2.2'), 'ping')
        check('0% packet loss' in g.run('sleep 2; ping6 -c 2 fec0::2'), 'ping6')
        datagram(g)
        g.run('mkdir /tmp/w; echo small >/tmp/w/small; httpd -p 80 -h /tmp/w')
        host_to_guest(g, content)
        guest_to_host(g, port, content)
        short_connections(g, port)
        check('0% packet loss' in g.run('ping -c 1 10.0.2.2'), 'ping at the end')
        g.type('poweroff -f\r')
        check(g.wait() == 0, 'status')


if __name__ == '__main__':
    main(network)
