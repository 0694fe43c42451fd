// SPDX-License-Identifier: GPL-3.0-or-later
// What looks at a cache from outside: merging small files, `armlet cache list|clear`.
#include "jit/cache_file.h"
#include "jit/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MERGE_SMALL (256u << 10) // bytes: files below are merged
#define MERGE_LARGE (4u << 20)   // into files of about this size
#define MERGE_FILES 16u          // when there are so many

// Merging and reading ahead
// -----------------------------------------------------------------------------------------

struct merge {
    const struct cache_target *target;
    int dir;
    struct cache_builder builder;
    struct cache_dir_item *list; // the files to be merged
    size_t first, n;             // those in the builder: list[first .. n-1]
    uint64_t *seen;              // hashes of entries in the builder, for duplicates
    size_t nr_seen, seen_room;
};

static bool seen(struct merge *m, uint64_t h)
{
    for (size_t i = 0; i < m->nr_seen; i++)
        if (m->seen[i] == h)
            return true;
    if (m->nr_seen == m->seen_room) {
        size_t room = m->seen_room * 2 + 256;
        uint64_t *p = realloc(m->seen, room * sizeof *p);
        if (!p)
            return false;
        m->seen = p;
        m->seen_room = room;
    }
    m->seen[m->nr_seen++] = h;
    return false;
}

// A region is the same if its recipe is, but for what weight the blocks had: any image will do.
static uint64_t recipe_hash(const struct region_recipe *r)
{
    uint64_t h = HASH_START;
    for (uint32_t i = 0; i < r->nr_blocks; i++) {
        struct region_block b = r->blocks[i];
        b.weight = 0;
        h = hash_bytes(h, &b, sizeof b);
    }
    h = hash_bytes(hash_word(h, r->mode), r->pages, r->nr_pages * sizeof r->pages[0]);
    return hash_word(h, r->nr_entries);
}

static void merge_entry(struct merge *m, int fd, const struct cache_file_row *r)
{
    struct cache_item item;
    void *memory;
    if (!cache_entry_read(fd, r->offset, r->size, &item, &memory))
        return;
    if (!seen(m, recipe_hash(item.recipe)))
        cache_builder_add(&m->builder, &item);
    free(memory);
}

// Entries have a row for each of their hashes; they are read at the first of them.
static bool merge_file(struct merge *m, const char *name)
{
    struct cache_file_header h;
    struct cache_file_row *rows;
    struct stat st;
    int fd;
    if (cache_file_open(m->dir, name, &fd, &st) != CACHE_GOOD)
        return false;
    bool ok = cache_file_index(fd, m->target->identity, &h, &rows) == CACHE_GOOD;
    for (uint32_t i = 0; ok && i < h.nr_rows; i++)
        if (i == 0 || rows[i].offset != rows[i - 1].offset)
            merge_entry(m, fd, &rows[i]);
    free(rows);
    close(fd);
    return ok;
}

// Writes what has come together, then removes the files it came from.
static void merge_finish(struct merge *m)
{
    char name[CACHE_NAME_SIZE];
    if (m->n > m->first + 1 && m->builder.nr_entries &&
        cache_builder_write(&m->builder, m->dir, m->target->identity, name, NULL)) {
        int64_t t = m->list[m->n - 1].mtime; // used as lately as the latest of them
        struct timespec when = {t / INT64_C(1000000000), t % INT64_C(1000000000)};
        utimensat(m->dir, name, (struct timespec[2]){when, when}, 0);
        for (size_t i = m->first; i < m->n; i++)
            unlinkat(m->dir, m->list[i].name, 0);
    }
    cache_builder_free(&m->builder);
    m->nr_seen = 0;
    m->first = m->n;
}

// Keeps the files of this identity that are smaller than that.
static size_t pick(const struct cache_target *target, struct cache_dir_item *list, size_t n,
                   uint64_t below)
{
    char prefix[20];
    size_t kept = 0;
    snprintf(prefix, sizeof prefix, "%016" PRIx64 "-",
             hash_bytes(HASH_START, target->identity, strlen(target->identity)));
    for (size_t i = 0; i < n; i++)
        if (list[i].size < below && !strncmp(list[i].name, prefix, strlen(prefix)))
            list[kept++] = list[i];
    return kept;
}

