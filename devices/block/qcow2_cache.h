// SPDX-License-Identifier: GPL-3.0-or-later
// Pieces of an image's tables in memory: at most 4 KiB each, found by where they lie in the file.
//
// One cache holds L2 tables, another refcount blocks. Everything is called under the image's lock.
// What has been changed stays until cache_written(): when it may be written is the image's
// business. A piece that is pinned stays, too. Beyond its capacity a cache throws out what was not
// used for longest; if nothing can go it grows, and cache_pressed() asks for a checkpoint.
#ifndef DEVICES_BLOCK_QCOW2_CACHE_H
#define DEVICES_BLOCK_QCOW2_CACHE_H

#include "devices/block/file.h"

#define CACHE_PIECE   4096u
#define CACHE_BUCKETS 1024u

struct cache_piece {
    uint64_t at;              // in the file, a multiple of the piece's size
    struct cache_piece *next; // in its bucket
    struct cache_piece *newer, *older;
    struct cache_piece *next_dirty;
    unsigned pins;
    bool dirty;
    uint8_t data[]; // as in the file: big-endian
};

struct cache {
    const struct block_file *file;
    unsigned size;     // bytes of a piece: CACHE_PIECE or a cluster, if that is less
    unsigned capacity; // pieces
    unsigned count, dirty_count;
    struct cache_piece *bucket[CACHE_BUCKETS];
    struct cache_piece *newest, *oldest;
    struct cache_piece *dirty;
};

void cache_init(struct cache *c, const struct block_file *file, unsigned size, unsigned capacity);
void cache_fini(struct cache *c);

// The piece with the byte at `at`, read from the file if need be: 0 or an errno. Valid until the
// next call, unless pinned.
int cache_get(struct cache *c, uint64_t at, struct cache_piece **piece);
struct cache_piece *cache_peek(struct cache *c, uint64_t at); // NULL: not in memory

void cache_dirty(struct cache *c, struct cache_piece *p);
bool cache_pressed(const struct cache *c);

// Takes the list of changed pieces, which then count as written.
struct cache_piece *cache_take_dirty(struct cache *c);

// Forgets the pieces of a range, which holds something else from now on.
void cache_drop(struct cache *c, uint64_t at, uint64_t len);

#endif
