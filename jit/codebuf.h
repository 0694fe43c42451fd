// SPDX-License-Identifier: GPL-3.0-or-later
// Where generated code lives: one stretch of memory that is mapped twice, to be written at one
// address and executed at another. No page is ever writable and executable at the same address.
//
// The reserve is address space; memory is used as code comes, and whole pages that are freed go
// back to the host. Spans of one buffer are within the reach of rel32 branches of each other.
// Every function may be called from any thread. That nobody still executes a span is up to whoever
// frees it.
#ifndef JIT_CODEBUF_H
#define JIT_CODEBUF_H

#include "base/bits.h"
#include "base/error.h"
#include "base/thread.h"

#define CODEBUF_GRAIN   64u           // spans start at multiples of it and take up multiples of it
#define CODEBUF_DEFAULT (64u << 20)   // bytes of reserve
#define CODEBUF_MAX     (1024u << 20) // more would be out of the reach of rel32

struct codebuf_hole;

struct codebuf_stats {
    size_t reserve;                     // bytes
    size_t used;                        // bytes in spans, rounded up to the grain
    size_t peak;                        // the most that `used` has been
    size_t holes;                       // bytes that were freed and not yet used again
    uint64_t allocated, freed, refused; // calls
};

struct codebuf {
    struct mutex lock;          // of everything below that changes
    uint8_t *write;             // the view to write
    uint8_t *exec;              // the view to execute
    size_t top;                 // nothing has ever been allocated from here on
    struct codebuf_hole *holes; // freed stretches below top, by address, never touching
    bool sync;                  // the host can make every thread drop what it has prefetched
    struct codebuf_stats stats;
};

// A piece of code memory. size 0: none.
struct codebuf_span {
    uint8_t *write;
    const uint8_t *exec;
    size_t size;
    bool reused; // held other code before
};

// reserve: bytes, rounded up to pages, at most CODEBUF_MAX; 0 for the default. False: the host
// gives no such memory.
bool codebuf_init(struct codebuf *cb, size_t reserve, struct error *err);
void codebuf_fini(struct codebuf *cb);

// size > 0 bytes, aligned to a power of two of at most a page. False: no room.
bool codebuf_alloc(struct codebuf *cb, size_t size, size_t align, struct codebuf_span *span);
// Fills the span with traps and takes it back.
void codebuf_free(struct codebuf *cb, const struct codebuf_span *span);
// Takes everything back: nobody may be in it, and no span is anybody's.
void codebuf_empty(struct codebuf *cb);
// To be called between writing a span and telling anybody its address.
void codebuf_publish(struct codebuf *cb, const struct codebuf_span *span);

// Does this buffer hold p, as an address to execute?
static inline bool codebuf_holds(const struct codebuf *cb, const void *p)
{
    return (uintptr_t)p - (uintptr_t)cb->exec < cb->stats.reserve;
}

void codebuf_stats(struct codebuf *cb, struct codebuf_stats *out);

#endif
