// SPDX-License-Identifier: GPL-3.0-or-later
// Reading and writing the fields of 9P messages: little-endian, strings with a 16-bit length.
//
// A reader that runs out of bytes, or meets a string that is none, goes bad and stays so: all that
// it gives from then on is zero or empty. A writer that runs out of room goes bad in the same way.
// So an operation reads everything, then asks once.
#ifndef DEVICES_P9_MESSAGE_H
#define DEVICES_P9_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define P9_HEADER 7 // size[4] type[1] tag[2]
#define P9_QID    13
#define P9_STRING 4096 // longest string that is taken, with its end

struct p9_reader {
    const uint8_t *data;
    size_t len, at;
    bool bad;
};

struct p9_writer {
    uint8_t *data;
    size_t capacity, len;
    bool bad;
};

struct p9_qid {
    uint8_t type;
    uint32_t version;
    uint64_t path;
};

static inline uint64_t p9_get(struct p9_reader *r, unsigned size)
{
    uint64_t value = 0;
    if (r->bad || r->len - r->at < size) {
        r->bad = true;
        return 0;
    }
    memcpy(&value, r->data + r->at, size);
    r->at += size;
    return value;
}

static inline uint32_t p9_get32(struct p9_reader *r)
{
    return (uint32_t)p9_get(r, 4);
}

// A string without a NUL in it and shorter than P9_STRING, with its end, into text.
static inline void p9_get_string(struct p9_reader *r, char text[P9_STRING])
{
    size_t n = p9_get(r, 2);
    text[0] = 0;
    if (r->bad || r->len - r->at < n || n >= P9_STRING || memchr(r->data + r->at, 0, n)) {
        r->bad = true;
        return;
    }
    memcpy(text, r->data + r->at, n);
    text[n] = 0;
    r->at += n;
}

// Whether all of the message was read and nothing is left.
static inline bool p9_got_all(const struct p9_reader *r)
{
    return !r->bad && r->at == r->len;
}

static inline void p9_put_bytes(struct p9_writer *w, const void *data, size_t len)
{
    if (w->bad || w->capacity - w->len < len) {
        w->bad = true;
        return;
    }
    memcpy(w->data + w->len, data, len);
    w->len += len;
}

static inline void p9_put(struct p9_writer *w, unsigned size, uint64_t value)
{
    p9_put_bytes(w, &value, size);
}

static inline void p9_put_string(struct p9_writer *w, const char *text)
{
    size_t n = strlen(text);
    p9_put(w, 2, n);
    p9_put_bytes(w, text, n);
}

static inline void p9_put_qid(struct p9_writer *w, const struct p9_qid *q)
{
    p9_put(w, 1, q->type);
    p9_put(w, 4, q->version);
    p9_put(w, 8, q->path);
}

#endif
