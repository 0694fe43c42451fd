#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""count.py TESTLOG.JSON: one line, "N passed, N failed", from what meson test has logged.

Cases are counted where a program says how many it has (criterion's synthesis, the lines of
tests/boot/guest.py); another program is one case. A program that fails with all its cases passed,
or without saying anything, is one failed case.
"""
import json, re, sys

passed = failed = skipped = 0
with open(sys.argv[1]) as log:
    for entry in map(json.loads, log):
        out = entry.get('stdout', '') + entry.get('stderr', '')
        good = bad = 0
        for m in re.finditer(r'Tested: .*?(\d+).*?Passing: .*?(\d+).*?Failing: .*?(\d+).*?Crashing: .*?(\d+)', re.sub(r'\x1b\[[\d;]*m', '', out)):
            good, bad = good + int(m[2]), bad + int(m[3]) + int(m[4])
        good += len(re.findall(r'^\w+: ok \([\d.]+ s\)$', out, re.M))
        bad += len(re.findall(r'^\w+: FAILED: ', out, re.M))
        if entry['result'] in ('OK', 'EXPECTEDFAIL'):
            passed, failed = passed + max(good, 1), failed + bad
        elif entry['result'] == 'SKIP':
            skipped += 1
        else:
            passed, failed = passed + good, failed + max(bad, 1)
if skipped:
    print(f'({skipped} skipped: what they need is not there)')
print(f'{passed} passed, {failed} failed')
sys.exit(1 if failed or not passed else 0)
