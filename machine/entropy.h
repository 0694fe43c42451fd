// SPDX-License-Identifier: GPL-3.0-or-later
// The one door for random bytes that reach the guest: the host's, or a repeatable sequence (-seed).
// Machine lock.
#ifndef MACHINE_ENTROPY_H
#define MACHINE_ENTROPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct entropy {
    bool seeded;
    uint64_t state; // of the sequence
};

// opaque is a struct entropy.
void entropy_fill(void *opaque, void *to, size_t len);

#endif
