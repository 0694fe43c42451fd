// SPDX-License-Identifier: GPL-3.0-or-later
#include "jit/cache_file.h"

#include "jit/hash.h"
#include "jit/loader.h"
#include "jit/worker_wire.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

// A recipe without its zeroes: this, nr_blocks blocks, nr_pages deltas, the bytes of each block.
struct packed_recipe {
    uint64_t mode;
    uint32_t nr_pages, nr_blocks, nr_entries, n_insns;
};

// Recipes -----------------------------------------------------------------------------------------

// Bytes of a packed recipe, or 0 for one that is none.
static size_t packed_size(const struct region_recipe *r)
{
    size_t size = sizeof(struct packed_recipe);
    if (r->nr_pages > REGION_MAX_PAGES || r->nr_blocks > REGION_MAX_BLOCKS)
        return 0;
    size += r->nr_blocks * sizeof r->blocks[0] + r->nr_pages * sizeof r->pages[0].delta;
    for (uint32_t i = 0; i < r->nr_blocks; i++) {
        const struct region_block *b = &r->blocks[i];
        if (b->page >= r->nr_pages || b->off + b->n_insns * 4u > PAGE_SIZE)
            return 0;
        size += b->n_insns * 4u;
    }
    return size;
}

static void pack(const struct region_recipe *r, uint8_t *p)
{
    struct packed_recipe h = {r->mode, r->nr_pages, r->nr_blocks, r->nr_entries, r->n_insns};
    memcpy(p, &h, sizeof h);
    p += sizeof h;
    memcpy(p, r->blocks, r->nr_blocks * sizeof r->blocks[0]);
    p += r->nr_blocks * sizeof r->blocks[0];
    for (uint32_t i = 0; i < r->nr_pages; i++, p += sizeof r->pages[0].delta)
        memcpy(p, &r->pages[i].delta, sizeof r->pages[0].delta);
    for (uint32_t i = 0; i < r->nr_blocks; i++) {
        const struct region_block *b = &r->blocks[i];
        memcpy(p, r->pages[b->page].bytes + b->off, b->n_insns * 4u);
        p += b->n_insns * 4u;
    }
}

static bool take(const uint8_t **p, size_t *left, void *to, size_t size)
{
    if (*left < size)
        return false;
    memcpy(to, *p, size);
    *p += size;
    *left -= size;
    return true;
}

// r is all zeroes.
static bool unpack(const uint8_t *p, size_t left, struct region_recipe *r)
{
    struct packed_recipe h;
    if (!take(&p, &left, &h, sizeof h) || h.nr_pages > REGION_MAX_PAGES ||
        h.nr_blocks > REGION_MAX_BLOCKS)
        return false;
    r->mode = h.mode;
    r->nr_pages = h.nr_pages;
    r->nr_blocks = h.nr_blocks;
    r->nr_entries = h.nr_entries;
    r->n_insns = h.n_insns;
    if (!take(&p, &left, r->blocks, h.nr_blocks * sizeof r->blocks[0]))
        return false;
    for (uint32_t i = 0; i < h.nr_pages; i++)
        if (!take(&p, &left, &r->pages[i].delta, sizeof r->pages[0].delta))
            return false;
    for (uint32_t i = 0; i < h.nr_blocks; i++) {
        const struct region_block *b = &r->blocks[i];
        if (b->page >= r->nr_pages || b->off + b->n_insns * 4u > PAGE_SIZE ||
            !take(&p, &left, r->pages[b->page].bytes + b->off, b->n_insns * 4u))
            return false;
    }
    return left == 0;
}

// Reading -----------------------------------------------------------------------------------------

static bool read_at(int fd, uint64_t off, void *buf, size_t size)
{
    for (uint8_t *p = buf; size;) {
        ssize_t n = pread(fd, p, size, (off_t)off);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        p += n;
        off += (uint64_t)n;
        size -= (size_t)n;
    }
    return true;
}

static uint64_t index_checksum(const struct cache_file_header *h, const struct cache_file_row *rows)
{
    size_t from = offsetof(struct cache_file_header, size);
    uint64_t sum = hash_bytes(HASH_START, (const uint8_t *)h + from, sizeof *h - from);
    return hash_bytes(sum, rows, h->nr_rows * sizeof *rows);
}

