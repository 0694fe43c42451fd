// SPDX-License-Identifier: GPL-3.0-or-later
// The split virtqueue (virtio 1.1, 2.6), device side.
//
// The driver is hostile. Every index and descriptor is read from guest memory once, checked, and
// only the copy is used; a chain is handed out as host addresses that lie wholly inside RAM. Any
// breach of the rules is reported as an error string and nothing of that chain is used.
#ifndef DEVICES_VIRTIO_RING_H
#define DEVICES_VIRTIO_RING_H

#include "devices/bus.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#define VIRTQ_MAX_SIZE      256
#define VIRTQ_DESC_NEXT     1
#define VIRTQ_DESC_WRITE    2
#define VIRTQ_DESC_INDIRECT 4

struct virtq_state {            // plain, saved
    uint64_t desc, avail, used; // guest-physical
    uint32_t pfn;               // legacy QueuePFN, as written
    uint32_t align;             // legacy QueueAlign
    uint16_t size;              // QueueNum
    uint16_t last_avail;        // next entry of the available ring to look at
    uint16_t used_index;        // next entry of the used ring to write
    uint16_t signalled;         // used_index at the last interrupt (event index)
    uint8_t signalled_valid;
    uint8_t ready;
    uint8_t reserved[6];
};

// One request: first the readable buffers, then the writable ones. Empty descriptors are refused,
// so every iov has bytes.
struct virtq_chain {
    uint16_t head;
    int out_num, in_num;      // readable, writable
    uint64_t out_len, in_len; // bytes; their sum fits 32 bits
    struct iovec iov[VIRTQ_MAX_SIZE];
    gpa_t gpa[VIRTQ_MAX_SIZE]; // guest address of each
};

struct virtq {
    struct virtq_state *s;
    const struct bus *bus;
    bool indirect, event_idx; // negotiated
};

enum virtq_result { VIRTQ_EMPTY, VIRTQ_CHAIN, VIRTQ_BROKEN };

// Takes the next available chain. VIRTQ_BROKEN: *why says which rule was broken.
enum virtq_result virtq_pop(struct virtq *q, struct virtq_chain *chain, const char **why);

// Returns a chain to the driver; written is how many bytes of its writable part, from its
// beginning, were filled. false when the used ring is not in RAM.
bool virtq_push(struct virtq *q, const struct virtq_chain *chain, uint32_t written);

// The same in two steps, for a packet that takes several chains: virtq_fill() writes the n-th
// entry behind the used index (n from 0), and virtq_flush() shows the driver all `count` at once.
bool virtq_fill(struct virtq *q, uint16_t head, uint32_t written, unsigned n);
void virtq_flush(struct virtq *q, unsigned count);

// Takes back the last `count` calls of virtq_pop() that gave a chain: they come again. None of
// those chains may have been returned.
void virtq_unpop(struct virtq *q, unsigned count);

// Tells the bus that the first len bytes of the writable part were written (by other means than
// virtq_write()).
void virtq_written(struct virtq *q, const struct virtq_chain *chain, uint64_t len);

// Whether the driver wants an interrupt for what was pushed since the last call.
bool virtq_should_signal(struct virtq *q);

// Copies between a chain's bytes and a buffer, from offset `skip` of the readable (writable)
// part. Returns how many bytes there were.
size_t virtq_read(const struct virtq_chain *chain, size_t skip, void *to, size_t len);
size_t virtq_write(struct virtq *q, const struct virtq_chain *chain, size_t skip, const void *from,
                   size_t len);

#endif
