#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Code caches that cannot be trusted, or not be written: boots, works, and says so in one line.

The directories are made from a sound one that a first boot leaves.
"""
import os, random, re, shutil, subprocess, tempfile
from guest import Guest, ROOT, armlet, check, main
from shell import LOOP, loop_result

WORK = tempfile.mkdtemp(prefix='armlet-cache-trouble-', dir='/var/tmp')
GOOD = WORK + '/good'


def boot(cache, timeout=120):
    """Boots, works a little, powers off. Returns what armlet said of the cache, and its counters."""
    with Guest([ROOT + '/boot-linux', '--', '-accel', 'tiered', '--cache-dir', cache, '-d', 'stats'],
               env={'ARMLET': armlet()}) as g:
        g.prompt(timeout)
        out = g.run(LOOP)
        check('\n' + loop_result() in out, f'loop: {out!r}, not {loop_result()!r}')
        g.type('poweroff -f\r')
        status = g.wait(60)
        check(status == 0, f'poweroff -f: status {status}')
        said = re.findall(r'armlet: [^\r\n]*cache[^\r\n]*', g.text)
        counters = {m[1]: int(m[2]) for m in re.finditer(r'^(\w+) +(\d+) ', g.text, re.M)}
        return said, counters


def expect(cache, words, cached=None):
    said, counters = boot(cache)
    check(len(said) == (1 if words else 0), f'{len(said)} lines about the cache, not one: {said}')
    check(not words or re.search(words, said[0]), f'{said}, not {words!r}')
    # One or two may come from this very boot: the same program at two addresses.
    found, compiled = counters['regions_cached'], counters['compiled']
    check(cached is None or (found > compiled // 4) == cached, f'{found} regions from the cache, {compiled} compiled')


def files(cache):
    return [f'{cache}/{f}' for f in sorted(os.listdir(cache)) if f.endswith('.code')]


def copy(name):
    shutil.copytree(GOOD, f'{WORK}/{name}')
    return f'{WORK}/{name}'


def sound():
    os.mkdir(GOOD, 0o700)
    expect(GOOD, None, False)
    check(len(files(GOOD)) > 2, f'the first boot left {len(files(GOOD))} files')
    expect(GOOD, None, True)


def flipped_bits():
    cache, r = copy('flipped'), random.Random(1)
    for file in files(cache):
        with open(file, 'r+b') as f:
            data = bytearray(f.read())
            for _ in range(1 + len(data) // 2000):
                data[r.randrange(len(data))] ^= 1 << r.randrange(8)
            f.seek(0)
            f.write(data)
    expect(cache, 'damaged, ignored')


def truncated():
    cache, r = copy('truncated'), random.Random(2)
    for file in files(cache):
        os.truncate(file, r.randrange(os.path.getsize(file)))
    expect(cache, 'damaged, ignored', False)


def garbage():
    cache = copy('garbage')
    for n, file in enumerate(files(cache)):
        with open(file, 'wb') as f:
            f.write(os.urandom(1 + n * 3000))
    expect(cache, 'damaged, ignored', False)


def foreign_files():
    cache = copy('foreign')
    for file in files(cache):
        if os.geteuid() == 0:
            os.chown(file, 65534, 65534)
        else:
            os.chmod(file, 0o666)
    expect(cache, 'not written by you alone', False)


def foreign_directory():
    cache = copy('directory')
    os.chmod(cache, 0o777)
    expect(cache, 'somebody else could write there', False)
    if os.geteuid() == 0:
        os.chmod(cache, 0o700)
        os.chown(cache, 65534, 65534)
        expect(cache, 'somebody else could write there', False)


def read_only():
    """Of a root's: a file system. Of another user's: a directory without the permission."""
    cache = copy('read-only')
    if os.geteuid():
        os.chmod(cache, 0o500)
        expect(cache, 'nothing is added', True)
        os.chmod(cache, 0o700)
        return
    if not mount(cache, '--bind', cache, cache) or not mount(cache, '-o', 'remount,bind,ro', cache):
        return
    try:
        expect(cache, 'nothing is added', True)
        expect(cache + '/deeper/still', 'Read-only file system', False)
    finally:
        subprocess.run(['umount', cache], check=True)


def no_space():
    cache = WORK + '/full'
    os.mkdir(cache, 0o700)
    if os.geteuid() or not mount(cache, '-t', 'tmpfs', '-o', 'size=4k,mode=700', 'armlet-test', cache):
        return
    try:
        expect(cache, 'No space left')
        left = [f for f in os.listdir(cache) if not f.endswith('.code') and f != 'lock']
        check(not left, f'{left} is left')
    finally:
        subprocess.run(['umount', cache], check=True)


def mount(where, *args):
    p = subprocess.run(['mount', *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if p.returncode:
        print(f'  not done, mount {where}: {p.stdout.strip()}', flush=True)
    return p.returncode == 0


def a_file_instead():
    cache = WORK + '/file'
    with open(cache, 'w'):
        pass
    expect(cache, 'Not a directory', False)


if __name__ == '__main__':
    try:
        main(sound, flipped_bits, truncated, garbage, foreign_files, foreign_directory, read_only, no_space, a_file_instead)
    finally:
        shutil.rmtree(WORK, ignore_errors=True)
