// SPDX-License-Identifier: GPL-3.0-or-later
// JSON values in a stream of bytes: where one ends, before anybody parses it.
//
// A value is an object or an array up to its closing bracket, or whatever else stands before
// one or on a line. It
// is bounded in length and in depth, so that the parser (which recurses) never sees more than that;
// what is beyond is skipped to the end of the line, and said. A line break inside a string, which
// JSON does not have, ends the value: so a client can always get back into step.
#ifndef MACHINE_QMP_STREAM_H
#define MACHINE_QMP_STREAM_H

#include <stdbool.h>
#include <stddef.h>

enum {
    QMP_STREAM_SIZE = 64 * 1024, // bytes of one value
    QMP_STREAM_DEPTH = 32,
};

enum qmp_stream_found {
    QMP_STREAM_MORE,  // all bytes taken, no value yet
    QMP_STREAM_VALUE, // `text` and `len` are one, until the next call
    QMP_STREAM_SIZE_EXCEEDED,
    QMP_STREAM_DEPTH_EXCEEDED,
};

struct qmp_stream {
    size_t len;
    unsigned depth;
    bool in_string, escaped;
    bool skipping; // to the end of the line
    bool complete; // text is a value that has been handed out
    char text[QMP_STREAM_SIZE];
};

void qmp_stream_init(struct qmp_stream *s);

// Takes bytes up to the end of the next value; returns how many, at least 1 of len > 0.
size_t qmp_stream_feed(struct qmp_stream *s, const char *data, size_t len,
                       enum qmp_stream_found *found);

#endif
