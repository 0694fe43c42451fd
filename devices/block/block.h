// SPDX-License-Identifier: GPL-3.0-or-later
// The block layer: a disk's bytes, independent of who asks for them and where they lie.
//
// A request is submitted and completes by its callback, once, with 0 or an errno. Until
// block_start() it completes inside block_submit(). After it, requests run in threads of the
// disk's own and complete later, under the lock that was given; one that can be served without
// waiting may still complete inside block_submit(). Requests that are in flight together have no
// order; a flush covers what had completed before it was submitted, and when it completes that is
// on stable storage. Requests are checked here, once, for every back end: outside the disk or
// against a read-only disk they fail without reaching it.
#ifndef DEVICES_BLOCK_BLOCK_H
#define DEVICES_BLOCK_BLOCK_H

#include "base/error.h"
#include "base/thread.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/uio.h>

struct block;
struct block_pool;

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
    // The layer's, from submission to completion:
    struct block_request *next;
    int error;
};

struct block_ops {
    // Returns 0 or an errno. The request has been checked. Any thread, several at a time; may
    // sleep.
    int (*run)(struct block *b, struct block_request *req);
    // The same for a READ or WRITE of a few pages, if that can be done without waiting; EAGAIN if
    // it cannot. Optional.
    int (*attempt)(struct block *b, struct block_request *req);
    void (*close)(struct block *b);
    // A back end that keeps requests itself (in tests) has these two instead of run.
    void (*submit)(struct block *b, struct block_request *req);
    void (*drain)(struct block *b); // returns when all have completed
};

struct block {
    const struct block_ops *ops;
    uint64_t size; // bytes
    bool readonly;
    bool memory;             // its file lies in the host's memory: a WRITE does not wait for a disk
    char name[256];          // for messages: the path as the user gave it
    struct block_pool *pool; // after block_start()
    bool reported;           // atomic: the user has been told of a failure
    // Called after one or more done() that came out of a thread or a drain; may be NULL. The
    // user's, set before block_start().
    void (*delivered)(void *opaque);
    void *delivered_opaque;
};

// From here on requests run in threads and complete under `lock`. block_submit(), block_kick() and
// block_drain() are then called under it.
void block_start(struct block *b, struct mutex *lock);

// Whoever has submitted one or several calls block_kick(), or they may lie there for long.
void block_submit(struct block *b, struct block_request *req);
void block_kick(struct block *b);

// Returns when nothing is in flight: all callbacks have been made, in this thread.
void block_drain(struct block *b);

// Drains first; the lock must not be held. Accepts NULL.
void block_close(struct block *b);

// Runs a checked request; a failure is the host's, and the user is told of the first.
int block_perform(struct block *b, struct block_request *req);

// For back ends and tools that want to wait: runs a request of their own in this thread and
// returns 0 or an errno; done is not called. Any thread.
int block_run(struct block *b, struct block_request *req);

// Names of image formats, as on the command line.
enum block_format {
    BLOCK_FORMAT_UNSAID, // by the first bytes of the file
    BLOCK_FORMAT_RAW,
    BLOCK_FORMAT_QCOW2,
};

struct block_options {
    enum block_format format;
    bool readonly;
    bool backing; // the file's own word for its backing file may be followed (qcow2)
};

// Opens an image of any format. See docs/disk-images.md for what is refused and why.
struct block *image_open(const char *path, const struct block_options *options, struct error *err);

// A raw image. Locked (OFD): shared when readonly, exclusive otherwise. A block device works too.
struct block *raw_open(const char *path, bool readonly, struct error *err);

// Whether that is a file, which had no bytes but zeros when it was made.
bool raw_is_file(const struct block *b);

// A raw image that nobody has called raw: writes that would make another format of it are refused.
struct block *raw_open_guarded(const char *path, bool readonly, struct error *err);

// A qcow2 image, version 2 or 3, locked in the same way. See qcow2.h.
struct block *qcow2_open(const char *path, bool readonly, bool backing, struct error *err);

// A writable view of base whose writes go to an unlinked temporary file in $TMPDIR (/var/tmp)
// and are forgotten at close. Takes over base (also when it fails).
struct block *overlay_open(struct block *base, struct error *err);

#endif
