// SPDX-License-Identifier: GPL-3.0-or-later
// The persistent cache: what compile workers made, kept for the next boot.
//
// A directory of the user's, with one file for each batch that was compiled (merged with others
// later). A file holds whole recipes and the images made from them. It is found by a hash of the
// guest code at an entry; that the recipe's guest bytes are those in the guest's memory is for the
// caller to compare, byte for byte. A file is used only if this very armlet made it (build id) on
// a processor with these features, and if nobody but the user could have written it.
//
// Files are written under another name, synced and renamed, never changed afterwards: several
// armlets may use a directory at once, and a crash or a power cut leaves a file whole or absent.
// Whatever is wrong with a file or the directory costs the cache, never the guest: it is said in
// one line for each kind of trouble and gone on without.
//
// Threads: any, for an open cache. cache_write() works without one, in compile workers.
#ifndef JIT_CACHE_H
#define JIT_CACHE_H

#include "base/error.h"
#include "jit/region.h"

#include <stdio.h>

#define CACHE_NAME_SIZE     64 // of a file in the directory, with the terminating zero
#define CACHE_IDENTITY_SIZE 256
#define CACHE_DEFAULT_SIZE  (UINT64_C(256) << 20)

struct cache;

// Where to and by whom: all that a writer needs. No pointers; owned by the cache.
struct cache_target {
    char dir[512];                      // "": nowhere
    char identity[CACHE_IDENTITY_SIZE]; // build and processor
    uint64_t max_bytes;
};

struct cache_options {
    const char *dir;      // NULL: $XDG_CACHE_HOME/armlet/code, else ~/.cache/armlet/code
    uint64_t max_bytes;   // above which least recently used files go; 0: CACHE_DEFAULT_SIZE
    const char *compiler; // further part of the identity: the compiler's version; may be NULL
    // Trouble, in one line without a newline. Any thread. May be NULL.
    void (*say)(void *opaque, const char *line);
    void *opaque;
};

struct cache_stats {
    uint64_t files, entries, bytes; // in the index
    uint64_t lookups, found;        // calls; of them with candidates
    uint64_t loaded, rejected;      // entries read; found to be no good
    uint64_t files_ignored;         // foreign, corrupt, of another user
};

// A compiled region.
struct cache_item {
    const struct region_recipe *recipe;
    const uint8_t *image;
    uint32_t size, align, entry; // as in struct compile_result
};

// A candidate of cache_lookup(); good until the cache is closed.
struct cache_ref {
    const struct cache_file *file;
    uint32_t offset, size;
    uint64_t hash;
};

// The same, read: recipe and image are one allocation.
struct cache_entry {
    struct cache_item item;
    void *memory; // cache_entry_free()
};

// Never fails but for want of memory (NULL): a directory that cannot be used is said and leaves
// an empty cache. Makes the directory.
struct cache *cache_open(const struct cache_options *options);
// Takes NULL. Nobody may use its references any more.
void cache_close(struct cache *c);
// What workers write to; NULL if the directory cannot be written to.
const struct cache_target *cache_target(const struct cache *c);

// The hash by which a region is found at one of its entries: of the mode, the page offset and the
// first guest instructions of the block there.
uint64_t cache_hash(uint64_t mode, uint32_t off, const void *insns, uint32_t n_insns);
// Candidates for a hash, newest first: at most max. Touches no file. Cheap enough for every block
// that gets hot.
unsigned cache_lookup(struct cache *c, uint64_t hash, struct cache_ref *refs, unsigned max);
// Reads a candidate and checks it: one for the same hash at least, which the caller compares with
// the guest's memory. False: no good. A few system calls, once in a while a look through the
// directory.
bool cache_read(struct cache *c, const struct cache_ref *ref, struct cache_entry *entry);
void cache_entry_free(struct cache_entry *entry);

// Adds a file with these; name gets the file's. Evicts what is too much. Any process, no cache
// open needed.
bool cache_write(const struct cache_target *target, const struct cache_item *items, unsigned n,
                 char name[CACHE_NAME_SIZE], struct error *err);
// Notes a file that cache_write() has added.
void cache_add(struct cache *c, const char *name);
// Asks the host to read the files into its memory, so that no vCPU waits for a disk later. For a
// process beside armlet.
void cache_warm(const struct cache_target *target);
// Joins small files of this identity into larger ones. For a worker or at the end of a run; skips
// if another process is at it. No reference of c's goes bad.
void cache_merge(const struct cache_target *target);

// `armlet cache list|clear`. dir as in the options.
bool cache_list(const char *dir, FILE *out, struct error *err);
bool cache_clear(const char *dir, FILE *out, struct error *err);

void cache_stats(struct cache *c, struct cache_stats *out);

#endif
