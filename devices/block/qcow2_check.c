// SPDX-License-Identifier: GPL-3.0-or-later
// Compares an image's refcounts with what refers to its clusters, and repairs.
//
// All references are counted: header, L1 tables, L2 tables, data, snapshots, the refcounts' own
// tables. Repair does not mend the old refcounts. It writes new ones behind everything else and
// then changes the header, in one sector, so it may end at any moment; the old tables are free
// after that. An entry that points to nowhere is reported and left.
//
// Work and memory are bounded by the size of the file, whatever its tables say.
#include "devices/block/qcow2.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    MAX_COMPLAINTS = 20,
    MAX_CLUSTERS = 1 << 27, // of the file: 512 MiB of counters, of which zeros take no memory
    MAX_SNAPSHOTS = 1024,
    SNAPSHOT_HEADER = 40, // bytes
};

struct walk {
    struct qcow2 *q;
    uint32_t *refs; // by cluster of the file
    uint64_t clusters;
    unsigned l1_count; // L1 tables walked before
    struct qcow2_check *result;
    FILE *out;
    unsigned complaints;
    uint8_t *table; // room for a cluster
};

static void complain(struct walk *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void complain(struct walk *w, const char *fmt, ...)
{
    va_list args;
    w->complaints++;
    if (!w->out || w->complaints > MAX_COMPLAINTS)
        return;
    va_start(args, fmt);
    vfprintf(w->out, fmt, args);
    va_end(args);
    fputs(w->complaints == MAX_COMPLAINTS ? "\n(no more lines of this kind)\n" : "\n", w->out);
}

// Counts a reference to every cluster of a range; false when it leaves the file.
static bool count(struct walk *w, uint64_t at, uint64_t len, const char *what)
{
    uint64_t first = at >> w->q->h.cluster_bits, last = (at + len - 1) >> w->q->h.cluster_bits;
    if (!len)
        return true;
    if (last >= w->clusters || last < first) {
        w->result->errors++;
        complain(w, "%s at 0x%llx lies beyond the end of the file", what, (unsigned long long)at);
        return false;
    }
    for (uint64_t n = first; n <= last; n++)
        w->refs[n] += w->refs[n] < UINT32_MAX;
    if ((last + 1) << w->q->h.cluster_bits > w->result->file_end)
        w->result->file_end = (last + 1) << w->q->h.cluster_bits;
    return true;
}

static bool aligned(struct walk *w, uint64_t at, const char *what)
{
    if (!(at & (w->q->cluster_size - 1)))
        return true;
    w->result->errors++;
    complain(w, "%s at 0x%llx is not at the beginning of a cluster", what, (unsigned long long)at);
    return false;
}

static void walk_entry(struct walk *w, uint64_t entry, bool active)
{
    uint64_t at = entry & QCOW2_OFFSET, len = w->q->cluster_size;
    uint64_t end = w->clusters << w->q->h.cluster_bits;
    switch (qcow2_entry_kind(w->q, entry)) {
    case QCOW2_BAD:
        w->result->errors++;
        complain(w, "an L2 entry, 0x%llx, refers to no cluster of data", (unsigned long long)entry);
        return;
    case QCOW2_PACKED:
        qcow2_packed_place(w->q, entry, &at, &len);
        if (at < end && at + len > end) // its last sector may not be whole
            len = end - at;
        w->result->packed += active;
        break;
    default:
        if (!at)
            return;
        break;
    }
    w->result->data += active;
    count(w, at, len, "a cluster of data");
}

static int walk_l2(struct walk *w, uint64_t at, bool active)
{
    int e = file_read(&w->q->file, w->table, at, w->q->cluster_size);
    for (uint32_t n = 0; !e && n < w->q->cluster_size; n += 8)
        if (get64(w->table + n))
            walk_entry(w, get64(w->table + n), active);
    return e;
}

// A table that one L1 table names twice is walked once: damage, and it could take forever.
static int walk_l1(struct walk *w, const uint64_t *l1, uint64_t entries, bool active)
{
    int e = 0;
    w->l1_count++;
    for (uint64_t n = 0; !e && n < entries; n++) {
        uint64_t at = l1[n] & QCOW2_OFFSET;
        if (!at || !aligned(w, at, "an L2 table") ||
            !count(w, at, w->q->cluster_size, "an L2 table"))
            continue;
        if (w->refs[at >> w->q->h.cluster_bits] > w->l1_count) {
            w->result->errors++;
            complain(w, "the L2 table at 0x%llx has more than one owner", (unsigned long long)at);
            continue;
        }
        e = walk_l2(w, at, active);
    }
    return e;
}

static int walk_snapshot_l1(struct walk *w, uint64_t at, uint32_t entries)
{
    uint64_t bytes = (uint64_t)entries * 8;
    if (bytes > QCOW2_MAX_L1 || !aligned(w, at, "a snapshot's L1 table") ||
        !count(w, at, bytes, "a snapshot's L1 table")) {
        w->result->errors += bytes > QCOW2_MAX_L1;
        return 0;
    }
    uint64_t *l1 = malloc(bytes + 8);
    assert(l1);
    int e = file_read(&w->q->file, l1, at, bytes);
    for (uint32_t n = 0; n < entries; n++)
        l1[n] = get64(&l1[n]);
    e = e ? e : walk_l1(w, l1, entries, false);
    free(l1);
    return e;
}

static int walk_snapshots(struct walk *w)
{
    uint64_t begin = w->q->h.snapshots_offset, at = begin;
    int e = 0;
    for (uint32_t n = 0; !e && n < w->q->h.snapshots; n++) {
        uint8_t s[SNAPSHOT_HEADER];
        e = file_read(&w->q->file, s, at, sizeof s);
        if (e)
            break;
        uint64_t extra = get32(s + 36), names = (uint64_t)get16(s + 12) + get16(s + 14);
        at = ALIGN_UP(at + sizeof s + extra + names, UINT64_C(8));
        e = walk_snapshot_l1(w, get64(s), get32(s + 8));
    }
    count(w, begin, at - begin, "the snapshot table");
    return e;
}

static void walk_refcounts(struct walk *w)
{
    count(w, w->q->h.reftable_offset, w->q->reftable_entries * 8, "the refcount table");
    for (uint64_t n = 0; n < w->q->reftable_entries; n++)
        if (w->q->reftable[n] && aligned(w, w->q->reftable[n], "a refcount block"))
            count(w, w->q->reftable[n], w->q->cluster_size, "a refcount block");
}

// Refcounts in two blocks that are one, or in one that is also something else, are wrong for
// somebody: the comparison finds it.
static void compare(struct walk *w)
{
    for (uint64_t n = 0; n < w->clusters; n++) {
        uint64_t stored;
        if (qcow2_refcount(w->q, n, &stored)) {
            stored = 0;
            w->result->errors++;
        }
        if (stored == w->refs[n])
            continue;
        *(stored < w->refs[n] ? &w->result->errors : &w->result->leaks) += 1;
        complain(w, "cluster %llu has refcount %llu and %u references", (unsigned long long)n,
                 (unsigned long long)stored, w->refs[n]);
    }
}

// COPIED flags -----------------------------------------------------------------------------------

// What an entry should be; compressed and empty ones have no flag.
static uint64_t with_flag(const struct walk *w, uint64_t entry, bool l1)
{
    uint64_t cluster = (entry & QCOW2_OFFSET) >> w->q->h.cluster_bits;
    bool bad = !l1 && qcow2_entry_kind(w->q, entry) == QCOW2_BAD;
    if ((!l1 && entry & QCOW2_COMPRESSED) || !cluster || bad || cluster >= w->clusters)
        return entry;
    return w->refs[cluster] == 1 ? entry | QCOW2_COPIED : entry & ~QCOW2_COPIED;
}

static int flags_of_table(struct walk *w, uint64_t at, bool repair)
{
    bool changed = false;
    int e = file_read(&w->q->file, w->table, at, w->q->cluster_size);
    for (uint32_t n = 0; !e && n < w->q->cluster_size; n += 8) {
        uint64_t entry = get64(w->table + n), right = with_flag(w, entry, false);
        if (entry == right)
            continue;
        changed = true;
        put64(w->table + n, right);
        if (!repair) {
            w->result->errors++;
            complain(w, "the flag \"copied\" of the L2 entry 0x%llx is wrong",
                     (unsigned long long)entry);
        }
    }
    return !e && changed && repair ? file_write(&w->q->file, w->table, at, w->q->cluster_size) : e;
}

static int flags(struct walk *w, bool repair)
{
    struct qcow2 *q = w->q;
    int e = 0;
    for (uint64_t n = 0; !e && n < q->h.l1_size; n++) {
        uint64_t at = q->l1[n] & QCOW2_OFFSET, right = with_flag(w, q->l1[n], true);
        if (!at || at & (q->cluster_size - 1) || at >> q->h.cluster_bits >= w->clusters)
            continue;
        if (right != q->l1[n] && repair) {
            uint8_t bytes[8];
            q->l1[n] = right;
            put64(bytes, right);
            e = file_write(&q->file, bytes, q->h.l1_offset + 8 * n, sizeof bytes);
        } else if (right != q->l1[n]) {
            w->result->errors++;
            complain(w, "the flag \"copied\" of the L1 entry 0x%llx is wrong",
                     (unsigned long long)q->l1[n]);
        }
        if (!e && w->refs[at >> q->h.cluster_bits] <= w->l1_count) // as in walk_l1()
            e = flags_of_table(w, at, repair);
    }
    return e;
}

// Repair -----------------------------------------------------------------------------------------

struct rebuild {
    uint64_t *table; // host byte order, whole clusters
    uint64_t table_clusters, blocks, first, total;
};

static bool block_needed(const struct walk *w, const struct rebuild *r, uint64_t block)
{
    uint64_t begin = block << w->q->block_bits, end = (block + 1) << w->q->block_bits;
    if (end > r->first && begin < r->total)
        return true; // for what is new
    for (uint64_t n = begin; n < end && n < w->clusters; n++)
        if (w->refs[n])
            return true;
    return false;
}

// The new tables lie behind the file's end; they must be counted by themselves.
static struct rebuild plan(const struct walk *w)
{
    struct rebuild r = {.first = w->clusters, .table_clusters = 1, .total = w->clusters + 2};
    for (;;) {
        uint64_t blocks = 0, last = (r.total - 1) >> w->q->block_bits;
        for (uint64_t n = 0; n <= last; n++)
            blocks += block_needed(w, &r, n);
        uint64_t table = ((last + 1) * 8 + w->q->cluster_size - 1) >> w->q->h.cluster_bits;
        if (blocks <= r.blocks && table <= r.table_clusters)
            return r;
        r.blocks = blocks > r.blocks ? blocks : r.blocks;
        r.table_clusters = table > r.table_clusters ? table : r.table_clusters;
        r.total = r.first + r.blocks + r.table_clusters;
    }
}

static int write_block(struct walk *w, const struct rebuild *r, uint64_t block, uint64_t at)
{
    uint64_t begin = block << w->q->block_bits;
    memset(w->table, 0, w->q->cluster_size);
    for (uint64_t i = 0; i < BIT(w->q->block_bits) && begin + i < r->total; i++) {
        uint64_t refs = begin + i < w->clusters ? w->refs[begin + i] : 1;
        if (refs > mask64(1u << w->q->h.refcount_order))
            return ERANGE;
        qcow2_set_refcount(w->table, w->q->h.refcount_order, i, refs);
    }
    return file_write(&w->q->file, w->table, at, w->q->cluster_size);
}

static int write_rebuilt(struct walk *w, struct rebuild *r)
{
    uint64_t entries = r->table_clusters * w->q->cluster_size / 8, used = 0;
    int e = 0;
    r->table = calloc(entries, 8);
    assert(r->table);
    for (uint64_t n = 0; !e && n <= (r->total - 1) >> w->q->block_bits; n++) {
        if (!block_needed(w, r, n))
            continue;
        r->table[n] = (r->first + used++) << w->q->h.cluster_bits;
        e = write_block(w, r, n, r->table[n]);
    }
    uint64_t at = (r->first + r->blocks) << w->q->h.cluster_bits;
    for (uint64_t c = 0; !e && c < r->table_clusters; c++) {
        for (uint32_t i = 0; i < w->q->cluster_size / 8; i++)
            put64(w->table + 8 * i, r->table[c * w->q->cluster_size / 8 + i]);
        e = file_write(&w->q->file, w->table, at + (c << w->q->h.cluster_bits), w->q->cluster_size);
    }
    return e ? e : file_sync(&w->q->file);
}

// What refers to clusters once the old refcounts are no more.
static void uncount_refcounts(struct walk *w)
{
    uint64_t bits = w->q->h.cluster_bits, at = w->q->h.reftable_offset >> bits;
    for (uint64_t n = 0; n < w->q->h.reftable_clusters && at + n < w->clusters; n++)
        w->refs[at + n] -= w->refs[at + n] > 0;
    for (uint64_t n = 0; n < w->q->reftable_entries; n++) {
        uint64_t block = w->q->reftable[n] >> bits;
        if (w->q->reftable[n] && !(w->q->reftable[n] & (w->q->cluster_size - 1)) &&
            block < w->clusters)
            w->refs[block] -= w->refs[block] > 0;
    }
}

static void adopt(struct qcow2 *q, struct rebuild *r)
{
    q->h.reftable_offset = (r->first + r->blocks) << q->h.cluster_bits;
    q->h.reftable_clusters = (uint32_t)r->table_clusters;
    cache_fini(&q->refs);
    cache_init(&q->refs, &q->file, q->cluster_size, QCOW2_REFCOUNT_PIECES);
    free(q->reftable);
    q->reftable = r->table;
    q->reftable_entries = r->table_clusters * q->cluster_size / 8;
    q->reftable_dirty = false;
    q->hint = 0;
    q->end = q->end < r->total ? r->total : q->end;
}

static int repair_image(struct walk *w, bool mendable)
{
    struct qcow2 *q = w->q;
    uncount_refcounts(w);
    struct rebuild r = plan(w);
    if (r.table_clusters * q->cluster_size > QCOW2_MAX_REFTABLE ||
        r.total << q->h.cluster_bits >= QCOW2_MAX_OFFSET)
        return EFBIG;
    int e = write_rebuilt(w, &r);
    if (e) {
        free(r.table);
        return e;
    }
    adopt(q, &r);
    if (q->h.version > 2)
        q->h.incompatible |= QCOW2_DIRTY; // until the flags fit, too
    q->h.autoclear = 0;
    e = qcow2_update_header(q);
    e = e ? e : flags(w, true);
    e = e ? e : file_sync(&q->file);
    if (e)
        return e;
    q->h.incompatible &= ~(uint64_t)(QCOW2_DIRTY | (mendable ? QCOW2_CORRUPT : 0));
    return qcow2_update_header(q);
}

// ------------------------------------------------------------------------------------------------

// Errors that new refcounts do not mend are counted first.
static int walk_all(struct walk *w, uint64_t *lasting)
{
    struct qcow2 *q = w->q;
    count(w, 0, q->cluster_size, "the header");
    count(w, q->h.l1_offset, (uint64_t)q->h.l1_size * 8, "the L1 table");
    int e = walk_l1(w, q->l1, q->h.l1_size, true);
    e = e ? e : walk_snapshots(w);
    *lasting = w->result->errors;
    walk_refcounts(w);
    if (!e)
        compare(w);
    return e ? e : flags(w, false);
}

static bool can_check(const struct qcow2 *q, bool repair, uint64_t clusters, struct error *err)
{
    if (clusters > MAX_CLUSTERS)
        return error_set(err, "too large to check (%llu clusters)", (unsigned long long)clusters);
    if (q->h.snapshots > MAX_SNAPSHOTS)
        return error_set(err, "has too many snapshots to check (%u)", q->h.snapshots);
    if (!repair && q->h.bitmaps && q->h.autoclear & 1)
        return error_set(err,
                         "has persistent bitmaps, which armlet does not check (qemu-img does)");
    return true;
}

bool qcow2_check_image(struct qcow2 *q, bool repair, struct qcow2_check *result, FILE *out,
                       struct error *err)
{
    uint64_t lasting = 0;
    struct walk w = {.q = q, .result = result, .out = out};
    *result = (struct qcow2_check){0};
    result->clusters = (q->block.size + q->cluster_size - 1) >> q->h.cluster_bits;
    off_t end = lseek(q->file.fd, 0, SEEK_END);
    w.clusters = ((uint64_t)(end < 0 ? 0 : end) + q->cluster_size - 1) >> q->h.cluster_bits;
    if (!can_check(q, repair, w.clusters, err))
        return false;
    w.refs = calloc(w.clusters + 1, sizeof *w.refs);
    w.table = malloc(q->cluster_size);
    assert(w.refs && w.table);
    int e = walk_all(&w, &lasting);
    bool needed =
        result->errors || result->leaks || q->h.incompatible & (QCOW2_DIRTY | QCOW2_CORRUPT);
    if (!e && repair && needed)
        e = repair_image(&w, !lasting);
    if (!e && repair) { // what is left
        result->errors = lasting;
        result->leaks = 0;
    }
    free(w.refs);
    free(w.table);
    return e ? error_set(err, "could not %s: %s", repair ? "repair it" : "check it", strerror(e))
             : true;
}
