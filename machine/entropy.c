// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/entropy.h"

#include <assert.h>
#include <errno.h>
#include <sys/random.h>

static void from_host(uint8_t *to, size_t len)
{
    while (len) {
        ssize_t n = getrandom(to, len, 0);
        assert(n > 0 || errno == EINTR);
        if (n > 0) {
            to += n;
            len -= (size_t)n;
        }
    }
}

// splitmix64, a byte of each word.
static uint8_t next(struct entropy *e)
{
    uint64_t z = e->state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return (uint8_t)(z ^ z >> 31);
}

void entropy_fill(void *opaque, void *to, size_t len)
{
    struct entropy *e = opaque;
    if (!e->seeded) {
        from_host(to, len);
        return;
    }
    for (size_t i = 0; i < len; i++)
        ((uint8_t *)to)[i] = next(e);
}
