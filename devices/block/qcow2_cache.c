// SPDX-License-Identifier: GPL-3.0-or-later
#include "devices/block/qcow2_cache.h"

#include <assert.h>
#include <stdlib.h>

void cache_init(struct cache *c, const struct block_file *file, unsigned size, unsigned capacity)
{
    *c = (struct cache){
        .file = file, .size = size < CACHE_PIECE ? size : CACHE_PIECE, .capacity = capacity};
}

void cache_fini(struct cache *c)
{
    for (struct cache_piece *p = c->newest, *older; p; p = older) {
        older = p->older;
        free(p);
    }
    *c = (struct cache){0};
}

static struct cache_piece **bucket(struct cache *c, uint64_t at)
{
    return &c->bucket[at / c->size % CACHE_BUCKETS];
}

static void unlink_age(struct cache *c, struct cache_piece *p)
{
    *(p->newer ? &p->newer->older : &c->newest) = p->older;
    *(p->older ? &p->older->newer : &c->oldest) = p->newer;
}

static void link_newest(struct cache *c, struct cache_piece *p)
{
    p->newer = NULL;
    p->older = c->newest;
    *(c->newest ? &c->newest->newer : &c->oldest) = p;
    c->newest = p;
}

static void unlink_bucket(struct cache *c, struct cache_piece *p)
{
    struct cache_piece **link = bucket(c, p->at);
    while (*link != p)
        link = &(*link)->next;
    *link = p->next;
}

// A piece to be filled: an old one, or a new one when none can go.
static struct cache_piece *take_piece(struct cache *c)
{
    struct cache_piece *p = c->count >= c->capacity ? c->oldest : NULL;
    while (p && (p->dirty || p->pins))
        p = p->newer;
    if (p) {
        unlink_bucket(c, p);
        unlink_age(c, p);
    } else {
        p = malloc(sizeof *p + c->size);
        assert(p);
        c->count++;
    }
    return p;
}

struct cache_piece *cache_peek(struct cache *c, uint64_t at)
{
    at -= at % c->size;
    struct cache_piece *p = *bucket(c, at);
    while (p && p->at != at)
        p = p->next;
    if (p && p->newer) {
        unlink_age(c, p);
        link_newest(c, p);
    }
    return p;
}

int cache_get(struct cache *c, uint64_t at, struct cache_piece **piece)
{
    struct cache_piece *p = cache_peek(c, at);
    *piece = p;
    if (p)
        return 0;
    p = take_piece(c);
    p->at = at - at % c->size;
    p->pins = 0;
    p->dirty = false;
    int e = file_read(c->file, p->data, p->at, c->size);
    if (e) {
        c->count--;
        free(p);
        return e;
    }
    p->next = *bucket(c, p->at);
    *bucket(c, p->at) = p;
    link_newest(c, p);
    *piece = p;
    return 0;
}

void cache_dirty(struct cache *c, struct cache_piece *p)
{
    if (p->dirty)
        return;
    p->dirty = true;
    p->next_dirty = c->dirty;
    c->dirty = p;
    c->dirty_count++;
}

bool cache_pressed(const struct cache *c)
{
    return c->dirty_count > c->capacity / 2;
}

struct cache_piece *cache_take_dirty(struct cache *c)
{
    struct cache_piece *first = c->dirty;
    for (struct cache_piece *p = first; p; p = p->next_dirty)
        p->dirty = false;
    c->dirty = NULL;
    c->dirty_count = 0;
    return first;
}

static void drop(struct cache *c, struct cache_piece *p)
{
    if (p->dirty) {
        struct cache_piece **link = &c->dirty;
        while (*link != p)
            link = &(*link)->next_dirty;
        *link = p->next_dirty;
        c->dirty_count--;
    }
    unlink_bucket(c, p);
    unlink_age(c, p);
    c->count--;
    free(p);
}

void cache_drop(struct cache *c, uint64_t at, uint64_t len)
{
    for (uint64_t end = at + len; at < end; at += c->size) {
        struct cache_piece *p = cache_peek(c, at);
        if (p && !p->pins)
            drop(c, p);
    }
}
