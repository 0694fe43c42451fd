// SPDX-License-Identifier: GPL-3.0-or-later
// Shared anonymous memory under two mappings: mremap() of nothing gives the second. A memfd would do
// as well, but `perf` looks up names (perf_map.h) only in memory without a file of its own, as which
// it takes what /proc/PID/maps calls /dev/zero. Allocation is first fit among the holes, else from the top; holes
// next to each other are joined, so that a buffer that is emptied is whole again. Bookkeeping is
// kept outside: nothing the code does can reach it.
#include "jit/codebuf.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TRAP      0xcc // int3
#define HOST_PAGE 4096u

struct codebuf_hole {
    size_t off, size;
    struct codebuf_hole *next;
};

static int membarrier(int cmd)
{
    return (int)syscall(SYS_membarrier, cmd, 0, 0);
}

// A process forked from this one has no business with the guest's code.
static uint8_t *keep_from_children(void *p, size_t size)
{
    if (p == MAP_FAILED)
        return NULL;
    madvise(p, size, MADV_DONTFORK);
    madvise(p, size, MADV_DONTDUMP); // most of it is reserve
    return p;
}

static uint8_t *map_to_write(size_t size)
{
    return keep_from_children(mmap(NULL, size, PROT_READ | PROT_WRITE,
                                   MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0),
                              size);
}

static uint8_t *map_to_execute(uint8_t *write, size_t size)
{
    void *p = mremap(write, 0, size, MREMAP_MAYMOVE);
    if (p != MAP_FAILED && mprotect(p, size, PROT_READ | PROT_EXEC)) {
        int why = errno;
        munmap(p, size);
        errno = why;
        return NULL;
    }
    return keep_from_children(p, size);
}

bool codebuf_init(struct codebuf *cb, size_t reserve, struct error *err)
{
    memset(cb, 0, sizeof *cb);
    mutex_init(&cb->lock);
    if (!reserve)
        reserve = CODEBUF_DEFAULT;
    if (reserve > CODEBUF_MAX) {
        error_set(err, "code buffer: %zu bytes is more than %u MiB", reserve, CODEBUF_MAX >> 20);
        goto fail;
    }
    reserve = ALIGN_UP(reserve, HOST_PAGE);
    cb->stats.reserve = reserve;
    cb->write = map_to_write(reserve);
    if (cb->write)
        cb->exec = map_to_execute(cb->write, reserve);
    if (!cb->exec) {
        error_set(err, "code buffer: cannot map %zu MiB to execute: %s", reserve >> 20,
                  strerror(errno));
        goto fail;
    }
    cb->sync = membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE) == 0;
    return true;
fail:
    codebuf_fini(cb);
    return false;
}

void codebuf_fini(struct codebuf *cb)
{
    while (cb->holes) {
        struct codebuf_hole *next = cb->holes->next;
        free(cb->holes);
        cb->holes = next;
    }
    if (cb->write)
        munmap(cb->write, cb->stats.reserve);
    if (cb->exec)
        munmap(cb->exec, cb->stats.reserve);
    cb->write = cb->exec = NULL;
    mutex_fini(&cb->lock);
}

// Puts [off, off+size) among the holes, joined with its neighbours. Without memory to note it the
// stretch is lost until the end of the run, nothing worse.
static void add_hole(struct codebuf *cb, size_t off, size_t size)
{
    struct codebuf_hole **link = &cb->holes, *prev = NULL;
    if (!size)
        return;
    cb->stats.holes += size;
    while (*link && (*link)->off < off) {
        prev = *link;
        link = &prev->next;
    }
    struct codebuf_hole *next = *link;
    assert(!prev || prev->off + prev->size <= off);
    assert(!next || off + size <= next->off);
    if (prev && prev->off + prev->size == off) {
        prev->size += size;
    } else {
        struct codebuf_hole *h = malloc(sizeof *h);
        if (!h)
            return;
        *h = (struct codebuf_hole){off, size, next};
        *link = prev = h;
    }
    if (next && prev->off + prev->size == next->off) {
        prev->size += next->size;
        prev->next = next->next;
        free(next);
    }
}

