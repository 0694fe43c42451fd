// SPDX-License-Identifier: GPL-3.0-or-later
// Walking a list of buffers piece by piece.
#ifndef DEVICES_BLOCK_IOV_H
#define DEVICES_BLOCK_IOV_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>

// A place in a list of buffers; the list is not changed.
struct iov_cursor {
    const struct iovec *iov;
    int count;
    size_t skip; // bytes of iov[0] already passed
};

// Fills out[0..max) with the next buffers, at most len bytes of them; returns how many. *got is
// their sum. The cursor stays.
static inline int iov_peek(const struct iov_cursor *c, uint64_t len, struct iovec *out, int max,
                           uint64_t *got)
{
    int n = 0;
    *got = 0;
    for (int i = 0; i < c->count && n < max && *got < len; i++) {
        size_t skip = i ? 0 : c->skip;
        struct iovec v = {(uint8_t *)c->iov[i].iov_base + skip, c->iov[i].iov_len - skip};
        if (v.iov_len > len - *got)
            v.iov_len = len - *got;
        *got += v.iov_len;
        out[n++] = v;
    }
    return n;
}

static inline void iov_advance(struct iov_cursor *c, uint64_t len)
{
    while (len) {
        size_t left = c->iov->iov_len - c->skip;
        if (len < left) {
            c->skip += len;
            return;
        }
        len -= left;
        c->iov++;
        c->count--;
        c->skip = 0;
    }
}

// Zeros for the next len bytes; false if the list has no more.
static inline bool iov_zero(struct iov_cursor *c, uint64_t len)
{
    while (len) {
        struct iovec v;
        uint64_t got;
        if (!iov_peek(c, len, &v, 1, &got))
            return false;
        memset(v.iov_base, 0, v.iov_len);
        iov_advance(c, got);
        len -= got;
    }
    return true;
}

#endif
