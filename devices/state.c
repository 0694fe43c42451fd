// SPDX-License-Identifier: GPL-3.0-or-later
#include "devices/state.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define TAG_SIZE 32

struct section {
    char tag[TAG_SIZE]; // NUL-padded
    uint32_t version;
    uint32_t crc; // of the bytes that follow
    uint64_t len;
};

void state_writer_init(struct state_writer *w)
{
    *w = (struct state_writer){0};
}

void state_writer_fini(struct state_writer *w)
{
    free(w->data);
    *w = (struct state_writer){0};
}

static void append(struct state_writer *w, const void *data, size_t len)
{
    if (!len)
        return;
    if (w->sink) {
        w->sink(w->opaque, data, len);
        return;
    }
    if (w->capacity - w->len < len) {
        w->capacity = w->capacity * 2 + len + 256;
        w->data = realloc(w->data, w->capacity);
        assert(w->data);
    }
    memcpy(w->data + w->len, data, len);
    w->len += len;
}

static uint32_t checksum(const void *data, size_t len)
{
    return len ? (uint32_t)crc32_z(0, data, len) : 0;
}

void state_put(struct state_writer *w, const char *tag, uint32_t version, const void *data,
               size_t len)
{
    struct section s = {.version = version, .crc = checksum(data, len), .len = len};
    assert(strlen(tag) < TAG_SIZE);
    memcpy(s.tag, tag, strlen(tag));
    append(w, &s, sizeof s);
    append(w, data, len);
}

void state_reader_init(struct state_reader *r, const void *data, size_t len)
{
    *r = (struct state_reader){.data = data, .len = len};
}

// Printable, and zeros to the end: it may go into a message, and there is one way to write it.
static bool valid_tag(const char tag[TAG_SIZE])
{
    size_t n = 0;
    while (n < TAG_SIZE && tag[n] > ' ' && tag[n] < 0x7f)
        n++;
    if (!n || n == TAG_SIZE)
        return false;
    while (n < TAG_SIZE && !tag[n])
        n++;
    return n == TAG_SIZE;
}

// The header at the read position, if a whole section is there.
static bool next(const struct state_reader *r, struct section *s)
{
    if (r->len - r->pos < sizeof *s)
        return false;
    memcpy(s, r->data + r->pos, sizeof *s);
    return s->len <= r->len - r->pos - sizeof *s && valid_tag(s->tag);
}

// The padding counts: there is one way to write a tag.
static bool has_tag(const struct section *s, const char *tag)
{
    char padded[TAG_SIZE] = {0};
    memcpy(padded, tag, strnlen(tag, TAG_SIZE - 1));
    return !memcmp(s->tag, padded, TAG_SIZE);
}

bool state_get(struct state_reader *r, const char *tag, uint32_t version, void *data, size_t len,
               struct error *err)
{
    struct section s;
    if (!next(r, &s))
        return error_set(err, "saved state: no section where \"%s\" should be", tag);
    if (!has_tag(&s, tag))
        return error_set(err, "saved state: section \"%s\" expected, \"%s\" found", tag, s.tag);
    if (s.version != version)
        return error_set(err, "saved state: section \"%s\" has version %u, not %u", tag, s.version,
                         version);
    if (s.len != len)
        return error_set(err, "saved state: section \"%s\" has %llu bytes, not %zu", tag,
                         (unsigned long long)s.len, len);
    const uint8_t *body = r->data + r->pos + sizeof s;
    if (checksum(body, len) != s.crc)
        return error_set(err, "saved state: section \"%s\" has a wrong checksum", tag);
    if (len)
        memcpy(data, body, len);
    r->pos += sizeof s + len;
    return true;
}

long state_peek(const struct state_reader *r, const char *tag)
{
    struct section s;
    if (!next(r, &s) || !has_tag(&s, tag))
        return -1;
    return (long)s.len;
}
