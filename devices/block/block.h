// SPDX-License-Identifier: GPL-3.0-or-later
// The block layer: a disk's bytes, independent of who asks for them and where they lie.
//
// A request is submitted and completes by its callback, once, with 0 or an errno. The back ends
// here complete inside block_submit(); callers must not rely on it, since a back end may hand the
// work to a thread and complete later under the machine lock. Requests that are in flight
// together have no order; a flush covers what had completed before it was submitted, and when it
// completes that is on stable storage. Requests are checked here, once, for every back end:
// outside the disk or against a read-only disk they fail without reaching it.
#ifndef DEVICES_BLOCK_BLOCK_H
#define DEVICES_BLOCK_BLOCK_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct block;

enum block_op {
    BLOCK_READ,
    BLOCK_WRITE,
    BLOCK_FLUSH,
    BLOCK_DISCARD,      // contents become zero or stay, as the back end likes
    BLOCK_WRITE_ZEROES, // contents become zero
};

struct block_request {
    enum block_op op;
    bool unmap;        // WRITE_ZEROES: space may be given back
    bool through;      // WRITE, WRITE_ZEROES: durable before it completes
    uint64_t offset;   // bytes
    uint64_t len;      // bytes; READ, WRITE: the sum of iov
    struct iovec *iov; // caller's until completion; its contents may be changed
    int iovcnt;
    void (*done)(struct block_request *req, int error); // 0 or an errno
    void *opaque;
};

struct block_ops {
    // Returns 0 or an errno. The request has been checked.
    int (*run)(struct block *b, struct block_request *req);
    void (*close)(struct block *b);
};

struct block {
    const struct block_ops *ops;
    uint64_t size; // bytes
    bool readonly;
    char name[256]; // for messages: the path as the user gave it
};

void block_submit(struct block *b, struct block_request *req);
void block_close(struct block *b); // accepts NULL

// A raw image. Locked (OFD): shared when readonly, exclusive otherwise. A block device works too.
struct block *raw_open(const char *path, bool readonly, struct error *err);

// A writable view of base whose writes go to an unlinked temporary file in $TMPDIR (/var/tmp)
// and are forgotten at close. Takes over base (also when it fails).
struct block *overlay_open(struct block *base, struct error *err);

#endif
