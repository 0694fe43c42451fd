// SPDX-License-Identifier: GPL-3.0-or-later
// An open cache: the index in memory, made at the start by reading every file's rows.
//
// A few files stay open; the others are opened for each read (many descriptors are dear: growing
// the table of a process with threads waits for all of them). One that is gone was evicted or
// merged, by another armlet or by our own zygote: then the directory is looked through for what has
// come in its place. Files and rows are never removed from the index
// while it lives: a bad file is marked. Everything that changes is under `lock`, but no file is
// read under it once the cache is open.
#include "base/thread.h"
#include "jit/cache_file.h"
#include "jit/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAX_OPEN      24u
#define HASH_INSNS    8u                 // of a block, that its hash is made from
#define RESCAN_NS     INT64_C(500000000) // not more often
#define FIRST_BUCKETS 1024u

struct cache_file {
    struct cache_file *next;
    char name[CACHE_NAME_SIZE];
    int fd;            // -1: opened for each read
    bool bad, touched; // atomic
};

struct row {
    struct cache_ref ref;
    uint32_t next; // in its bucket, plus one; 0 ends
};

enum trouble { TROUBLE_DIR, TROUBLE_WRITE, TROUBLE_FOREIGN, TROUBLE_CORRUPT, TROUBLE_COUNT };

struct cache {
    struct cache_target target;
    bool writable;
    int dir; // -1: nothing is kept
    void (*say)(void *opaque, const char *line);
    void *opaque;

    struct mutex lock;
    struct cache_file *files;
    unsigned nr_open;
    struct row *rows;
    uint32_t nr_rows, row_room;
    uint32_t *buckets;   // first row plus one
    uint32_t nr_buckets; // a power of two
    bool said[TROUBLE_COUNT];
    int64_t rescanned; // ns
    struct cache_stats stats;
};

// One line for each kind of trouble.
static void trouble(struct cache *c, enum trouble kind, const char *what, const char *name)
{
    char line[640];
    mutex_lock(&c->lock);
    bool said = c->said[kind];
    c->said[kind] = true;
    mutex_unlock(&c->lock);
    if (said || !c->say)
        return;
    if (name)
        snprintf(line, sizeof line, "code cache: %.400s/%s: %s", c->target.dir, name, what);
    else
        snprintf(line, sizeof line, "%s", what);
    c->say(c->opaque, line);
}

uint64_t cache_hash(uint64_t mode, uint32_t off, const void *insns, uint32_t n_insns)
{
    uint64_t h = hash_word(hash_word(HASH_START, mode), off);
    return hash_bytes(h, insns, (n_insns < HASH_INSNS ? n_insns : HASH_INSNS) * 4u);
}

// Index -------------------------------------------------------------------------------------------

static bool rehash(struct cache *c)
{
    uint32_t n = c->nr_buckets ? c->nr_buckets * 4 : FIRST_BUCKETS;
    uint32_t *buckets = calloc(n, sizeof *buckets);
    if (!buckets)
        return false;
    for (uint32_t i = 0; i < c->nr_rows; i++) {
        uint32_t *b = &buckets[c->rows[i].ref.hash & (n - 1)];
        c->rows[i].next = *b;
        *b = i + 1;
    }
    free(c->buckets);
    c->buckets = buckets;
    c->nr_buckets = n;
    return true;
}

static bool add_row(struct cache *c, const struct cache_file *f, const struct cache_file_row *r)
{
    if (c->nr_rows == c->row_room) {
        uint32_t room = c->row_room * 2 + FIRST_BUCKETS;
        struct row *rows = realloc(c->rows, room * sizeof *rows);
        if (!rows)
            return false;
        c->rows = rows;
        c->row_room = room;
    }
    if (c->nr_rows >= c->nr_buckets && !rehash(c))
        return false;
    uint32_t *b = &c->buckets[r->hash & (c->nr_buckets - 1)];
    c->rows[c->nr_rows] = (struct row){{f, r->offset, r->size, r->hash}, *b};
    *b = ++c->nr_rows;
    return true;
}

static void add_rows(struct cache *c, struct cache_file *f, const struct cache_file_header *h,
                     const struct cache_file_row *rows)
{
    mutex_lock(&c->lock);
    f->next = c->files;
    c->files = f;
    c->stats.files++;
    c->stats.entries += h->nr_entries;
    c->stats.bytes += h->size;
    for (uint32_t i = 0; i < h->nr_rows; i++)
        if (!add_row(c, f, &rows[i]))
            break;
    if (c->nr_open < MAX_OPEN)
        c->nr_open++;
    else {
        close(f->fd);
        f->fd = -1;
    }
    mutex_unlock(&c->lock);
}

