#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""embed.py SYMBOL OUTPUT.c [FILE]: the file as a C array SYMBOL with SYMBOL_size bytes; none of it
(size 0) when no file is named."""
import sys


def main():
    symbol, output = sys.argv[1:3]
    data = b''
    if len(sys.argv) > 3:
        with open(sys.argv[3], 'rb') as f:
            data = f.read()
    rows = [','.join(map(str, data[n:n + 24])) + ',' for n in range(0, len(data), 24)] or ['0']
    with open(output, 'w') as f:
        f.write(f'#include "machine/bench_guest.h"\nconst unsigned char {symbol}[] = {{\n')
        f.write('\n'.join(rows))
        f.write(f'\n}};\nconst unsigned long {symbol}_size = {len(data)};\n')


main()
