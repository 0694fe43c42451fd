#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""qmp.py ARMLET: the control socket of a whole machine, whose guest prints a letter and then turns in a circle."""
import json, os, signal, socket, stat, struct, subprocess, sys, tempfile, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from front import PATIENCE, check, difference, main, read_ppm

armlet = sys.argv[1] if __name__ == '__main__' else None  # who imports Client has no Machine
# movz x1, #0x900, lsl #16; movz w0, #'A'; strb w0, [x1]; b .
GUEST = struct.pack('<4I', 0xd2a12001, 0x52800820, 0x39000020, 0x14000000)


class Client:
    def __init__(self, path, negotiate=True):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(20 * PATIENCE)
        self.socket.connect(path)
        self.file = self.socket.makefile('r', encoding='utf8', newline='\n')
        self.events = []
        self.greeting = self.read()
        if negotiate and 'QMP' in self.greeting:
            self.do('qmp_capabilities')

    def read(self):
        line = self.file.readline()
        return json.loads(line) if line else None

    def ask(self, command, **arguments):
        request = {'execute': command}
        if arguments:
            request['arguments'] = {k.replace('_', '-'): v for k, v in arguments.items()}
        self.socket.sendall(json.dumps(request).encode())
        while True:
            answer = self.read()
            check(answer is not None, f'{command}: the socket is closed')
            if 'event' not in answer:
                return answer
            self.events.append(answer['event'])

    def do(self, command, **arguments):
        answer = self.ask(command, **arguments)
        check('return' in answer, f'{command}: {answer}')
        return answer['return']

    def rest(self):
        """Events up to the end."""
        lines = []
        while (line := self.read()) is not None:
            lines.append(line)
        return lines