static void ignore_file(struct cache *c, const char *name, enum cache_verdict v)
{
    if (v != CACHE_CORRUPT && v != CACHE_FOREIGN)
        return;
    mutex_lock(&c->lock);
    c->stats.files_ignored++;
    mutex_unlock(&c->lock);
    if (c->writable)
        unlinkat(c->dir, name, 0);
    if (v == CACHE_CORRUPT)
        trouble(c, TROUBLE_CORRUPT, "damaged, ignored", name);
    else
        trouble(c, TROUBLE_FOREIGN, "ignored, not written by you alone", name);
}

void cache_add(struct cache *c, const char *name)
{
    struct cache_file *f;
    struct cache_file_header h;
    struct cache_file_row *rows;
    struct stat st;
    int fd;
    if (c->dir < 0 || !cache_dir_is_ours(name))
        return;
    enum cache_verdict v = cache_file_open(c->dir, name, &fd, &st);
    if (v == CACHE_GOOD) {
        v = cache_file_index(fd, c->target.identity, &h, &rows);
        f = v == CACHE_GOOD ? calloc(1, sizeof *f) : NULL;
        if (f) {
            snprintf(f->name, sizeof f->name, "%s", name);
            f->fd = fd;
            add_rows(c, f, &h, rows);
        } else {
            close(fd);
        }
        free(rows);
    }
    ignore_file(c, name, v);
}

static bool known(struct cache *c, const char *name)
{
    const struct cache_file *f;
    mutex_lock(&c->lock);
    for (f = c->files; f && strcmp(f->name, name); f = f->next)
        ;
    mutex_unlock(&c->lock);
    return f;
}

// What has gone (merged, evicted) is no candidate any more.
static void forget_gone(struct cache *c, const struct cache_dir_item *list, size_t n)
{
    mutex_lock(&c->lock);
    for (struct cache_file *f = c->files; f; f = f->next) {
        size_t i = 0;
        while (i < n && strcmp(list[i].name, f->name))
            i++;
        // One that is open can be read for as long as it is.
        if (i == n && f->fd < 0)
            __atomic_store_n(&f->bad, true, __ATOMIC_RELAXED);
    }
    mutex_unlock(&c->lock);
}

// Adds the files of the directory that are of this identity and not yet known.
static void scan(struct cache *c)
{
    struct cache_dir_item *list;
    char prefix[20];
    snprintf(prefix, sizeof prefix, "%016" PRIx64 "-",
             hash_bytes(HASH_START, c->target.identity, strlen(c->target.identity)));
    size_t n = cache_dir_scan(c->dir, &list);
    for (size_t i = 0; i < n; i++)
        if (!strncmp(list[i].name, prefix, strlen(prefix)) && !known(c, list[i].name))
            cache_add(c, list[i].name);
    forget_gone(c, list, n);
    free(list);
}

struct cache *cache_open(const struct cache_options *options)
{
    struct cache *c = calloc(1, sizeof *c);
    struct error err;
    if (!c)
        return NULL;
    mutex_init(&c->lock);
    c->dir = -1;
    c->say = options->say;
    c->opaque = options->opaque;
    c->target.max_bytes = options->max_bytes ? options->max_bytes : CACHE_DEFAULT_SIZE;
    cache_identity(options->compiler, c->target.identity);
    if (cache_dir_name(options->dir, c->target.dir, sizeof c->target.dir, &err))
        c->dir = cache_dir_open(c->target.dir, true, &err);
    if (c->dir < 0) {
        trouble(c, TROUBLE_DIR, err.text, NULL);
        return c;
    }
    c->writable = faccessat(c->dir, ".", W_OK | X_OK, AT_EACCESS) == 0;
    if (!c->writable) {
        error_set(&err, "code cache: %.400s: %s, nothing is added", c->target.dir, strerror(errno));
        trouble(c, TROUBLE_WRITE, err.text, NULL);
    }
    scan(c);
    return c;
}

void cache_close(struct cache *c)
{
    if (!c)
        return;
    while (c->files) {
        struct cache_file *next = c->files->next;
        if (c->files->fd >= 0)
            close(c->files->fd);
        free(c->files);
        c->files = next;
    }
    if (c->dir >= 0)
        close(c->dir);
    free(c->rows);
    free(c->buckets);
    mutex_fini(&c->lock);
    free(c);
}

const struct cache_target *cache_target(const struct cache *c)
{
    return c->dir >= 0 && c->writable ? &c->target : NULL;
}

// Use ---------------------------------------------------------------------------------------------