void cache_warm(const struct cache_target *target)
{
    struct cache_dir_item *list = NULL;
    int dir = cache_dir_open(target->dir, false, NULL), fd;
    struct stat st;
    size_t n = dir >= 0 ? cache_dir_scan(dir, &list) : 0;
    n = pick(target, list, n, UINT64_MAX);
    for (size_t i = n; i-- > 0;) { // what was used last comes first
        if (cache_file_open(dir, list[i].name, &fd, &st) != CACHE_GOOD)
            continue;
        posix_fadvise(fd, 0, 0, POSIX_FADV_WILLNEED);
        close(fd);
    }
    free(list);
    if (dir >= 0)
        close(dir);
}

void cache_merge(const struct cache_target *target)
{
    struct merge m = {.target = target, .dir = cache_dir_open(target->dir, false, NULL)};
    int lock = m.dir >= 0 ? cache_dir_lock(m.dir) : -1;
    if (lock >= 0) {
        size_t n = cache_dir_scan(m.dir, &m.list);
        n = pick(target, m.list, n, MERGE_SMALL);
        while (n >= MERGE_FILES && m.n < n) {
            merge_file(&m, m.list[m.n].name);
            m.n++;
            if (m.builder.size >= MERGE_LARGE)
                merge_finish(&m);
        }
        merge_finish(&m);
        close(lock);
    }
    free(m.list);
    free(m.seen);
    if (m.dir >= 0)
        close(m.dir);
}

// armlet cache ------------------------------------------------------------------------------------

static const char *describe(int dir, const char *name, uint32_t *entries, char *identity)
{
    struct cache_file_header h;
    struct cache_file_row *rows = NULL;
    struct stat st;
    int fd;
    *entries = 0;
    identity[0] = 0;
    enum cache_verdict v = cache_file_open(dir, name, &fd, &st);
    if (v == CACHE_GOOD) {
        v = cache_file_index(fd, NULL, &h, &rows);
        free(rows);
        close(fd);
    }
    if (v == CACHE_FOREIGN)
        return "not written by you alone";
    if (v == CACHE_GONE)
        return "cannot be read";
    if (v != CACHE_GOOD)
        return "damaged";
    *entries = h.nr_entries;
    snprintf(identity, CACHE_IDENTITY_SIZE, "%s", h.identity);
    return NULL;
}

bool cache_list(const char *dir, FILE *out, struct error *err)
{
    struct cache_dir_item *list = NULL;
    char path[512], mine[CACHE_IDENTITY_SIZE], identity[CACHE_IDENTITY_SIZE];
    uint64_t bytes = 0, entries = 0;
    if (!cache_dir_name(dir, path, sizeof path, err))
        return false;
    int fd = cache_dir_open(path, false, err);
    if (fd < 0)
        return false;
    size_t n = cache_dir_scan(fd, &list);
    cache_identity(NULL, mine);
    for (size_t i = 0; i < n; i++) {
        uint32_t regions;
        const char *why = describe(fd, list[i].name, &regions, identity);
        time_t t = (time_t)(list[i].mtime / INT64_C(1000000000));
        struct tm tm;
        char when[32] = "";
        if (localtime_r(&t, &tm))
            strftime(when, sizeof when, "%Y-%m-%d %H:%M", &tm);
        // The compiler's version comes last in an identity and is not known here.
        if (!why)
            why = strncmp(identity, mine, strlen(mine)) ? "another armlet or processor" : "";
        fprintf(out, "%s  %5u regions  %8" PRIu64 " bytes  used %s  %s\n", list[i].name, regions,
                list[i].size, when, why);
        bytes += list[i].size;
        entries += regions;
    }
    fprintf(out, "%s: %zu files, %" PRIu64 " regions, %" PRIu64 " bytes\n", path, n, entries,
            bytes);
    free(list);
    close(fd);
    return true;
}

bool cache_clear(const char *dir, FILE *out, struct error *err)
{
    struct cache_dir_item *list = NULL;
    char path[512];
    size_t removed = 0;
    int reason = 0;
    if (!cache_dir_name(dir, path, sizeof path, err))
        return false;
    int fd = cache_dir_open(path, false, err);
    if (fd < 0)
        return false;
    size_t n = cache_dir_scan(fd, &list);
    for (size_t i = 0; i < n; i++) {
        if (unlinkat(fd, list[i].name, 0) == 0)
            removed++;
        else
            reason = errno;
    }
    free(list);
    close(fd);
    fprintf(out, "%s: %zu files removed\n", path, removed);
    return removed == n || error_set(err, "code cache: %.300s: %s", path, strerror(reason));
}
