// SPDX-License-Identifier: GPL-3.0-or-later
// A qcow2 image: what its files share, and what tools need beyond `struct block`.
//
// Threads: any number of requests at a time. `lock` guards the tables; nobody holds it while data
// moves. Who changes the mapping of clusters announces them first (struct qcow2_change) and those
// who want to change the same ones wait, so that old contents can be copied without the lock.
//
// Order on disk, so that the image is consistent whenever it all ends, by SIGKILL or loss of power:
//
//   1. data and refcounts of newly used clusters       then fdatasync
//   2. refcount table, if it has new blocks            then fdatasync
//   3. L2 entries and L1 entries                       then fdatasync
//   4. only now are clusters that lost their last reference free for others
//
// So a reference on disk always has its refcount on disk and its data; what can go wrong is that
// clusters leak. A guest's FLUSH is such a checkpoint. In between, changed tables stay in memory.
#ifndef DEVICES_BLOCK_QCOW2_H
#define DEVICES_BLOCK_QCOW2_H

#include "devices/block/block.h"
#include "devices/block/file.h"
#include "devices/block/qcow2_cache.h"
#include "devices/block/qcow2_header.h"

#define QCOW2_COPIED     BIT(63) // this entry is the only reference
#define QCOW2_COMPRESSED BIT(62)
#define QCOW2_ZERO       BIT(0) // version 3
#define QCOW2_OFFSET     UINT64_C(0x00fffffffffffe00)

#define QCOW2_INFLATED        4   // decompressed clusters that are kept
#define QCOW2_REFCOUNT_PIECES 256 // 1 MiB: of a file of 32 GiB with clusters of 64 KiB

// Guest clusters whose mapping somebody is changing; on his stack.
struct qcow2_change {
    struct qcow2_change *next;
    uint64_t first, count;
};

// A request that reads or writes clusters without the lock; on its stack. What is given up after
// `began` must not be used for something else before it ends.
struct qcow2_user {
    struct qcow2_user *next, **link;
    uint64_t began;
};

// Clusters that have lost a reference, which the file may not know yet.
struct qcow2_free {
    uint64_t cluster, count;
    uint64_t when; // as qcow2_user.began
};

struct qcow2_inflated {
    uint64_t entry; // the L2 entry; 0 for none
    uint8_t *data;
};

struct qcow2 {
    struct block block;
    struct block_file file;
    struct qcow2_header h;
    uint32_t cluster_size;
    unsigned l2_bits;      // log2 of the entries of an L2 table
    unsigned block_bits;   // log2 of the refcounts of a refcount block
    struct block *backing; // or NULL

    struct mutex lock;      // all below
    pthread_cond_t changed; // a change or a checkpoint has ended
    uint64_t *l1;           // entries, host byte order
    uint64_t *reftable;
    uint64_t reftable_entries;
    uint8_t *l1_dirty; // byte a sector of 64 entries
    bool reftable_dirty;
    struct cache l2, refs;
    uint64_t hint; // no cluster below is free
    uint64_t end;  // clusters from here on have never been written: they read as zeros
    struct qcow2_change *changes;
    struct qcow2_user *users;
    uint64_t now; // counts what was given up
    struct qcow2_free *frees;
    size_t free_count, free_capacity;
    size_t free_sealed; // of these, what a running checkpoint has taken into account
    struct qcow2_inflated inflated[QCOW2_INFLATED];
    unsigned next_inflated;
    uint64_t checkpoints_begun, checkpoints_done;
    int checkpoint_error; // of the last one
    int failed;           // errno of an fdatasync that failed: nothing is certain any more

    uint64_t packed; // where the next compressed cluster may go (armlet disk convert), or 0
};

static inline struct qcow2 *qcow2_of(struct block *b)
{
    return (struct qcow2 *)b;
}

// qcow2_refs.c: which host clusters are in use. Under the lock. ----------------------------------

// The refcount of a host cluster: 0 or an errno.
int qcow2_refcount(struct qcow2 *q, uint64_t cluster, uint64_t *count);

// Takes up to `want` free clusters that lie together. fresh: they read as zeros.
int qcow2_allocate(struct qcow2 *q, uint64_t want, uint64_t *cluster, uint64_t *got, bool *fresh);

// Adds to a refcount; ERANGE when it does not fit.
int qcow2_add_refcount(struct qcow2 *q, uint64_t cluster, int64_t add);

// Gives clusters back that nothing on disk has ever referred to.
void qcow2_unallocate(struct qcow2 *q, uint64_t cluster, uint64_t count);

// Gives up one reference to each, to be counted after the next checkpoint.
void qcow2_give_up(struct qcow2 *q, uint64_t cluster, uint64_t count);

// The sealed part of what has been given up: the file does not refer to it any more.
void qcow2_release(struct qcow2 *q);

