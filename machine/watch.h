// SPDX-License-Identifier: GPL-3.0-or-later
// What is looked at from outside while a machine runs, and decides how armlet ends: the text on the
// first UART (--expect, a kernel's panic), the time it may take (--timeout), and whether there is
// anything on the console or a display yet (the heartbeat line).
//
// Console text is looked at by lines, and also when a line stands unfinished for a while (a
// prompt). Under the machine lock; the descriptors are served by the thread of machine_run().
#ifndef MACHINE_WATCH_H
#define MACHINE_WATCH_H

#include "base/clock.h"
#include "devices/char/char.h"

#include <poll.h>
#include <regex.h>

struct machine;

enum {
    WATCH_FDS = 2,
    WATCH_LINE = 1024, // of a longer line the beginning is forgotten
};

struct watch {
    struct machine *m;
    struct chardev_tap tap;
    struct clock_timer quiet; // nothing has come for a while
    regex_t expect;
    bool expects, seen, panicked;
    bool spoke;     // the guest has written or drawn something
    char line[WATCH_LINE];
    size_t len;
    int timeout_fd, heartbeat_fd; // timerfds, or -1
    uint64_t icount;              // at the last heartbeat
    int seconds;                  // of heartbeats
};

// m's configuration, clock and character devices are there. Nothing is watched before
// watch_start().
void watch_init(struct watch *w, struct machine *m);
void watch_start(struct watch *w); // the time counts from here
void watch_fini(struct watch *w);

// Fills WATCH_FDS entries (unused ones are -1) and looks at what poll() made of them.
void watch_pollfds(const struct watch *w, struct pollfd *fds);
void watch_ready(struct watch *w, const struct pollfd *fds);

// The exit status of a machine that would end with this one.
int watch_status(const struct watch *w, int status);

#endif
