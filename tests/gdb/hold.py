#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""hold.py PORT [BREAKPOINT...]: a client for measurements. Comes to whatever listens there, sets breakpoints (by default
one at an address that nothing executes), lets the guest go, and waits for its end; again and again, until Ctrl-C.

    hold.py 1234 & compare -n 9 -b build/armlet -a '-s' build/armlet micro
"""
import sys, time
from remote import Remote


def main():
    port, points = int(sys.argv[1]), [int(a, 0) for a in sys.argv[2:]] or [0xffffdead00000000]
    while True:
        try:
            r = Remote(('127.0.0.1', port))
            for addr in points:
                r.point(0, addr)
            r.go()
            while True:
                print(r.receive(1e9), flush=True)
        except (EOFError, OSError):
            time.sleep(0.05)


if __name__ == '__main__':
    try:
        main()
    except KeyboardInterrupt:
        pass
