// SPDX-License-Identifier: GPL-3.0-or-later
// The host file (or block device) under an image: opened, locked, moved to and from in whole.
//
// Everything here returns 0 or an errno and may be called by several threads at a time.
#ifndef DEVICES_BLOCK_FILE_H
#define DEVICES_BLOCK_FILE_H

#include "base/error.h"
#include "devices/block/iov.h"

#include <stdbool.h>
#include <stdint.h>

struct block_file {
    int fd;
    bool readonly;
    bool regular;      // not a block device
    bool memory;       // on tmpfs: never waits for a disk
    bool no_nowait[2]; // the host cannot read (write) without waiting
    uint64_t size;     // bytes, at opening
};

// An OFD lock on the whole file: shared when readonly, exclusive otherwise; it also holds against
// a second opening by the same process, and against QEMU.
bool file_open(struct block_file *f, const char *path, bool readonly, struct error *err);

// A new file of no bytes, locked. There must be none of that name unless replace.
bool file_create(struct block_file *f, const char *path, bool replace, struct error *err);
void file_close(struct block_file *f);

// Fills in what there is to know of f->fd, which is a file; for those who open it themselves.
void file_examine(struct block_file *f);

// len bytes at `at` from or to the next buffers; the cursor moves. What the file lacks of them
// reads as zeros from zeros_from on and is an error before. sync: durable on return.
int file_readv(const struct block_file *f, struct iov_cursor *c, uint64_t at, uint64_t len,
               uint64_t zeros_from);
int file_writev(const struct block_file *f, struct iov_cursor *c, uint64_t at, uint64_t len,
                bool sync);
int file_read(const struct block_file *f, void *to, uint64_t at, size_t len); // zeros from 0
int file_write(const struct block_file *f, const void *from, uint64_t at, size_t len);

// All of it now, or EAGAIN (part of it may then have been moved).
int file_attempt(struct block_file *f, bool write, const struct iovec *iov, int n, uint64_t at,
                 uint64_t len);

int file_write_zeros(const struct block_file *f, uint64_t at, uint64_t len); // as bytes
bool file_punch(const struct block_file *f, uint64_t at, uint64_t len); // gives space back: zeros
bool file_zero(const struct block_file *f, uint64_t at, uint64_t len);  // keeps it: zeros
int file_sync(const struct block_file *f);

#endif
