// SPDX-License-Identifier: GPL-3.0-or-later
// Between armlet, its zygote and the compile workers. Within jit/worker*.c only.
//
// armlet and the zygote share a packet socket: one struct zygote_command or zygote_event a packet.
// A worker has a stream socket of its own: a wire_batch, then for each recipe a wire_recipe and the
// recipe; back come a wire_reply and for each recipe a wire_product, its text or image following.
// Both ends are the same executable; sizes are checked nevertheless, since a worker may have lost
// its mind.
#ifndef JIT_WORKER_WIRE_H
#define JIT_WORKER_WIRE_H

#include "jit/worker.h"

#include <sys/types.h>

#define WIRE_BATCH     0x61726231u
#define WIRE_REPLY     0x61727031u
#define WIRE_STORED    0x61737431u
#define WIRE_MAX_REPLY (64u << 20) // bytes after the header
#define WIRE_MAX_TEXT  256u

struct zygote_command {
    // SPAWN carries the worker's socket; STOP and GO_ON: the worker and what it runs.
    enum { ZYGOTE_SPAWN, ZYGOTE_KILL, ZYGOTE_STOP, ZYGOTE_GO_ON } what;
    uint32_t serial;
};

struct zygote_event {
    enum { ZYGOTE_EXITED, ZYGOTE_NO_ASSEMBLER } what;
    uint32_t serial;
    int32_t status;  // of wait(); -1: it could not be forked
    uint64_t cpu_us; // all it used
};

struct wire_batch {
    uint32_t magic, n, size; // size: bytes that follow
    uint32_t cpu_limit_s;
};

struct wire_recipe {
    uint32_t size;
};

struct wire_reply {
    uint32_t magic, n, size; // size: bytes that follow; WIRE_STORED: text alone
    uint32_t ok;             // WIRE_STORED: it was; WIRE_REPLY: the compiler made an object
    uint32_t retiring;       // the worker wants to be replaced
    uint64_t cpu_us;         // since the last reply
};

struct wire_product {
    uint32_t ok; // else `size` bytes of text say why not
    uint32_t size, align, entry;
};

// The zygote. Returns never; everything but `control` and stderr is closed.
void zygote_main(const struct compile_options *options, int control) __attribute__((noreturn));

// A worker process, from its first instruction on. tmp: a directory of its own.
void worker_main(const struct compile_options *options, int fd, const char *tmp)
    __attribute__((noreturn));

// All of it, or false.
bool wire_read(int fd, void *buf, size_t size);
bool wire_write(int fd, const void *buf, size_t size);

#endif
