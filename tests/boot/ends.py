#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""How runs end: --timeout, --expect, panics, the power key, semihosting, the test device, reset after
reset; and the heartbeat line before the guest speaks. Programs of a few words instead of systems."""
import os, re, signal, struct, subprocess, tempfile, time
from guest import PATIENCE, Guest, armlet, check, main

HERE = tempfile.TemporaryDirectory(dir='/var/tmp')


def words(*code):
    return struct.pack(f'<{len(code)}I', *code)


def text_at(words_before, text):
    """Code that prints text on the UART and goes on behind it; adr needs the distance."""
    data = text.encode() + b'\0'
    data += bytes(-len(data) % 4)
    return words(0x10000000 | 7 << 5 | 1,   # adr  x1, text
                 0xd2a12002,                # mov  x2, #0x09000000
                 0x38401423,                # 1: ldrb w3, [x1], #1
                 0x34000063,                # cbz  w3, 2f
                 0xb9000043,                # str  w3, [x2]
                 0x17fffffd,                # b    1b
                 0x14000000 | 1 + len(data) // 4) + data  # 2: b over the text


OFF = words(0x52b08000, 0x72800100, 0xd4000002, 0x14000000)    # PSCI SYSTEM_OFF
RESET = words(0x52b08000, 0x72800120, 0xd4000002, 0x14000000)  # PSCI SYSTEM_RESET
FOREVER = words(0x14000000)


def program(name, code):
    path = os.path.join(HERE.name, name)
    with open(path, 'wb') as f:
        f.write(code)
    return path


def run(want, code, *args, err=''):
    path = program('program', code)
    p = subprocess.run([armlet(), '-nographic', '-kernel', path, *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, text=True, timeout=60 * PATIENCE)
    check(p.returncode == want, f'{args}: status {p.returncode}, not {want}: {p.stdout!r} {p.stderr!r}')
    check(err in p.stderr, f'{args}: stderr is {p.stderr!r}, without {err!r}')
    return p.stdout


def hello(text):
    return text_at(0, text)


def timeout():
    start = time.monotonic()
    run(5, FOREVER, '-timeout', '1', err='has not finished after 1 second')
    check(time.monotonic() - start >= 1, 'it left early')
    run(0, OFF, '-timeout', '60')
    run(4, hello('Kernel panic - not syncing: test\n') + FOREVER, '-timeout', '1')


def expect():
    run(0, hello('one\ntwo three\n') + FOREVER, '-expect', '^two')
    run(0, hello('login: ') + FOREVER, '-expect', 'login:')  # no end of line
    run(6, hello('one\n') + OFF, '-expect', 'two')
    run(6, hello('one\n') + RESET, '-expect', 'two', '-no-reboot')
    run(5, hello('one\n') + FOREVER, '-expect', 'two', '-timeout', '1')
    run(0, hello('x' * 3000 + 'end\n') + FOREVER, '-expect', 'xend$')


def resets_and_panics():
    run(3, RESET, '-no-reboot')
    run(3, hello('no kernel panics here\n') + RESET, '-no-reboot')
    run(4, hello('[    1.0] Kernel panic - not syncing: VFS\n') + RESET, '-no-reboot')


def semihosting():
    # x1 = block at the end, filled in by hand: {0x20026, code}
    def leave(code):
        return words(0xd2800300, 0x10000061, 0xd45e0000, 0x14000000) + struct.pack('<QQ', 0x20026, code)
    run(0, leave(0), '-semihosting')
    run(42, leave(42), '-semihosting')
    say = words(0xd2800080, 0x10000061, 0xd45e0000, 0x14000003) + b'hello!\n\0'  # SYS_WRITE0
    run(7, say + words(0xd503201f) + leave(7), '-semihosting', err='hello!')


def test_device():
    for text, status in [('0q', 1), ('3q', 7), ('x12q', 25)]:
        run(status, hello(text) + FOREVER, '-chardev', 'testdev,id=t', '-serial', 'chardev:t')


def second_uart():
    log = os.path.join(HERE.name, 'second')
    code = words(0xd2a12080, 0x52800841, 0xb9000001)  # 'B' to 0x09040000
    out = run(0, code + hello('A') + OFF, '-serial', 'stdio', '-serial', 'file:' + log)
    with open(log) as f:
        check(out == 'A' and f.read() == 'B', f'first UART {out!r}')


def full_disk():
    """What the guest says or does and cannot be written is lost, but not in silence."""
    run(0, hello('A') + OFF, '-serial', 'file:/dev/full', err='output of the guest\'s is lost: No space left')
    run(0, OFF, '-trace-file', '/dev/full', err='/dev/full: not whole')


def signals():
    """The guest has not enabled the key's interrupt: SIGTERM ends armlet. If it has, the second does."""
    for code, press in [(FOREVER, 1), (words(0xd2a12060, 0x52800101, 0xb9041001) + FOREVER, 2)]:  # GPIOIE = 8
        p = subprocess.Popen([armlet(), '-nographic', '-kernel', program('program', hello('up\n') + code)],
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        p.stdout.readline()
        time.sleep(0.3 * PATIENCE)
        for n in range(press):
            check(p.poll() is None, f'gone after {n} of {press} signals')
            p.send_signal(signal.SIGTERM)
            time.sleep(0.3)
        status = p.wait(30)
        check(status == 128 + signal.SIGTERM, f'status {status}')
        check((b'asked to power off' in p.stderr.read()) == (press == 2), 'what it says')


def heartbeat():
    """A line a second on a terminal until the guest has said something."""
    with Guest([armlet(), '-kernel', program('silent', FOREVER)]) as guest:
        if not guest.tty:
            return
        guest.expect(r'nothing on the console yet: 2 s, \d+ MIPS, pc 0x40080000, EL1', 30)
        guest.type('\x01x')
        check(guest.wait() == 0, 'Ctrl-A x')
    with Guest([armlet(), '-kernel', program('talks', hello('hi\n') + FOREVER)]) as guest:
        guest.expect('hi', 30)
        time.sleep(2.5)
        guest.type('\x01x')
        guest.wait()
        check('nothing on the console' not in guest.text, 'a heartbeat after the guest spoke')


def own_lines():
    """What armlet has to say starts a line of its own on a terminal, behind a prompt and in a heartbeat's place."""
    wants_key = words(0xd2a12060, 0x52800101, 0xb9041001)  # GPIOIE = 8: SIGTERM is the power key first
    for name, code, before, between in [('prompts', hello('/root # '), '/root # ', r'\r+\n'),
                                        ('silent', b'', r'nothing on the console yet: \d+ s[^\r]*', r'\r\x1b\[K')]:
        with Guest([armlet(), '-kernel', program(name, wants_key + code + FOREVER)]) as guest:
            if not guest.tty:
                return
            guest.expect(before + '$', 30)
            time.sleep(0.3 * PATIENCE)
            guest.process.send_signal(signal.SIGTERM)
            guest.expect(r'asked to power off\r+\n', 30)
            check(re.search(before + between + r'armlet: SIGTERM: [^\r]*\r+\n', guest.text), f'{name}: {guest.text!r}')
            guest.process.send_signal(signal.SIGTERM)
            check(guest.wait() == 128 + signal.SIGTERM, 'the second SIGTERM')


def no_growth():
    """Resets for seconds, hundreds a second: the files again, RAM again, no more memory and no more descriptors."""
    code = program('again', RESET)
    # AddressSanitizer's own records grow with every thread that was: there only descriptors are counted.
    room = 1 << 20 if 'LSAN_OPTIONS' in os.environ else 64
    p = subprocess.Popen([armlet(), '-nographic', '-m', '64', '-kernel', code], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                         stdout=subprocess.DEVNULL)

    def size():
        with open(f'/proc/{p.pid}/statm') as f:
            return int(f.read().split()[1]), len(os.listdir(f'/proc/{p.pid}/fd'))
    try:
        time.sleep(1.5 * PATIENCE)
        early = size()
        time.sleep(3 * PATIENCE)
        late = size()
        if late[0] > early[0] + room: # once, as when the host makes huge pages of the guest's memory: not again
            time.sleep(3 * PATIENCE)
            early, late = late, size()
        check(p.poll() is None, 'it ended')
        # Files are open for a moment in each of the thousand resets.
        check(late[0] <= early[0] + room and late[1] <= early[1] + 4, f'pages and descriptors: {early}, later {late}')
    finally:
        p.kill()
        p.communicate()


if __name__ == '__main__':
    main(timeout, expect, resets_and_panics, semihosting, test_device, second_uart, full_disk, signals, heartbeat, own_lines,
         no_growth)
