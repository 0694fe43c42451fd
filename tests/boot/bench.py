#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""bench.py [LIAR.elf]: `armlet bench` as a user runs it. What needs the built-in guest or the one that lies
(built where there is a cross compiler) is skipped without it."""
import glob, json, os, subprocess, sys, tempfile
import xml.etree.ElementTree as ET
from guest import PATIENCE, armlet, check, main
from options import PROGRAM

HERE = tempfile.TemporaryDirectory(dir='/var/tmp')
LIAR = sys.argv[1] if len(sys.argv) > 1 else None
DIRECTORIES = '/tmp/armlet-bench-*'


def bench(*args, status=0):
    p = subprocess.run([armlet(), 'bench', *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                       timeout=120 * PATIENCE, text=True)
    check(p.returncode == status, f'bench {" ".join(args)}: status {p.returncode}, not {status}: {p.stderr}')
    return p.stdout, p.stderr


def wrong_options():
    for args, text in [(['-engines', 'tcg'], 'no engine tcg'), (['-engines', 'interp,interp'], 'twice'),
                       (['-engines', ''], 'no engine'), (['-rounds', '0'], '1 to'), (['-rounds', '2x'], '1 to'),
                       (['-ms', '-1'], '1 to'), (['-nonsense'], 'unknown'), (['-json'], 'needs an argument'),
                       (['file'], 'unknown')]:
        _, err = bench(*args, status=2)
        check(text in err and err.count('\n') == 1, f'{args}: {err!r}')
    for args, text in [(['-svg', '/nonexistent/x'], '/nonexistent/x'), (['-guest', '/nonexistent/y', '-engines', 'interp'], '/nonexistent/y')]:
        _, err = bench(*args, status=1)
        check(text in err, f'{args}: {err!r}')
    out, _ = bench('-help')
    check('-engines' in out, out)


def built_in():
    """All engines, all formats."""
    chart = os.path.join(HERE.name, 'chart.svg')
    before = set(glob.glob(DIRECTORIES))
    p = subprocess.run([armlet(), 'bench', '-ms', '20', '-json', '-', '-svg', chart], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                       timeout=300 * PATIENCE, text=True)
    if 'cross compiler' in p.stderr:
        print('(no built-in guest)')
        return
    check(p.returncode == 0, p.stderr)
    report = json.loads(p.stdout)
    engines = {e['name']: e for e in report['engines']}
    check('interp' in engines and report['guest'] == 'built-in' and report['rounds'] == 2, p.stdout)
    for e in engines.values():
        check(len(e['kernels']) == 12 and len(e['rounds']) == 2, f"{e['name']}: {len(e['kernels'])} kernels")
        for k in e['kernels']:
            check(k['seconds'] > 0 and k['instructions_per_second'] > 1e5, f"{e['name']}: {k}")
    ET.parse(chart)
    check(not set(glob.glob(DIRECTORIES)) - before, 'a temporary cache is left')
    if 'gccjit' in engines:
        cold, warm = engines['gccjit']['rounds']
        check(cold['cold'] and cold['compiled_regions'] > 0 and cold['cache_hits'] == 0, f'first round: {cold}')
        check(warm['cache_hits'] > 0 and warm['code_bytes'] > 0, f'second round: {warm}')


def any_guest():
    """A guest that knows nothing of bench is measured as a whole."""
    path = os.path.join(HERE.name, 'plain.bin')
    with open(path, 'wb') as f:
        f.write(PROGRAM)
    out, _ = bench('-guest', path, '-engines', 'interp', '-rounds', '1', '-json', '-')
    report = json.loads(out)
    check([k['name'] for k in report['engines'][0]['kernels']] == ['all'], out)
    check(report['guest'] == path, out)
    out, _ = bench('-guest', path, '-engines', 'interp')
    check('geometric mean' in out, out)


def different_results():
    if LIAR:
        _, err = bench('-guest', LIAR, '-engines', 'interp', status=1)
        check('liar: the engines compute different results' in err, err)


def endless_guest():
    """Ctrl-C ends the run and leaves nothing behind."""
    path = os.path.join(HERE.name, 'spin.bin')
    with open(path, 'wb') as f:
        f.write(bytes.fromhex('00000014'))
    before = set(glob.glob(DIRECTORIES))
    p = subprocess.Popen([armlet(), 'bench', '-guest', path, '-engines', 'interp'], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         text=True, start_new_session=True)
    check('round 1' in p.stderr.readline(), 'no progress is shown')
    try:
        p.wait(1)
    except subprocess.TimeoutExpired:
        pass
    os.killpg(p.pid, 2)
    _, err = p.communicate(timeout=20 * PATIENCE)
    check(p.returncode == 1 and 'did not power off' in err, f'status {p.returncode}: {err}')
    check(not set(glob.glob(DIRECTORIES)) - before, 'a temporary cache is left')


if __name__ == '__main__':
    main(wrong_options, built_in, any_guest, different_results, endless_guest)
