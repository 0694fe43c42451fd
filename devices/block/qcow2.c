// SPDX-License-Identifier: GPL-3.0-or-later
// Opening and closing qcow2 images.
#include "devices/block/qcow2.h"
#include "devices/block/image.h"
#include "devices/block/qcow2_io.h"
#include "devices/char/say.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

enum {
    L2_PIECES = 2048, // 8 MiB: 64 GiB of a disk with clusters of 64 KiB
    MAX_DEPTH = 16,   // of a backing chain
};

static struct block *open_image(struct block_file *file, const char *path, int depth, bool repair,
                                bool anyway, struct error *err);

// Tables -----------------------------------------------------------------------------------------

// A table of big-endian words, padded with zeros to `entries`.
static uint64_t *read_table(struct qcow2 *q, uint64_t at, uint64_t entries, struct error *err)
{
    uint64_t *table = calloc(entries + 1, 8);
    assert(table);
    int e = file_read(&q->file, table, at, entries * 8);
    if (e) {
        error_set(err, "%s", strerror(e));
        free(table);
        return NULL;
    }
    for (uint64_t n = 0; n < entries; n++)
        table[n] = get64(&table[n]);
    return table;
}

static bool read_tables(struct qcow2 *q, struct error *err)
{
    uint64_t l1_end = q->h.l1_offset + (uint64_t)q->h.l1_size * 8;
    q->reftable_entries = ((uint64_t)q->h.reftable_clusters << q->h.cluster_bits) / 8;
    // A table that the file does not hold would only cost memory.
    if (q->h.l1_offset >= q->file.size ||
        l1_end > ALIGN_UP(q->file.size, (uint64_t)q->cluster_size) ||
        q->h.reftable_offset >= q->file.size)
        return error_set(err, "damaged: its tables lie beyond the end of the file");
    q->l1 = read_table(q, q->h.l1_offset, q->h.l1_size, err);
    q->reftable = q->l1 ? read_table(q, q->h.reftable_offset, q->reftable_entries, err) : NULL;
    q->l1_dirty = calloc(q->h.l1_size / 64 + 1, 1);
    assert(q->l1_dirty);
    return q->reftable;
}

int qcow2_update_header(struct qcow2 *q)
{
    uint8_t table[12], features[24];
    put64(table, q->h.reftable_offset);
    put32(table + 8, q->h.reftable_clusters);
    put64(features, q->h.incompatible);
    put64(features + 8, q->h.compatible);
    put64(features + 16, q->h.autoclear);
    // All in the first sector: a loss of power leaves the old or the new header.
    uint8_t sector[512];
    int e = file_read(&q->file, sector, 0, sizeof sector);
    memcpy(sector + QCOW2_AT_REFTABLE, table, sizeof table);
    if (q->h.version > 2)
        memcpy(sector + QCOW2_AT_FEATURES, features, sizeof features);
    e = e ? e : file_write(&q->file, sector, 0, sizeof sector);
    return e ? e : file_sync(&q->file);
}

// Backing files ----------------------------------------------------------------------------------

// The name is relative to the image's directory. Anything like a protocol is refused.
static bool backing_path(const struct qcow2 *q, char *path, size_t size, struct error *err)
{
    const char *name = q->h.backing, *colon = strchr(name, ':'), *slash = strchr(name, '/');
    const char *end = strrchr(q->block.name, '/');
    int dir = *name == '/' || !end ? 0 : (int)(end - q->block.name) + 1;
    if (colon && (!slash || colon < slash))
        return error_set(err, "its backing file \"%s\" is not the name of a file", name);
    if (snprintf(path, size, "%.*s%s", dir, q->block.name, name) >= (int)size)
        return error_set(err, "its backing file's name is too long");
    return true;
}

// *named: the error says which file it is about.
static bool open_backing(struct qcow2 *q, int depth, bool *named, struct error *err)
{
    char path[PATH_MAX];
    bool raw = !strcmp(q->h.backing_format, "raw");
    struct block_file file;
    if (!*q->h.backing)
        return true;
    if (depth < 0)
        return error_set(err,
                         "needs its backing file \"%s\", which is not opened unless you say "
                         "backing=on (armlet disk: --backing)",
                         q->h.backing);
    if (depth == MAX_DEPTH)
        return error_set(err, "more than %d backing files in a chain", MAX_DEPTH);
    if (!backing_path(q, path, sizeof path, err))
        return false;
    if (!raw && *q->h.backing_format && strcmp(q->h.backing_format, "qcow2"))
        return error_set(err, "its backing file has the format \"%s\"; armlet has raw and qcow2",
                         q->h.backing_format);
    // Without a format the image would choose between two ways to read a file.
    if (!*q->h.backing_format && image_probe(path) != BLOCK_FORMAT_QCOW2)
        return error_set(err,
                         "does not say what format its backing file \"%s\" has, and that is "
                         "no qcow2 (qemu-img rebase -u -F raw tells it)",
                         q->h.backing);
    if (raw)
        q->backing = raw_open(path, true, err);
    else if (file_open(&file, path, true, err))
        q->backing = open_image(&file, path, depth + 1, false, false, err);
    *named = !q->backing;
    return q->backing;
}

