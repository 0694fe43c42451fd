#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our device tree beside QEMU's: each node that armlet has must have the same shape there.

Properties are compared byte for byte, with phandles replaced by the paths they lead to. What may
differ is listed, with the reason. Skipped (77) where qemu-system-aarch64 is not installed.
"""
import os, shutil, struct, subprocess, sys, tempfile
from guest import armlet, check, main

MAY_DIFFER = {
    ('/chosen', 'rng-seed'): 'random',
    ('/chosen', 'kaslr-seed'): 'random',
    ('/cpus/cpu@0', 'enable-method'): 'QEMU says it only when there are several CPUs',
}
PHANDLES = {'interrupt-parent': [0], 'clocks': None, 'cpu': [0], 'gpios': [0]}


def parse(path):
    """{node path: {property: bytes}} of a flattened tree."""
    with open(path, 'rb') as f:
        blob = f.read()
    magic, _, structure, strings = struct.unpack_from('>4I', blob)
    check(magic == 0xd00dfeed, f'{path}: no device tree')
    at, stack, nodes = structure, [], {}
    while True:
        token, = struct.unpack_from('>I', blob, at)
        at += 4
        if token == 1:
            end = blob.index(b'\0', at)
            stack.append(blob[at:end].decode())
            nodes['/'.join(stack) or '/'] = {}
            at = (end + 4) & ~3
        elif token == 2:
            stack.pop()
        elif token == 3:
            size, name = struct.unpack_from('>2I', blob, at)
            at += 8
            key = blob[strings + name:blob.index(b'\0', strings + name)].decode()
            nodes['/'.join(stack) or '/'][key] = blob[at:at + size]
            at = (at + size + 3) & ~3
        elif token == 9:
            return nodes


def resolved(nodes):
    """The same with phandles as paths, in those properties that hold some."""
    where = {p['phandle']: path.encode() for path, p in nodes.items() if 'phandle' in p}
    for properties in nodes.values():
        for key, cells in PHANDLES.items():
            if key in properties:
                value = properties[key]
                words = [value[i:i + 4] for i in range(0, len(value), 4)]
                properties[key] = b','.join(where.get(w, w) if cells is None or i in cells else w for i, w in enumerate(words))
        properties.pop('phandle', None)
    return nodes


def compare(machine, needed, smp=1):
    with tempfile.TemporaryDirectory() as directory:
        theirs, ours = directory + '/theirs', directory + '/ours'
        subprocess.run(['qemu-system-aarch64', '-M', f'{machine},dumpdtb={theirs}', '-cpu', 'cortex-a57', '-m', '1G', '-smp', str(smp),
                        '-nic', 'none', '-nographic'],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        p = subprocess.run([armlet(), '-M', f'{machine},dumpdtb={ours}', '-m', '1G', '-smp', str(smp)], stderr=subprocess.PIPE, text=True)
        check(p.returncode == 0, 'armlet -M virt,dumpdtb=: ' + p.stderr)
        theirs, ours = resolved(parse(theirs)), resolved(parse(ours))
    wrong = []
    for path, properties in ours.items():
        if path not in theirs:
            wrong.append(f'{path} is not in QEMU\'s tree')
            continue
        for key in sorted(set(properties) | set(theirs[path])):
            got, want = properties.get(key), theirs[path].get(key)
            if got != want and (path, key) not in MAY_DIFFER:
                wrong.append(f'{path} {key}: {got!r}, QEMU has {want!r}')
    check(not wrong, 'differences:\n' + '\n'.join(wrong))
    check(needed <= set(ours), f'missing: {sorted(needed - set(ours))}')


NODES = {'/psci', '/timer', '/pl011@9000000', '/pl031@9010000', '/pl061@9030000', '/fw-cfg@9020000', '/flash@0', '/gpio-keys',
         '/chosen', '/intc@8000000'}
NODES |= {f'/virtio_mmio@{0xa000000 + n * 0x200:x}' for n in range(32)}


def gicv3():
    compare('virt,gic-version=3', NODES)


def gicv2():
    compare('virt,gic-version=2', NODES | {'/intc@8000000/v2m@8020000'})


def several_cpus():
    compare('virt,gic-version=3', NODES | {'/cpus/cpu@4'}, 5)
    compare('virt,gic-version=2', NODES | {'/cpus/cpu@4'}, 5)


if __name__ == '__main__':
    if not shutil.which('qemu-system-aarch64'):
        sys.exit(77)
    main(gicv3, gicv2, several_cpus)
