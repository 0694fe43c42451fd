// SPDX-License-Identifier: GPL-3.0-or-later
// Physical memory as jit/ sees it: RAM that can be pointed at, and everything else through
// functions. The board wires it. The functions may be called from any vCPU thread; they take the
// machine lock themselves.
#ifndef JIT_MEM_H
#define JIT_MEM_H

#include "jit/guest.h"

// A stretch of RAM or ROM; base and size are multiples of PAGE_SIZE. The host memory is the
// board's; page_flags (one byte a page) belong to jit/.
struct ram_region {
    gpa_t base;
    uint64_t size;
    uint8_t *host;
    bool rom;            // reads and fetches only; writes go to the bus
    bool io;             // atomic: so do reads, for the time being (flash that answers a command)
    uint8_t *page_flags; // PAGE_* bits, set and cleared atomically
};

enum page_flag {
    PAGE_CODE = 1,  // translated blocks were made from this page
    PAGE_DIRTY_LOG = 2, // not written since somebody asked (jit/dirty.h)
    PAGE_WATCH = 4,
};

struct phys_ops {
    // An access by vCPU `cpu`. size is 1, 2, 4 or 8, the address naturally aligned. False: nothing
    // answers there.
    bool (*read)(void *opaque, unsigned cpu, gpa_t pa, unsigned size, uint64_t *value);
    bool (*write)(void *opaque, unsigned cpu, gpa_t pa, unsigned size, uint64_t value);
    void *opaque;
};

#endif