enum cache_verdict cache_file_open(int dir, const char *name, int *fd, struct stat *st)
{
    *fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (*fd < 0)
        return errno == ELOOP ? CACHE_FOREIGN : CACHE_GONE;
    if (fstat(*fd, st) == 0 && S_ISREG(st->st_mode) && st->st_uid == geteuid() &&
        !(st->st_mode & (S_IWGRP | S_IWOTH)))
        return CACHE_GOOD;
    close(*fd);
    *fd = -1;
    return CACHE_FOREIGN;
}

static bool rows_valid(const struct cache_file_header *h, const struct cache_file_row *rows)
{
    uint64_t start = sizeof *h + h->nr_rows * sizeof *rows;
    for (uint32_t i = 0; i < h->nr_rows; i++) {
        const struct cache_file_row *r = &rows[i];
        if (r->offset < start || r->offset % 8 || r->size < sizeof(struct cache_file_entry) ||
            r->size > CACHE_MAX_ENTRY || r->offset + (uint64_t)r->size > h->size)
            return false;
    }
    return true;
}

enum cache_verdict cache_file_index(int fd, const char *identity, struct cache_file_header *header,
                                    struct cache_file_row **rows)
{
    struct stat st;
    *rows = NULL;
    if (fstat(fd, &st) || !read_at(fd, 0, header, sizeof *header) ||
        memcmp(header->magic, CACHE_MAGIC, sizeof header->magic) ||
        header->size != (uint64_t)st.st_size || header->nr_rows > CACHE_MAX_ROWS ||
        header->identity[CACHE_IDENTITY_SIZE - 1])
        return CACHE_CORRUPT;
    size_t size = header->nr_rows * sizeof **rows;
    *rows = malloc(size + 1);
    if (!*rows)
        return CACHE_GONE;
    enum cache_verdict v = CACHE_GOOD;
    if (!read_at(fd, sizeof *header, *rows, size) ||
        index_checksum(header, *rows) != header->checksum || !rows_valid(header, *rows))
        v = CACHE_CORRUPT;
    else if (identity && strcmp(identity, header->identity))
        v = CACHE_OTHER;
    if (v != CACHE_GOOD) {
        free(*rows);
        *rows = NULL;
    }
    return v;
}

static bool entry_valid(const struct cache_file_entry *e, const uint8_t *body, size_t size)
{
    uint64_t recipe = ALIGN_UP((uint64_t)e->recipe_size, 8),
             image = ALIGN_UP((uint64_t)e->image_size, 8);
    size_t from = offsetof(struct cache_file_entry, recipe_size);
    uint64_t sum = hash_bytes(HASH_START, (const uint8_t *)e + from, sizeof *e - from);
    return recipe + image == size && hash_bytes(sum, body, size) == e->checksum && e->image_size &&
           e->image_size <= LOADER_MAX_IMAGE && e->entry < e->image_size && e->align &&
           e->align <= LOADER_MAX_ALIGN && !(e->align & (e->align - 1));
}

bool cache_entry_read(int fd, uint64_t offset, uint32_t size, struct cache_item *item,
                      void **memory)
{
    struct cache_file_entry e;
    if (size < sizeof e)
        return false;
    // The recipe unpacked, then the entry's body: packed recipe and image.
    struct region_recipe *r = calloc(1, sizeof *r + size);
    uint8_t *body = (uint8_t *)(r + 1);
    size_t body_size = size - sizeof e;
    *memory = r;
    if (r && read_at(fd, offset, &e, sizeof e) && read_at(fd, offset + sizeof e, body, body_size) &&
        entry_valid(&e, body, body_size) && unpack(body, e.recipe_size, r) &&
        region_recipe_valid(r, region_recipe_size(r))) {
        *item = (struct cache_item){r, body + ALIGN_UP(e.recipe_size, 8u), e.image_size, e.align,
                                    e.entry};
        return true;
    }
    free(r);
    *memory = NULL;
    return false;
}

// Writing -----------------------------------------------------------------------------------------

static bool grow(void **p, size_t *room, size_t need, size_t unit)
{
    if (need <= *room)
        return true;
    size_t n = need * 2;
    void *q = realloc(*p, n * unit);
    if (!q)
        return false;
    *p = q;
    *room = n;
    return true;
}

// Unused blocks and bytes of no block have to be zero, or the recipe would not come back as it was.
static bool packs(const struct region_recipe *r, const uint8_t *packed, size_t size)
{
    struct region_recipe *back = calloc(1, sizeof *back);
    bool same = back && unpack(packed, size, back) && !memcmp(r, back, region_recipe_size(back));
    free(back);
    return same;
}

