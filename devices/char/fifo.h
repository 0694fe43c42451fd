// SPDX-License-Identifier: GPL-3.0-or-later
// A queue of bytes that grows, for character back ends.
#ifndef DEVICES_CHAR_FIFO_H
#define DEVICES_CHAR_FIFO_H

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct fifo {
    uint8_t *data;
    size_t head, len, capacity; // bytes data[head .. head+len) are queued
};

static inline const uint8_t *fifo_head(const struct fifo *f)
{
    return f->data + f->head;
}

static inline void fifo_drop(struct fifo *f, size_t n)
{
    f->len -= n;
    f->head = f->len ? f->head + n : 0;
}

// Keeps one byte beyond the end, so that a caller may terminate a string there.
static inline void fifo_put(struct fifo *f, const void *from, size_t n)
{
    if (f->head + f->len + n + 1 > f->capacity) {
        if (f->len)
            memmove(f->data, f->data + f->head, f->len);
        f->head = 0;
        if (f->len + n + 1 > f->capacity) {
            f->capacity = 2 * (f->len + n) + 64;
            f->data = realloc(f->data, f->capacity);
            assert(f->data);
        }
    }
    if (n)
        memcpy(f->data + f->head + f->len, from, n);
    f->len += n;
}

static inline void fifo_fini(struct fifo *f)
{
    free(f->data);
    *f = (struct fifo){0};
}

#endif
