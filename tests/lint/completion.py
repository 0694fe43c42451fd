#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""completion.py ARMLET DATA-DIRECTORY: bash's completion offers every option, and what "help" lists.

zsh's is checked for syntax where there is a zsh.
"""
import re, shutil, subprocess, sys


def offered(armlet, script, *words):
    """What bash would offer for the last word."""
    quoted = ' '.join(f"'{w}'" for w in (armlet,) + words)
    text = f'source {script}; COMP_WORDS=({quoted}); COMP_CWORD={len(words)}; _armlet {armlet}; printf "%s\\n" "${{COMPREPLY[@]}}"'
    return subprocess.run(['bash', '-c', text], check=True, stdout=subprocess.PIPE, text=True).stdout.split()


def main():
    armlet, data = sys.argv[1:]
    script = data + '/armlet.bash'
    text = subprocess.run([armlet, '-help'], check=True, stdout=subprocess.PIPE, text=True).stdout
    options = re.findall(r'^  (-[\w-]+)', text, re.M)
    wrong = []

    def expect(what, got, *wanted):
        missing = [w for w in wanted if w not in got]
        if missing or not wanted:
            wrong.append(f'{what}: {missing} not in {got}')
    expect('-', offered(armlet, script, '-'), *options)
    expect('--', offered(armlet, script, '--'), *('-' + o for o in options))
    expect('-no', offered(armlet, script, '-m', '64', '-no'), '-no-reboot', '-nographic')
    expect('-cpu', offered(armlet, script, '-cpu', ''), 'cortex-a57')
    expect('-device v', offered(armlet, script, '-device', 'v'), 'virtio-blk-device')
    expect('-d', offered(armlet, script, '-d', 'gu'), 'guest_error')
    expect('-display', offered(armlet, script, '-display', ''), 'none', 'sdl', 'vnc=:')
    expect('-netdev', offered(armlet, script, '-netdev', ''), 'user', 'stream')
    words = re.findall(r'^  (\w+) ', text[text.index('Commands,'):], re.M)
    expect('first word', offered(armlet, script, ''), *words)
    with open(data + '/_armlet') as f:
        expect('first word, zsh', f.read().split(), *words)
    expect('a file', offered(armlet, script, '-kernel', data + '/armlet.d'), data + '/armlet.desktop')
    if shutil.which('zsh') and subprocess.run(['zsh', '-n', data + '/_armlet']).returncode:
        wrong.append('_armlet: zsh does not understand it')
    print('\n'.join(wrong) or f'{len(options)} options are completed')
    sys.exit(1 if wrong else 0)


if __name__ == '__main__':
    main()
