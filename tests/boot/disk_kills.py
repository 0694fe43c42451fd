#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""disk_kills.py PROGRAM [KILLS]: SIGKILL at random moments (50) while four jobs in a Linux guest write and
fsync (guest_programs/writer.c): the image is consistent and holds every write that was acknowledged.

Raw and several kinds of qcow2 in turn. An image lives through ten kills, so that old writes are looked at
again and tables fill. A write that was not acknowledged may be there or not, sector by sector.
"""
import os, random, re, shlex, struct, subprocess, sys, tempfile, time
from guest import PATIENCE, Guest, armlet, boot_linux, check, main
from disk_io import tool, with_program

PROGRAM = os.path.abspath(sys.argv[1])
KILLS = int(sys.argv[2]) if len(sys.argv) > 2 else 50
JOBS, BLOCK, BLOCKS = 4, 4096, 16384
SIZE = JOBS * BLOCKS * BLOCK
EACH = 10  # kills an image
UNHEARD = 1000  # writes that were done, and whose acknowledgement was still in the guest's terminal or UART
KINDS = ['raw', '', 'cluster_size=4K', 'compat=0.10', 'cluster_size=512,refcount_bits=8']
MASK = (1 << 64) - 1


def mix(x):
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9 & MASK
    x = (x ^ x >> 27) * 0x94d049bb133111eb & MASK
    return x ^ x >> 31


class Image:
    def __init__(self, directory, kind):
        self.kind, self.format = kind, 'raw' if kind == 'raw' else 'qcow2'
        self.path, self.raw = f'{directory}/disk', f'{directory}/as-raw'
        self.kept, self.maybe = {}, {}  # block: what is there; what may be instead
        if self.format == 'raw':
            with open(self.path, 'wb') as f:
                f.truncate(SIZE)
        else:
            tool(armlet(), 'disk', 'create', *(['-o', kind] if kind else []), self.path, str(SIZE))

    def acknowledged(self, run, counts):
        """counts: of each job's acknowledged writes."""
        for job, count in enumerate(counts):
            for n in range(count + UNHEARD):
                name = job << 48 | run << 32 | n
                block = job * BLOCKS + mix(name) % BLOCKS
                if n < count:
                    self.kept[block] = name
                    self.maybe.pop(block, None)
                else:
                    self.maybe.setdefault(block, set()).add(name)

    def look(self):
        path = self.path
        if self.format == 'qcow2':
            tool(armlet(), 'disk', 'check', path)
            p = subprocess.run(['qemu-img', 'check', path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            check(p.returncode in (0, 3), f'qemu-img check: status {p.returncode}: {p.stdout}')  # 3: leaks
            tool('qemu-img', 'convert', '-f', 'qcow2', '-O', 'raw', path, self.raw)
            path = self.raw
        with open(path, 'rb') as f:
            for block in self.kept.keys() | self.maybe.keys():
                f.seek(block * BLOCK)
                self.compare(block, f.read(BLOCK))

    def compare(self, block, data):
        may = {self.kept.get(block, 0)} | self.maybe.get(block, set())
        for at in range(0, BLOCK, 512):
            words = set(struct.unpack('<64Q', data[at:at + 512]))
            check(len(words) == 1 and words <= may, f'{self.kind}: block {block}, byte {at}: {[hex(w) for w in words][:4]}, '
                  f'not {[hex(w) for w in may]} (job, run, number)')


def kill_while_writing(image, kernel, initrd, run, moment):
    """Boots, writes, kills; the number of each job's writes that were acknowledged."""
    with Guest([armlet(), *shlex.split(os.environ.get('ARMLET_TEST_ARGS', '')), '-M', 'virt', '-m', '256M', '-nographic',
                '-nic', 'none', '-kernel', kernel, '-initrd', initrd, '-append', 'console=ttyAMA0 quiet',
                '-drive', f'file={image.path},format={image.format}']) as g:
        g.prompt(120)
        start = g.seen
        g.type(f'/root/disk /dev/vda {run}\r')
        g.expect('=[0-3] 0', 60)
        end = time.monotonic() + moment * PATIENCE
        while time.monotonic() < end:
            g._read(min(0.01, max(0, end - time.monotonic())))
        g.process.kill()
        g.process.wait()
        while g._read(0):
            pass
        check('a job ended' not in g.text, f'{image.kind}: a job ended: {g.text[-500:]}')
        counts = [0] * JOBS
        for m in re.finditer(r'=([0-3]) (\d+)\r*\n', g.text[start:]):
            check(counts[int(m[1])] == int(m[2]), f'job {m[1]}: write {m[2]} acknowledged after {counts[int(m[1])]}')
            counts[int(m[1])] += 1
        return counts


def kills():
    kernel, initrd = boot_linux()
    moments = random.Random(9)
    total = 0
    with tempfile.TemporaryDirectory(dir='/var/tmp', prefix='armlet-') as directory, tempfile.NamedTemporaryFile() as both:
        with_program(initrd, both, PROGRAM)
        for run in range(KILLS):
            if run % EACH == 0:
                image = Image(directory, KINDS[run // EACH % len(KINDS)])
            counts = kill_while_writing(image, kernel, both.name, run % EACH + 1, moments.uniform(0.02, 1.5))
            image.acknowledged(run % EACH + 1, counts)
            image.look()
            total += sum(counts)
            if run % EACH == EACH - 1 or run == KILLS - 1:
                print(f'{run + 1} kills, {total} writes acknowledged; {len(image.kept)} blocks looked at ({image.kind or "qcow2"})',
                      flush=True)
                os.unlink(image.path)
    check(total > 20 * KILLS, f'only {total} writes were acknowledged')


if __name__ == '__main__':
    main(kills)