static unsigned lookup(struct cache *c, uint64_t hash, struct cache_ref *refs, unsigned max)
{
    unsigned n = 0;
    mutex_lock(&c->lock);
    uint32_t i = c->nr_buckets ? c->buckets[hash & (c->nr_buckets - 1)] : 0;
    for (; i && n < max; i = c->rows[i - 1].next) {
        const struct cache_ref *r = &c->rows[i - 1].ref;
        if (r->hash == hash && !__atomic_load_n(&r->file->bad, __ATOMIC_RELAXED))
            refs[n++] = *r;
    }
    mutex_unlock(&c->lock);
    return n;
}

unsigned cache_lookup(struct cache *c, uint64_t hash, struct cache_ref *refs, unsigned max)
{
    unsigned n = lookup(c, hash, refs, max);
    mutex_lock(&c->lock);
    c->stats.lookups++;
    c->stats.found += n > 0;
    mutex_unlock(&c->lock);
    return n;
}

static enum cache_verdict read_ref(struct cache *c, const struct cache_ref *ref,
                                   struct cache_entry *entry)
{
    struct cache_file *f = (struct cache_file *)ref->file;
    struct stat st;
    int fd = f->fd;
    enum cache_verdict v = CACHE_GOOD;
    if (fd < 0)
        v = cache_file_open(c->dir, f->name, &fd, &st);
    if (v == CACHE_GOOD &&
        !cache_entry_read(fd, ref->offset, ref->size, &entry->item, &entry->memory))
        v = CACHE_CORRUPT;
    if (v == CACHE_GOOD && c->writable && !__atomic_exchange_n(&f->touched, true, __ATOMIC_RELAXED))
        futimens(fd, NULL); // once a run: this is what eviction goes by
    if (fd >= 0 && fd != f->fd)
        close(fd);
    if (v != CACHE_GOOD && !__atomic_exchange_n(&f->bad, true, __ATOMIC_RELAXED))
        ignore_file(c, f->name, v);
    return v;
}

// The same entry in a file that has come since; of that hash, that is: the caller of cache_read()
// compares in any case. One of the same size first: merging keeps one image of each recipe.
static bool find_again(struct cache *c, struct cache_ref *ref)
{
    struct cache_ref refs[16];
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    int64_t now = t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
    mutex_lock(&c->lock);
    bool look = c->rescanned == 0 || now - c->rescanned > RESCAN_NS;
    if (look)
        c->rescanned = now;
    mutex_unlock(&c->lock);
    if (look)
        scan(c);
    unsigned n = lookup(c, ref->hash, refs, ARRAY_SIZE(refs));
    for (unsigned i = 0; i < n; i++) {
        if (refs[i].size != ref->size)
            continue;
        *ref = refs[i];
        return true;
    }
    if (n)
        *ref = refs[0];
    return n;
}

bool cache_read(struct cache *c, const struct cache_ref *ref, struct cache_entry *entry)
{
    struct cache_ref r = *ref;
    memset(entry, 0, sizeof *entry);
    enum cache_verdict v = read_ref(c, &r, entry);
    if (v == CACHE_GONE && find_again(c, &r))
        v = read_ref(c, &r, entry);
    mutex_lock(&c->lock);
    if (v == CACHE_GOOD)
        c->stats.loaded++;
    else
        c->stats.rejected++;
    mutex_unlock(&c->lock);
    return v == CACHE_GOOD;
}

void cache_entry_free(struct cache_entry *entry)
{
    free(entry->memory);
    memset(entry, 0, sizeof *entry);
}

bool cache_write(const struct cache_target *target, const struct cache_item *items, unsigned n,
                 char name[CACHE_NAME_SIZE], struct error *err)
{
    struct cache_builder b = {0};
    int dir = cache_dir_open(target->dir, false, err);
    bool ok = dir >= 0;
    name[0] = 0;
    for (unsigned i = 0; i < n && ok; i++)
        cache_builder_add(&b, &items[i]);
    if (ok && !b.nr_entries)
        ok = error_set(err, "code cache: nothing that can be kept");
    if (ok && b.size > target->max_bytes / 2)
        ok = error_set(err, "code cache: %zu bytes at once are too many", b.size);
    if (ok)
        ok = cache_builder_write(&b, dir, target->identity, name, err);
    if (ok)
        cache_dir_trim(dir, target->max_bytes);
    cache_builder_free(&b);
    if (dir >= 0)
        close(dir);
    return ok;
}

void cache_stats(struct cache *c, struct cache_stats *out)
{
    mutex_lock(&c->lock);
    *out = c->stats;
    mutex_unlock(&c->lock);
}