// Takes [off, off+size) out of the hole at *link; what is left before and after stays.
static void take_from_hole(struct codebuf *cb, struct codebuf_hole **link, size_t off, size_t size)
{
    struct codebuf_hole h = **link;
    struct codebuf_hole *old = *link;
    *link = h.next;
    free(old);
    cb->stats.holes -= h.size;
    add_hole(cb, h.off, off - h.off);
    add_hole(cb, off + size, h.off + h.size - (off + size));
}

// The hole that ends at the top can grow.
static void grow_hole(struct codebuf *cb, struct codebuf_hole *h, size_t end)
{
    if (end <= h->off + h->size)
        return;
    cb->stats.holes += end - (h->off + h->size);
    h->size = end - h->off;
    cb->top = end;
}

static bool find_room(struct codebuf *cb, size_t size, size_t align, size_t *off, bool *reused)
{
    for (struct codebuf_hole **link = &cb->holes; *link; link = &(*link)->next) {
        size_t at = ALIGN_UP((*link)->off, align);
        size_t end = (*link)->off + (*link)->size;
        if (end == cb->top)
            end = cb->stats.reserve;
        if (at > end || end - at < size)
            continue;
        grow_hole(cb, *link, at + size);
        take_from_hole(cb, link, at, size);
        *off = at;
        *reused = true;
        return true;
    }
    size_t at = ALIGN_UP(cb->top, align);
    if (at > cb->stats.reserve || cb->stats.reserve - at < size)
        return false;
    add_hole(cb, cb->top, at - cb->top);
    cb->top = at + size;
    *off = at;
    *reused = false;
    return true;
}

bool codebuf_alloc(struct codebuf *cb, size_t size, size_t align, struct codebuf_span *span)
{
    assert(size && align && !(align & (align - 1)) && align <= HOST_PAGE);
    *span = (struct codebuf_span){0};
    size_t off = 0;
    bool reused = false;
    mutex_lock(&cb->lock);
    bool ok = size <= cb->stats.reserve;
    if (ok) {
        size = ALIGN_UP(size, CODEBUF_GRAIN);
        ok = find_room(cb, size, align < CODEBUF_GRAIN ? CODEBUF_GRAIN : align, &off, &reused);
    }
    if (ok) {
        cb->stats.used += size;
        if (cb->stats.used > cb->stats.peak)
            cb->stats.peak = cb->stats.used;
        cb->stats.allocated++;
        *span = (struct codebuf_span){cb->write + off, cb->exec + off, size, reused};
    } else {
        cb->stats.refused++;
    }
    mutex_unlock(&cb->lock);
    return ok;
}

// The whole pages of a freed stretch go back to the host; they read as zeroes, not as traps, but
// nobody is there any more.
static void give_back(struct codebuf *cb, size_t off, size_t size)
{
    size_t first = ALIGN_UP(off, HOST_PAGE), last = ALIGN_DOWN(off + size, HOST_PAGE);
    if (last > first)
        madvise(cb->write + first, last - first, MADV_REMOVE);
}

void codebuf_free(struct codebuf *cb, const struct codebuf_span *span)
{
    if (!span->size)
        return;
    size_t off = (size_t)(span->write - cb->write);
    mutex_lock(&cb->lock);
    assert(off + span->size <= cb->top && cb->exec + off == span->exec);
    memset(span->write, TRAP, span->size);
    give_back(cb, off, span->size);
    cb->stats.used -= span->size;
    cb->stats.freed++;
    add_hole(cb, off, span->size);
    mutex_unlock(&cb->lock);
}

void codebuf_empty(struct codebuf *cb)
{
    mutex_lock(&cb->lock);
    while (cb->holes) {
        struct codebuf_hole *next = cb->holes->next;
        free(cb->holes);
        cb->holes = next;
    }
    give_back(cb, 0, cb->top);
    cb->stats.used = cb->stats.holes = 0;
    add_hole(cb, 0, cb->top); // what is taken from it counts as used before
    mutex_unlock(&cb->lock);
}

void codebuf_publish(struct codebuf *cb, const struct codebuf_span *span)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    // Code that is changed through another address than it runs at wants every processor to
    // serialize before it gets there (Intel SDM volume 3, "Self-Modifying Code").
    if (span->reused && cb->sync)
        membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE);
}

void codebuf_stats(struct codebuf *cb, struct codebuf_stats *out)
{
    mutex_lock(&cb->lock);
    *out = cb->stats;
    mutex_unlock(&cb->lock);
}
