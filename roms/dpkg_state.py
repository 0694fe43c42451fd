#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""dpkg_state.py ROOT: makes dpkg in ROOT believe that it has unpacked its packages itself.

ROOT holds the files of all packages in its var/cache/apt/archives, unpacked without dpkg (mmdebstrap
--variant=extract). What dpkg would have noted of each goes to var/lib/dpkg: the control files and
the list of files to info/, and a paragraph "install ok unpacked" to status. No package's script has
run; the second stage runs the preinsts and then `dpkg --configure -a`.
"""
import glob, hashlib, os, subprocess, sys, tempfile


def run(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout


def fields(control):
    """{name: value} of a control file, with continuation lines in the value."""
    found, name = {}, None
    for line in control.split('\n'):
        if line[:1] in (' ', '\t'):
            found[name] += '\n' + line
        elif ':' in line:
            name, value = line.split(':', 1)
            found[name] = value.strip()
    return found


def conffiles(root, path):
    """The lines of a Conffiles field: each file that is there, and its hash."""
    lines = []
    with open(path, encoding='utf8') as f:
        for line in f.read().split('\n'):
            name = line.strip()
            if not name.startswith('/') or not os.path.isfile(root + name):
                continue  # those that are to be removed have a flag before their name
            with open(root + name, 'rb') as conffile:
                lines.append(f' {name} {hashlib.md5(conffile.read()).hexdigest()}')
    return lines


def file_list(deb):
    tar = subprocess.Popen(['dpkg-deb', '--fsys-tarfile', deb], stdout=subprocess.PIPE)
    names = subprocess.run(['tar', '-t', '--quoting-style=literal'], stdin=tar.stdout, check=True, stdout=subprocess.PIPE).stdout
    if tar.wait():
        raise subprocess.CalledProcessError(tar.returncode, 'dpkg-deb')
    lines = [name.lstrip(b'.').rstrip(b'/') or b'/.' for name in names.split(b'\n') if name]
    return b'\n'.join(lines) + b'\n'


def unpacked(root, deb):
    """Notes one package; returns its paragraph for status."""
    info = root + '/var/lib/dpkg/info/'
    with tempfile.TemporaryDirectory() as directory:
        run('dpkg-deb', '--control', deb, directory)
        with open(directory + '/control', encoding='utf8') as f:
            control = f.read().strip('\n')
        f = fields(control)
        prefix = f['Package'] + (':' + f['Architecture'] if f.get('Multi-Arch') == 'same' else '')
        for name in sorted(os.listdir(directory)):
            if name != 'control':
                run('install', '-m', '755' if os.access(f'{directory}/{name}', os.X_OK) else '644', f'{directory}/{name}',
                    f'{info}{prefix}.{name}')
        with open(f'{info}{prefix}.list', 'wb') as out:
            out.write(file_list(deb))
        lines = control.split('\n')
        lines.insert(1, 'Status: install ok unpacked')
        if os.path.exists(directory + '/conffiles'):
            kept = conffiles(root, directory + '/conffiles')
            lines += ['Conffiles:', *kept] if kept else []
    return '\n'.join(lines) + '\n\n'


def main():
    root = sys.argv[1]
    debs = sorted(glob.glob(root + '/var/cache/apt/archives/*.deb'))
    if not debs:
        sys.exit(f'dpkg_state: {root}: no packages')
    os.makedirs(root + '/var/lib/dpkg/info', exist_ok=True)
    with open(root + '/var/lib/dpkg/info/format', 'w') as f:
        f.write('1\n')
    with open(root + '/var/lib/dpkg/status', 'w', encoding='utf8') as f:
        for deb in debs:
            f.write(unpacked(root, deb))
    open(root + '/var/lib/dpkg/available', 'w').close()


if __name__ == '__main__':
    main()