// Opening ----------------------------------------------------------------------------------------

static bool read_header(struct qcow2 *q, struct error *err)
{
    size_t size = q->file.size < QCOW2_HEADER_READ ? (size_t)q->file.size : QCOW2_HEADER_READ;
    uint8_t *bytes = calloc(1, size + 1);
    assert(bytes);
    int e = file_read(&q->file, bytes, 0, size);
    bool ok = e ? error_set(err, "%s", strerror(e)) : qcow2_header_parse(&q->h, bytes, size, err);
    free(bytes);
    return ok;
}

static void set_geometry(struct qcow2 *q)
{
    q->cluster_size = 1u << q->h.cluster_bits;
    q->l2_bits = q->h.cluster_bits - 3;
    q->block_bits = q->h.cluster_bits + 3 - q->h.refcount_order;
    q->block.size = ALIGN_UP(q->h.size, UINT64_C(512));
    q->block.readonly = q->file.readonly;
    // A block device's end is not where its image ends, and what is there is not zeros.
    q->end =
        q->file.regular ? (q->file.size + q->cluster_size - 1) >> q->h.cluster_bits : UINT64_MAX;
    cache_init(&q->l2, &q->file, q->cluster_size, L2_PIECES);
    cache_init(&q->refs, &q->file, q->cluster_size, QCOW2_REFCOUNT_PIECES);
}

// What has to be put right before anything is written.
static bool make_writable(struct qcow2 *q, bool repair, struct error *err)
{
    struct qcow2_check result;
    if (q->block.readonly)
        return true;
    if (q->h.incompatible & QCOW2_DIRTY && repair) {
        say("%s: was not closed; counting its clusters again", q->block.name);
        return qcow2_check_image(q, true, &result, NULL, err);
    }
    if (!q->h.autoclear)
        return true;
    q->h.autoclear = 0; // features that a writer who does not know them takes away, as here
    int e = qcow2_update_header(q);
    return e ? error_set(err, "%s", strerror(e)) : true;
}

static bool set_up(struct qcow2 *q, int depth, bool repair, bool anyway, bool *named,
                   struct error *err)
{
    if (!read_header(q, err))
        return false;
    set_geometry(q);
    if (q->h.incompatible & QCOW2_CORRUPT && !q->block.readonly && !anyway)
        return error_set(err, "is marked as corrupt (armlet disk check --repair, or readonly=on)");
    return read_tables(q, err) && (anyway || open_backing(q, depth, named, err)) &&
           make_writable(q, repair, err);
}

static void release(struct qcow2 *q)
{
    block_close(q->backing);
    file_close(&q->file);
    cache_fini(&q->l2);
    cache_fini(&q->refs);
    for (unsigned n = 0; n < QCOW2_INFLATED; n++)
        free(q->inflated[n].data);
    pthread_cond_destroy(&q->changed);
    mutex_fini(&q->lock);
    free(q->l1);
    free(q->l1_dirty);
    free(q->reftable);
    free(q->frees);
    free(q);
}

static void qcow2_close(struct block *b)
{
    struct qcow2 *q = qcow2_of(b);
    // Twice: the second one counts what the first one has set free.
    int e = b->readonly ? 0 : qcow2_checkpoint(q);
    if (!e && !b->readonly && q->refs.dirty_count)
        e = qcow2_checkpoint(q);
    if (e)
        say("%s: could not write all of its tables: %s", b->name, strerror(e));
    release(q);
}

// depth < 0: backing files are not opened.
static struct block *open_image(struct block_file *file, const char *path, int depth, bool repair,
                                bool anyway, struct error *err)
{
    static const struct block_ops ops = {
        .run = qcow2_run, .attempt = qcow2_attempt, .close = qcow2_close};
    struct qcow2 *q = calloc(1, sizeof *q);
    assert(q);
    q->block.ops = &ops;
    snprintf(q->block.name, sizeof q->block.name, "%s", path);
    q->file = *file;
    mutex_init(&q->lock);
    pthread_cond_init(&q->changed, NULL);
    bool named = false;
    if (set_up(q, depth, repair, anyway, &named, err)) {
        q->block.memory = q->file.memory && !q->backing; // whose file may lie elsewhere
        return &q->block;
    }
    if (!named)
        error_prefix(err, "%s", path);
    else if (depth <= 0)
        error_prefix(err, "%s: backing file", path);
    release(q);
    return NULL;
}

struct block *qcow2_open_file(struct block_file *file, const char *path, bool backing, bool repair,
                              bool anyway, struct error *err)
{
    return open_image(file, path, backing ? 0 : -1, repair, anyway, err);
}

struct block *qcow2_open(const char *path, bool readonly, bool backing, struct error *err)
{
    struct block_file file;
    if (!file_open(&file, path, readonly, err))
        return NULL;
    return qcow2_open_file(&file, path, backing, true, false, err);
}