// Writes the refcounts that are changed in memory; they are not durable then.
int qcow2_write_refcounts(struct qcow2 *q);

uint64_t qcow2_get_refcount(const uint8_t *block, unsigned order, uint64_t index);
void qcow2_set_refcount(uint8_t *block, unsigned order, uint64_t index, uint64_t value);

// qcow2_map.c: from guest to host clusters. Under the lock. --------------------------------------

enum qcow2_kind {
    QCOW2_NOTHING, // the backing file's, or zeros
    QCOW2_ZEROS,
    QCOW2_DATA,
    QCOW2_PACKED, // compressed
    QCOW2_BAD,    // no valid entry
};

struct qcow2_extent {
    enum qcow2_kind kind;
    bool own;       // writable in place (DATA), or a host cluster waits (ZEROS)
    uint64_t host;  // byte in the file (DATA); the cluster (own ZEROS)
    uint64_t len;   // guest bytes of which this holds
    uint64_t entry; // the first one's
};

enum qcow2_kind qcow2_entry_kind(const struct qcow2 *q, uint64_t entry);

// What lies at a guest offset, for up to len bytes.
int qcow2_map(struct qcow2 *q, uint64_t offset, uint64_t len, struct qcow2_extent *x);
// The same if no file has to be read for it, else EAGAIN.
int qcow2_map_cached(struct qcow2 *q, uint64_t offset, uint64_t len, struct qcow2_extent *x);

// The piece of the L2 table that has the entry of a guest cluster, writable, pinned; *index is the
// entry's in it. Makes the table if there is none.
int qcow2_get_entry(struct qcow2 *q, uint64_t cluster, struct cache_piece **piece, unsigned *index);

// Gives up what an entry refers to.
void qcow2_give_up_entry(struct qcow2 *q, uint64_t entry);

// Host clusters of a compressed entry, and its bytes in the file.
void qcow2_packed_place(const struct qcow2 *q, uint64_t entry, uint64_t *at, uint64_t *len);

// qcow2_flush.c ----------------------------------------------------------------------------------

// Makes everything durable that was done before the call, in the order above. Not under the lock.
int qcow2_checkpoint(struct qcow2 *q);

// Whether so much has changed in memory that a checkpoint is due. Under the lock.
bool qcow2_pressed(const struct qcow2 *q);

// qcow2_pack.c -----------------------------------------------------------------------------------

// The bytes of a compressed cluster, copied out of it. Not under the lock.
int qcow2_unpack(struct qcow2 *q, uint64_t entry, uint64_t skip, struct iov_cursor *c,
                 uint64_t len);
void qcow2_forget_unpacked(struct qcow2 *q, uint64_t entry); // under the lock

// Compresses a cluster into `to` (a cluster's room); 0 when that does not make it smaller.
size_t qcow2_pack(const struct qcow2 *q, const uint8_t *from, uint8_t *to);

// Writes a whole cluster compressed, if that pays. For tools: nobody else uses the image.
int qcow2_write_packed(struct qcow2 *q, uint64_t offset, const uint8_t *data);

// qcow2_check.c ----------------------------------------------------------------------------------

struct qcow2_check {
    uint64_t errors;                 // refcounts too low, references to nowhere, overlaps
    uint64_t leaks;                  // clusters counted and not used
    uint64_t clusters, packed, data; // of the guest: all, compressed, allocated
    uint64_t file_end;               // bytes in use at most
};

// Compares refcounts with references and, where repair is wished, makes them fit. out (may be
// NULL) gets a line for each of the first complaints. Nobody else uses the image.
bool qcow2_check_image(struct qcow2 *q, bool repair, struct qcow2_check *result, FILE *out,
                       struct error *err);

// qcow2_create.c ---------------------------------------------------------------------------------

struct qcow2_create_options {
    uint64_t size;           // bytes
    unsigned version;        // 2 or 3
    unsigned cluster_bits;   // 9 .. 21
    unsigned refcount_order; // 0 .. 6
    int compression;         // enum qcow2_compression
    bool lazy_refcounts;
    const char *backing, *backing_format; // or NULL
};

// Writes an empty image into an empty file.
bool qcow2_format_file(const struct block_file *file, const struct qcow2_create_options *o,
                       struct error *err);

// qcow2.c ----------------------------------------------------------------------------------------

// As qcow2_open(), of a file that is open already (taken over, also when it fails). A dirty image
// is repaired if `repair` and it is writable; `anyway` opens a corrupt one, too (to check it).
struct block *qcow2_open_file(struct block_file *file, const char *path, bool backing, bool repair,
                              bool anyway, struct error *err);

// Writes features and refcount table of q->h into the header, durably.
int qcow2_update_header(struct qcow2 *q);

#endif