static bool add_rows(struct cache_builder *b, const struct region_recipe *r, size_t offset,
                     size_t size)
{
    for (uint32_t i = 0; i < r->nr_blocks; i++) {
        const struct region_block *k = &r->blocks[i];
        if (!(k->flags & REGION_ENTRY))
            continue;
        if (!grow((void **)&b->rows, &b->row_room, b->nr_rows + 1, sizeof *b->rows))
            return false;
        b->rows[b->nr_rows++] = (struct cache_file_row){
            cache_hash(r->mode, k->off, r->pages[k->page].bytes + k->off, k->n_insns),
            (uint32_t)offset, (uint32_t)size};
    }
    return true;
}

bool cache_builder_add(struct cache_builder *b, const struct cache_item *item)
{
    size_t recipe = packed_size(item->recipe), image = ALIGN_UP((size_t)item->size, 8);
    size_t padded = ALIGN_UP(recipe, 8), size = sizeof(struct cache_file_entry) + padded + image;
    if (!recipe || size > CACHE_MAX_ENTRY || b->size + size > CACHE_MAX_FILE ||
        !grow((void **)&b->entries, &b->room, b->size + size, 1))
        return false;
    uint8_t *at = b->entries + b->size;
    struct cache_file_entry e = {0, (uint32_t)recipe, item->size, item->align, item->entry};
    size_t from = offsetof(struct cache_file_entry, recipe_size);
    memset(at, 0, size);
    pack(item->recipe, at + sizeof e);
    memcpy(at + sizeof e + padded, item->image, item->size);
    e.checksum = hash_bytes(HASH_START, (uint8_t *)&e + from, sizeof e - from);
    e.checksum = hash_bytes(e.checksum, at + sizeof e, padded + image);
    memcpy(at, &e, sizeof e);
    if (!packs(item->recipe, at + sizeof e, recipe) || !add_rows(b, item->recipe, b->size, size))
        return false;
    b->size += size;
    b->nr_entries++;
    return true;
}

void cache_builder_free(struct cache_builder *b)
{
    free(b->rows);
    free(b->entries);
    memset(b, 0, sizeof *b);
}

static bool write_file(int fd, const struct cache_builder *b, const char *identity)
{
    struct cache_file_header h = {.nr_rows = (uint32_t)b->nr_rows, .nr_entries = b->nr_entries};
    size_t start = sizeof h + b->nr_rows * sizeof *b->rows;
    memcpy(h.magic, CACHE_MAGIC, sizeof h.magic);
    snprintf(h.identity, sizeof h.identity, "%s", identity);
    h.size = start + b->size;
    for (size_t i = 0; i < b->nr_rows; i++)
        b->rows[i].offset += (uint32_t)start;
    h.checksum = index_checksum(&h, b->rows);
    bool ok = wire_write(fd, &h, sizeof h) && wire_write(fd, b->rows, b->nr_rows * sizeof *b->rows) &&
              wire_write(fd, b->entries, b->size) && fsync(fd) == 0;
    for (size_t i = 0; i < b->nr_rows; i++)
        b->rows[i].offset -= (uint32_t)start;
    return ok;
}

bool cache_builder_write(const struct cache_builder *b, int dir, const char *identity,
                         char name[CACHE_NAME_SIZE], struct error *err)
{
    char tmp[CACHE_NAME_SIZE + 8];
    struct timespec now;
    if (b->nr_rows > CACHE_MAX_ROWS)
        return error_set(err, "code cache: too much for one file");
    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(name, CACHE_NAME_SIZE, "%016" PRIx64 "-%08" PRIx64 "%08lx-%x" CACHE_SUFFIX,
             hash_bytes(HASH_START, identity, strlen(identity)), (uint64_t)now.tv_sec, now.tv_nsec,
             (unsigned)getpid());
    snprintf(tmp, sizeof tmp, CACHE_TMP "%s", name);
    int fd = openat(dir, tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_set(err, "code cache: cannot write: %s", strerror(errno));
    bool ok = write_file(fd, b, identity);
    int reason = errno;
    if (close(fd) && ok) {
        ok = false;
        reason = errno;
    }
    if (ok && renameat(dir, tmp, dir, name)) {
        ok = false;
        reason = errno;
    }
    if (ok)
        return true;
    unlinkat(dir, tmp, 0);
    return error_set(err, "code cache: cannot write: %s", strerror(reason));
}
