// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/btf.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KIND_INT = 1, KIND_PTR, KIND_ARRAY, KIND_STRUCT, KIND_UNION, KIND_ENUM, KIND_FWD, KIND_TYPEDEF,
       KIND_VOLATILE, KIND_CONST, KIND_RESTRICT, KIND_FUNC, KIND_FUNC_PROTO, KIND_VAR, KIND_DATASEC,
       KIND_FLOAT, KIND_DECL_TAG, KIND_TYPE_TAG, KIND_ENUM64, NR_KINDS };

struct header {
    uint16_t magic;
    uint8_t version, flags;
    uint32_t length, type_off, type_len, str_off, str_len;
};

struct type {
    uint32_t name, info, size; // size, or the type that it refers to
};

struct member {
    uint32_t name, type, offset; // bits; with kind_flag only the lower 24
};

struct array {
    uint32_t type, index, count;
};

// Members that are looked at for one name: anonymous structures may hold each other.
#define MAX_MEMBERS 100000

struct btf {
    const struct type **types; // by id; 0 is void
    uint32_t nr;
    const char *strings;
    uint32_t str_len;
    struct {
        char name[48];
        const struct type *type;
    } cache[8];
    unsigned next;
};

static unsigned kind(const struct type *t)
{
    return t->info >> 24 & 31;
}

static uint32_t count(const struct type *t)
{
    return t->info & 0xffff;
}

// Bytes behind the type's own.
static size_t tail(const struct type *t)
{
    size_t n = count(t);
    switch (kind(t)) {
    case KIND_INT: case KIND_VAR: case KIND_DECL_TAG: return 4;
    case KIND_ARRAY: return sizeof(struct array);
    case KIND_STRUCT: case KIND_UNION: return n * sizeof(struct member);
    case KIND_ENUM: case KIND_FUNC_PROTO: return n * 8;
    case KIND_DATASEC: case KIND_ENUM64: return n * 12;
    default: return 0;
    }
}

// Counts the types, and notes where they are if b has room for them. False: damaged.
static bool index_types(struct btf *b, const uint8_t *at, size_t size, uint32_t *nr)
{
    *nr = 1;
    while (size) {
        const struct type *t = (const void *)at;
        if (size < sizeof *t || !kind(t) || kind(t) >= NR_KINDS || size - sizeof *t < tail(t))
            return false;
        if (b->types)
            b->types[*nr] = t;
        ++*nr;
        at += sizeof *t + tail(t);
        size -= sizeof *t + tail(t);
    }
    return true;
}

struct btf *btf_create(const void *data, size_t size)
{
    const struct header *h = data;
    if (size < sizeof *h || h->magic != 0xeb9f || h->version != 1 || h->length < sizeof *h || h->length > size ||
        h->length & 3)
        return NULL;
    uint64_t room = size - h->length;
    if ((uint64_t)h->type_off + h->type_len > room || (uint64_t)h->str_off + h->str_len > room ||
        h->type_off & 3 || !h->str_len)
        return NULL;
    const uint8_t *body = (const uint8_t *)data + h->length;
    struct btf *b = calloc(1, sizeof *b);
    assert(b);
    b->strings = (const char *)body + h->str_off;
    b->str_len = h->str_len;
    bool ok = !b->strings[h->str_len - 1] && index_types(b, body + h->type_off, h->type_len, &b->nr);
    if (ok) {
        b->types = calloc(b->nr, sizeof *b->types);
        assert(b->types);
        index_types(b, body + h->type_off, h->type_len, &b->nr);
        return b;
    }
    free(b);
    return NULL;
}

void btf_destroy(struct btf *b)
{
    if (b)
        free(b->types);
    free(b);
}

static const char *name_of(const struct btf *b, uint32_t name)
{
    return name < b->str_len ? b->strings + name : "";
}

static const struct type *type_of(const struct btf *b, uint32_t id)
{
    return id && id < b->nr ? b->types[id] : NULL;
}

static bool has_members(const struct type *t)
{
    return t && (kind(t) == KIND_STRUCT || kind(t) == KIND_UNION);
}

// The type behind typedefs and qualifiers.
static const struct type *resolve(const struct btf *b, uint32_t id)
{
    const struct type *t = type_of(b, id);
    for (unsigned depth = 0; t && depth < 16; depth++, t = type_of(b, t->size))
        switch (kind(t)) {
        case KIND_TYPEDEF: case KIND_VOLATILE: case KIND_CONST: case KIND_RESTRICT: case KIND_TYPE_TAG:
            continue;
        default:
            return t;
        }
    return NULL;
}

static uint64_t size_of(const struct btf *b, uint32_t id)
{
    uint64_t times = 1;
    const struct type *t = resolve(b, id);
    for (unsigned depth = 0; t && kind(t) == KIND_ARRAY && depth < 16; depth++) {
        const struct array *a = (const void *)(t + 1);
        times *= a->count;
        t = resolve(b, a->type);
    }
    return !t ? 0 : kind(t) == KIND_PTR ? 8 * times : times * t->size;
}

static const struct type *find(struct btf *b, const char *name)
{
    for (size_t n = 0; n < sizeof b->cache / sizeof *b->cache; n++)
        if (!strcmp(b->cache[n].name, name))
            return b->cache[n].type;
    const struct type *found = NULL;
    for (uint32_t id = 1; id < b->nr && !found; id++)
        if (has_members(b->types[id]) && !strcmp(name_of(b, b->types[id]->name), name))
            found = b->types[id];
    if (strlen(name) < sizeof b->cache[0].name) {
        snprintf(b->cache[b->next].name, sizeof b->cache[0].name, "%s", name);
        b->cache[b->next].type = found;
        b->next = (b->next + 1) % (sizeof b->cache / sizeof *b->cache);
    }
    return found;
}

uint64_t btf_size(struct btf *b, const char *type)
{
    const struct type *t = find(b, type);
    return t ? t->size : 0;
}

static const struct member *member(const struct btf *b, const struct type *t, const char *name, size_t n,
                                   unsigned depth, unsigned *looks, uint64_t *bits)
{
    const struct member *m = (const void *)(t + 1);
    for (uint32_t i = 0; i < count(t) && (*looks)++ < MAX_MEMBERS; i++, m++) {
        uint32_t at = t->info >> 31 ? m->offset & 0xffffff : m->offset;
        const char *is = name_of(b, m->name);
        const struct type *inner = resolve(b, m->type);
        const struct member *found = NULL;
        uint64_t before = *bits;
        *bits += at;
        if (strlen(is) == n && !strncmp(is, name, n))
            return m;
        if (!*is && has_members(inner) && depth < 8)
            found = member(b, inner, name, n, depth + 1, looks, bits);
        if (found)
            return found;
        *bits = before;
    }
    return NULL;
}

bool btf_member(struct btf *b, const char *type, const char *path, uint64_t *offset, uint64_t *size)
{
    const struct type *t = find(b, type);
    uint64_t bits = 0;
    unsigned looks = 0;
    for (;;) {
        size_t n = strcspn(path, ".");
        const struct member *m = n && has_members(t) ? member(b, t, path, n, 0, &looks, &bits) : NULL;
        if (!m)
            return false;
        if (!path[n]) {
            *offset = bits / 8;
            if (size)
                *size = size_of(b, m->type);
            return true;
        }
        path += n + 1;
        t = resolve(b, m->type);
    }
}
