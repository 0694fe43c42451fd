// SPDX-License-Identifier: GPL-3.0-or-later
// Finding out what a guest has drawn into memory that it writes without telling anybody.
//
// With a dirty log (the board's: page flags that the CPUs clear when they write) only pages that
// were written are looked at, and a screen that stands still costs a walk over a few hundred bytes.
// Without one every line is compared with a copy of what it was, less and less often while nothing
// changes. Front ends' threads, under scan.lock.
#ifndef DEVICES_DISPLAY_SCAN_H
#define DEVICES_DISPLAY_SCAN_H

#include "base/thread.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The board's record of written pages.
struct scan_log {
    // Sets bit n (of word n / 64) for every page of 4 KiB, counted from the one that holds gpa, of
    // which a byte may have been written since the last call for the same `user`; on the first call
    // all are. False: this memory has no record. Any thread; does not wait for a vCPU.
    bool (*collect)(void *opaque, const void *user, uint64_t gpa, uint64_t len, uint64_t *pages);
    // The user needs no record any more.
    void (*forget)(void *opaque, const void *user);
    void *opaque;
};

struct display_surface;

struct scan {
    struct mutex lock;
    struct scan_log log; // collect is NULL: compare. Set before anything runs
    uint64_t generation; // of the surface that was looked at last
    bool logged;         // by asking the log
    uint8_t *shadow;     // lines as they were; owned
    size_t shadow_size;
    uint64_t *pages; // room for collect(); owned
    size_t page_words;
    unsigned idle; // looks in a row that found nothing
};

void scan_init(struct scan *s);
void scan_fini(struct scan *s);

// Sets the bits of lines that may have changed since the last look, on the first look at a surface
// (another generation) all. Whether there are any. Under scan.lock.
bool scan_look(struct scan *s, const struct display_surface *surface, uint64_t generation,
               uint64_t *damage);

// Milliseconds until the next look is worth it. Under scan.lock.
int scan_poll_ms(const struct scan *s);

#endif