class Machine:
    def __init__(self, *options, wait=True):
        self.dir = tempfile.TemporaryDirectory()
        self.path = self.dir.name + '/qmp'
        with open(self.dir.name + '/guest', 'wb') as f:
            f.write(GUEST)
        self.start(*options, wait=wait)

    def start(self, *options, wait=True):
        self.process = subprocess.Popen([armlet, '-M', 'virt', '-m', '64', '-display', 'none', '-serial', 'null', '-kernel',
                                         self.dir.name + '/guest', '-qmp', f'unix:{self.path},server=on,wait=off', *options],
                                        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 20 * PATIENCE
        while wait:
            try:
                Client(self.path, negotiate=False)
                return
            except OSError:
                check(self.process.poll() is None, 'armlet has ended')
                check(time.monotonic() < deadline, 'no socket')
                time.sleep(0.02)

    def end(self, status=0):
        is_status = self.process.wait(20 * PATIENCE)
        errors = self.process.stderr.read()
        check(is_status == status, f'status {is_status}, not {status}: {errors}')
        return errors

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()
        self.dir.cleanup()


def questions():
    with Machine('-name', 'box') as m:
        check(stat.S_IMODE(os.stat(m.path).st_mode) == 0o600, 'others may connect')
        c = Client(m.path)
        version = c.greeting['QMP']['version']
        check(version == c.do('query-version') and 'armlet' in version['package'], f'{version}')
        check(c.do('query-status') == {'status': 'running', 'running': True, 'singlestep': False}, 'status')
        check(c.do('query-name') == {'name': 'box'}, 'name')
        names = {row['name'] for row in c.do('query-commands')}
        check({'stop', 'cont', 'quit', 'screendump', 'send-key', 'query-stats', 'qmp_capabilities'} <= names, f'{names}')
        while not c.do('query-cpus-fast')[0]['thread-id']:  # it has not begun yet
            time.sleep(0.01)
        cpu, = c.do('query-cpus-fast')
        check(os.path.exists(f'/proc/{m.process.pid}/task/{cpu["thread-id"]}') and cpu['cpu-index'] == 0, f'{cpu}')
        for target in 'vm', 'vcpu':
            row, = c.do('query-stats', target=target)
            values = {s['name']: s['value'] for s in row['stats']}
            check('instructions' in values and 'tb_translated' in values, f'{target}: {values}')
        c.do('quit')
        m.end()
        check(not os.path.exists(m.path), 'the socket is left behind')


def guest_ns(c):
    row, = c.do('query-stats', target='vm')
    return next(s['value'] for s in row['stats'] if s['name'] == 'guest_ns')


def stop_and_cont():
    with Machine() as m:
        c, other = Client(m.path), Client(m.path)
        for n in range(10):
            c.do('stop')
            check(c.do('query-status')['status'] == 'paused', 'not paused')
            a = guest_ns(c)
            time.sleep(0.02)
            check(a == guest_ns(c), 'guest time goes on')
            c.do('stop')  # once is enough
            c.do('cont')
            check(c.do('query-status')['running'], 'not running')
        check(c.events == ['STOP', 'RESUME'] * 10, f'{c.events}')
        other.do('query-name')
        check(other.events == c.events, f'another client heard {other.events}')
        c.do('stop')
        c.do('system_reset')
        c.do('system_powerdown')
        deadline = time.monotonic() + 10 * PATIENCE
        while 'RESET' not in c.events:
            check(c.do('query-status')['status'] == 'paused' and time.monotonic() < deadline, f'{c.events}')
        check(sorted(c.events[-3:]) == ['POWERDOWN', 'RESET', 'STOP'], f'{c.events}')
        c.do('quit')
        m.end()
        last = c.rest()[-1]
        check(last['event'] == 'SHUTDOWN' and last['data'] == {'guest': False, 'reason': 'host-qmp-quit'}, f'{last}')


def idle_while_paused():
    with Machine() as m:
        c = Client(m.path)
        c.do('stop')
        with open(f'/proc/{m.process.pid}/stat') as f:
            a = f.read().split()
        time.sleep(1)
        with open(f'/proc/{m.process.pid}/stat') as f:
            b = f.read().split()
        ticks = int(b[13]) + int(b[14]) - int(a[13]) - int(a[14])
        check(ticks <= 5, f'{ticks} ticks of CPU time in a second of pause')
        c.do('quit')
        m.end()


def many_clients():
    with Machine() as m:
        clients = []
        for n in range(8):
            clients.append(Client(m.path))
        ninth = Client(m.path, negotiate=False)
        check('too many clients' in str(ninth.greeting), f'{ninth.greeting}')
        check(ninth.read() is None, 'the ninth is still there')
        clients.pop().socket.close()
        clients[0].do('stop')
        deadline = time.monotonic() + 10 * PATIENCE
        while True:
            c = Client(m.path, negotiate=False)
            if 'QMP' in c.greeting:
                break
            check(time.monotonic() < deadline, 'a free place is not given away')
        clients[0].do('quit')
        m.end()


def deaf_client():
    """One that sends and never reads does not keep the others from being served, nor grow for ever."""
    with Machine() as m:
        deaf, c = Client(m.path), Client(m.path)
        deaf.socket.setblocking(False)
        sent = 0
        for _ in range(3000):
            try:
                sent += deaf.socket.send(b'{"execute":"query-commands"}' * 100)
            except BlockingIOError:
                c.do('query-name')
        for _ in range(50):
            c.do('stop')
            c.do('cont')
        c.do('quit')
        m.end()
        check(sent < 8000000, f'{sent} bytes were taken')


def no_client_is_trusted():
    with Machine() as m:
        for data in b'\0' * 100000, b'{' * 100000, b'"' * 100000, bytes(range(256)) * 400, b'{"execute":"quit"}', b'':
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(m.path)
                try:
                    s.sendall(data)
                except OSError:
                    pass
        c = Client(m.path)
        check(c.do('query-status')['running'], 'quit without negotiation')
        c.do('quit')
        m.end()


def pictures():
    """screendump and -screenshot show the serial console, where the guest has printed an A."""
    with Machine() as m:
        c = Client(m.path)
        d = m.dir.name
        while guest_ns(c) < 300000000:  # the letter is on the screen
            time.sleep(0.05)
        c.do('stop')
        c.do('screendump', filename=d + '/a.ppm')
        c.do('screendump', filename=d + '/b.ppm', format='ppm', device='console')
        c.do('screendump', filename=d + '/c.png', format='png')
        w, h, rgb = read_ppm(d + '/a.ppm')
        check(not difference((w, h, rgb), read_ppm(d + '/b.ppm')), 'the device makes a difference')
        letter = [''.join('#' if rgb[(y * w + x) * 3] else '.' for x in range(8)) for y in range(16)]
        check(letter[2] == '...##...' and letter[7] == '.######.' and letter[11] == '.#....#.', '\n'.join(letter))
        with open(d + '/c.png', 'rb') as f:
            data = f.read()
        check(data.startswith(b'\x89PNG') and struct.unpack('>II', data[16:24]) == (w, h), 'no PNG')
        for bad in dict(filename='/nowhere/x'), dict(filename=d), dict(filename=d + '/x', format='gif'), \
                dict(filename=d + '/x', device='none'), dict(filename=d + '/x', head=1):
            answer = c.ask('screendump', **bad)
            check('error' in answer, f'{bad}: {answer}')
        c.do('quit')
        m.end()
        m.start('-screenshot', f'0.2:{d}/d.png', '-screenshot', f'1000:{d}/e.png')
        deadline = time.monotonic() + 10 * PATIENCE
        while not os.path.exists(d + '/d.png') or not os.path.getsize(d + '/d.png'):
            check(time.monotonic() < deadline, 'no screenshot')
            time.sleep(0.02)
        c = Client(m.path)
        c.do('quit')
        m.end()
        with open(d + '/d.png', 'rb') as f, open(d + '/e.png', 'rb') as g:
            check(f.read() == g.read() == data, 'another picture')
        m.start('-screenshot', '0:/nowhere/x.png', wait=False) # is said before anything runs
        errors = m.end(1)
        check('/nowhere/x.png: No such file' in errors and errors.count('\n') == 1, errors)
        os.mkdir(d + '/gone')
        m.start('-screenshot', f'1000:{d}/gone/x.png')
        os.rmdir(d + '/gone')
        Client(m.path).do('quit')
        errors = m.end(1)
        check('/gone/x.png' in errors and errors.count('\n') == 1, errors)


def beside_a_debugger():
    """-S waits for cont; what GDB's client holds only it lets go; it is told when others stop the machine."""
    with tempfile.TemporaryDirectory() as d, Machine('-S', '-gdb', f'unix:{d}/gdb') as m:
        c = Client(m.path)
        deadline = time.monotonic() + 10 * PATIENCE
        while c.do('query-status')['running']:  # it has not begun to wait yet
            check(time.monotonic() < deadline, '-S runs')
        c.do('cont')
        check(c.do('query-status')['running'], 'cont does nothing')
        with socket.socket(socket.AF_UNIX) as gdb:
            gdb.settimeout(20 * PATIENCE)
            gdb.connect(d + '/gdb')
            while c.do('query-status')['running']:
                check(time.monotonic() < deadline, 'GDB does not stop it')
            check('error' in c.ask('cont'), 'others may continue it')
            c.do('stop')
            gdb.sendall(b'+$c#63')
            while not c.do('query-status')['running']:
                check(time.monotonic() < deadline, 'GDB does not continue it')
            c.do('stop')
            said = b''
            while b'$T02' not in said:
                more = gdb.recv(4096)
                check(more, f'GDB heard {said}')
                said += more
            gdb.sendall(b'+')
            check('error' in c.ask('cont'), 'others may continue it')
        while not c.do('query-status')['running']:  # the client has gone
            check(time.monotonic() < deadline, 'it stays stopped')
        c.do('stop')
        c.do('system_reset')
        while 'RESET' not in c.events:
            check(not c.do('query-status')['running'] and time.monotonic() < deadline, 'a reset starts it')
        c.do('cont')
        check(c.do('query-status')['running'], 'cont does nothing')
        c.do('quit')
        m.end()


def signals():
    with Machine() as m:
        c = Client(m.path)
        m.process.send_signal(signal.SIGTERM)
        m.end(128 + signal.SIGTERM)
        last = c.rest()[-1]
        check(last['event'] == 'SHUTDOWN' and last['data']['reason'] == 'host-signal', f'{last}')


def on_stdio():
    """The same conversation on pipes. Its end is not the machine's; a reader that has gone harms nobody."""
    with tempfile.TemporaryDirectory() as d:
        with open(d + '/guest', 'wb') as f:
            f.write(GUEST)
        command = [armlet, '-M', 'virt', '-m', '64', '-display', 'none', '-kernel', d + '/guest', '-qmp', 'stdio']
        p = subprocess.run(command, input='{"execute":"qmp_capabilities"}\n{"execute":"query-status"} {"execute":"quit"}',
                           stdout=subprocess.PIPE, text=True, timeout=20 * PATIENCE)
        lines = [json.loads(line) for line in p.stdout.splitlines()]
        check('QMP' in lines[0] and lines[2]['return']['running'] and lines[3] == {'return': {}}, f'{lines}')
        check(p.returncode == 0, f'status {p.returncode}')
        p = subprocess.Popen([*command, '-qmp', 'none', '-timeout', '1'], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        p.stdout.close()
        p.stdin.write(b'{"execute":"qmp_capabilities"}')
        p.stdin.close()
        check(p.wait(20 * PATIENCE) == 5, f'status {p.returncode}: the machine does not outlive its client')


def by_mon():
    """QEMU's long way of saying -qmp."""
    with tempfile.TemporaryDirectory() as d:
        with open(d + '/guest', 'wb') as f:
            f.write(GUEST)
        p = subprocess.Popen([armlet, '-m', '64', '-display', 'none', '-serial', 'null', '-kernel', d + '/guest', '-chardev',
                              f'socket,id=q,path={d}/q,server=on,wait=off', '-mon', 'chardev=q,mode=control'],
                             stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + 20 * PATIENCE
        while not os.path.exists(d + '/q'):
            check(p.poll() is None and time.monotonic() < deadline, 'no socket')
            time.sleep(0.02)
        time.sleep(0.1)  # bound, but perhaps not listening yet
        Client(d + '/q').do('quit')
        check(p.wait(20 * PATIENCE) == 0, f'status {p.returncode}')


def the_socket():
    with Machine() as m:
        second = subprocess.run(m.process.args, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        check(second.returncode == 1 and m.path in second.stderr and second.stderr.count('\n') == 1, f'{second}')
        Client(m.path).do('query-name')
        m.process.kill()  # leaves the socket
        m.process.wait()
        check(os.path.exists(m.path), 'no socket to be left')
        m.start()
        Client(m.path).do('quit')
        m.end()
        with open(m.path, 'w') as f:
            f.write('a file')
        m.start(wait=False)
        check(m.path in m.end(1), 'no name')
        with open(m.path) as f:
            check(f.read() == 'a file', 'the file is gone')


if __name__ == '__main__':
    main(questions, on_stdio, by_mon, stop_and_cont, idle_while_paused, many_clients, deaf_client, no_client_is_trusted, pictures,
         beside_a_debugger, signals, the_socket)
