# SPDX-License-Identifier: GPL-3.0-or-later
"""A guest on a pseudo-terminal, talked to as a person would: type, look, wait. Standard library only.

Where there are no pseudo-terminals (a chroot without /dev/pts) it is a pair of sockets, and what can
only be said of a terminal is not checked: Guest.tty tells.

Failures raise Failure with what was awaited and the last words of the guest. Times are for a quiet
machine and the plain build; $ARMLET_TEST_PATIENCE (default 1) multiplies them.
"""
import fcntl, os, pty, re, resource, select, signal, socket, struct, subprocess, sys, termios, time, traceback

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PATIENCE = float(os.environ.get('ARMLET_TEST_PATIENCE', '1'))
# What armlet itself has to say may come at any moment, also right behind a prompt.
PROMPT = r'[\r\n][^\r\n]* # (\x1b\[6n)?([\r\n]*armlet: [^\r\n]*[\r\n]+)*$'
CTRL_A = '\x01'


class Failure(Exception):
    pass


def armlet():
    """The emulator under test; meson passes the one it built."""
    return os.environ.get('ARMLET', os.path.join(ROOT, 'build', 'armlet'))


def boot_linux(*args):
    """The two paths that boot-linux --fetch-only prepares: kernel, initrd."""
    env = dict(os.environ, ARMLET=armlet())
    out = subprocess.run([ROOT + '/boot-linux', '--fetch-only', *args], env=env, check=True,
                         stdout=subprocess.PIPE, text=True).stdout
    return out.split('\n')[:2]


class Guest:
    def __init__(self, command, rows=33, cols=101, env=None):
        self.text = ''   # everything the guest has said
        self.seen = 0    # how much of it expect() has consumed
        self.tty = self._open_terminal(rows, cols)
        self.process = subprocess.Popen(command, stdin=self.slave, stdout=self.slave, stderr=self.slave,
                                        env=dict(os.environ, **(env or {})), preexec_fn=self._own_terminal)

    def _open_terminal(self, rows, cols):
        try:
            self.master, self.slave = pty.openpty()
        except OSError:
            self.master, self.slave = (s.detach() for s in socket.socketpair())
            return False
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack('HHHH', rows, cols, 0, 0))
        self.modes = termios.tcgetattr(self.slave)
        return True

    def _own_terminal(self):
        # Who started the tests may ignore these (nohup, a shell's background job), and that is inherited.
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
            signal.signal(number, signal.SIG_DFL)
        os.setsid()
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if self.tty:
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def _read(self, seconds):
        if not select.select([self.master], [], [], max(0, seconds))[0]:
            return False
        data = os.read(self.master, 65536)
        self.text += data.decode('utf8', 'replace')
        if os.environ.get('ARMLET_TEST_VERBOSE'):
            sys.stderr.write(data.decode('utf8', 'replace'))
        return True

    def _fail(self, what):
        raise Failure(f'{what}; its last words:\n{self.text[-3000:]}')

    def expect(self, pattern, seconds):
        """Waits until the guest says something that matches, and returns the match."""
        deadline = time.monotonic() + seconds * PATIENCE
        while True:
            m = re.compile(pattern).search(self.text, self.seen)
            if m:
                self.seen = m.end()
                return m
            if self.process.poll() is not None and not self._read(0):
                self._fail(f'ended with status {self.process.returncode}, {pattern!r} was awaited')
            if time.monotonic() > deadline:
                self._fail(f'no {pattern!r} in {seconds * PATIENCE:.0f} s')
            self._read(min(0.5, deadline - time.monotonic()))

    def type(self, text):
        os.write(self.master, text.encode())

    def prompt(self, seconds=120):
        self.expect(PROMPT, seconds)

    def run(self, command, seconds=60):
        """Types a command (one line or several), returns what it printed; it must succeed."""
        start = self.seen
        for line in command.split('\n'):
            self.type(line + '\r')
        self.type('echo "<$?>"\r')
        m = self.expect(r'\n<(\d+)>', seconds)
        lines = self.text[start:m.start()].replace('\r', '').split('\n')
        self.prompt(10)
        if m[1] != '0':
            self._fail(f'{command!r} failed with status {m[1]}')
        return '\n'.join(line for line in lines if not line.endswith('echo "<$?>"'))

    def wait(self, seconds=30):
        """Waits for the emulator to end; returns its status. The terminal must be as it was."""
        deadline = time.monotonic() + seconds * PATIENCE
        while self.process.poll() is None:
            self._read(0.1)
            if time.monotonic() > deadline:
                self._fail(f'still running after {seconds * PATIENCE:.0f} s')
        while self._read(0):
            pass
        if self.tty and termios.tcgetattr(self.slave) != self.modes:
            self._fail('the terminal is not restored')
        return self.process.returncode

    def kill(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        for fd in {self.master, self.slave} - {-1}:
            os.close(fd)
        self.master = self.slave = -1

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()


def check(condition, message):
    if not condition:
        raise Failure(message)


def main(*tests, only=()):
    """Runs test functions, of `only` those names if it has any; prints a line each; leaves with status 1 if
    one fails."""
    failed = 0
    for test in tests:
        if only and test.__name__ not in only:
            continue
        start = time.monotonic()
        try:
            test()
            verdict = 'ok'
        except (Failure, subprocess.SubprocessError) as e:
            failed += 1
            verdict = f'FAILED: {e}'
        except Exception:
            failed += 1
            verdict = 'FAILED: ' + traceback.format_exc()
        print(f'{test.__name__}: {verdict} ({time.monotonic() - start:.1f} s)', flush=True)
    sys.exit(1 if failed else 0)
