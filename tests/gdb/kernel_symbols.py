#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""kernel_symbols.py ACCEL: gdb-multiarch on Debian's kernel with its debug symbols (262 MB, fetched), KASLR on.

From reset to start_kernel by the symbol, the kernel found by itself, a system call's file name, jiffies watched, the
kernel's log, tasks and modules; then a GDB that comes later and is told where the kernel is.
"""
import glob, os, re, subprocess, sys, tempfile, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'boot'))
import guest
from remote import PATIENCE, Failure, Target, check

ACCEL = sys.argv[1]
EARLY = [
    ('monitor cont-until start_kernel', 'runs until then'),
    ('continue', 'SIGTRAP'),
    ("python gdb.execute(gdb.execute('monitor symbol-file', False, True))", ''),
    ('info registers pc', '<start_kernel>'),
    ('print init_task.comm', r'"swapper'),
    ('backtrace 2', '__primary_switched'),
    (f'source {guest.ROOT}/scripts/gdb-linux.py', 'frames of 16 exception vectors'),
    ('hbreak do_sys_openat2', 'breakpoint'),
    ('continue', 'do_sys_openat2'),
    ('print (char *)$x1', '"/'),
    ('monitor bt', r'#0 .* do_sys_openat2\n(.*\n)*#\d+ .* el0t_64_sync\+.*\n +exception from EL0\n#\d+ +0x0000\w+ \(program\)\n'),
    ('backtrace', r'#0 .*do_sys_openat2 (.*\n)+#\d+ .* el0t_64_sync_handler .*\n#\d+ +<signal handler called>\n(#\d+ +0x0000\w+ in \?\?.*\n){2,}'),
    ('delete', ''),
    ('break hrtimer_interrupt', 'Breakpoint'),
    ('continue', 'hrtimer_interrupt'),
    ('backtrace', r'call_on_irq_stack .*\n(.*\n)+#\d+ +<signal handler called>\n#\d+ '),
    ('monitor bt', r'call_on_irq_stack\+.*\n(.*\n)+ +exception from EL\d\n#\d+ '),
    ('delete', ''),
    ('watch jiffies_64', 'Hardware watchpoint'),
    ('continue', r'Old value = (\d+)\nNew value'),
    ('delete', ''),
    ('detach', 'detached'),
]
LATE = [
    ('info registers pc', '<[a-z_0-9]+(\\+[0-9]+)?>'),
    ('backtrace -1', r'#\d+'),
    ('print linux_banner', 'Linux version 6'),
    ('monitor lx-dmesg', r'Linux version 6[^\n]*\n[^$]*Run /init'),
    ('monitor lx-ps', r' 0 R swapper/0\n.* 1 S init\n'),
    ('monitor lx-lsmod', 'virtio_ring'),
    ('monitor lx-symbols /x/', r'add-symbol-file /x/virtio_ring.ko 0xffff'),
    ('monitor translate linux_banner', 'RAM'),
    ('detach', 'detached'),
]


def gdb(where, vmlinux, script):
    lines = ['set pagination off', 'set confirm off', 'set width 0']
    lines += [f'file {vmlinux}'] if vmlinux else []
    lines += [f'target remote {where}']
    for n, (line, _) in enumerate(script):
        lines += [f'echo <<{n}>>\\n', line]
    out = subprocess.run(['gdb-multiarch', '-q', '-nx', '-batch', *[a for line in lines for a in ('-ex', line)]],
                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                         errors='replace', timeout=200 * PATIENCE).stdout
    parts = re.split(r'<<\d+>>\n', out)
    for n, (line, want) in enumerate(script):
        said = parts[n + 1] if n + 1 < len(parts) else '(nothing any more)'
        check(re.search(want, said), f'{line!r} says {said[:2000]!r}, not {want!r}\n{out[-3000:]}')


def main():
    kernel, initrd = guest.boot_linux()
    package = 'linux-image-' + os.path.basename(kernel).removeprefix('vmlinuz-') + '-dbg'
    tree = subprocess.run([guest.ROOT + '/roms/fetch', package], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    vmlinux = glob.glob(tree + '/usr/lib/debug/boot/vmlinux-*')[0]
    with tempfile.NamedTemporaryFile() as log:
        args = ['-m', '1G', '-initrd', initrd, '-append', 'console=ttyAMA0', '-serial', 'file:' + log.name, '-debug', vmlinux]
        with Target(kernel, ACCEL, args=args) as t:
            t.await_socket()
            gdb(t.where, None, EARLY)
            deadline = time.monotonic() + 240 * PATIENCE
            while b'/root #' not in open(log.name, 'rb').read():
                check(time.monotonic() < deadline, 'no shell')
                time.sleep(0.2)
            gdb(t.where, vmlinux, LATE)
    print('ok')


if __name__ == '__main__':
    try:
        main()
    except Failure as e:
        sys.exit(f'FAILED: {e}')
