// SPDX-License-Identifier: GPL-3.0-or-later
// Errors that a user is to read: one line naming the thing and what went wrong with it.
//
// A function that can fail takes a `struct error *` as its last parameter and returns false (or
// NULL) after error_set(). Callers add where it passed with error_prefix(). The struct is owned by
// whoever calls first, lives on its stack, and needs no release.
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <stdbool.h>

struct error {
    char text[512];       // what the user reads, no newline
    const char *file;     // where it was born
    int line;
};

// Sets the text and the birthplace; always returns false. e may be NULL (the error is dropped).
#define error_set(e, ...) error_set_at((e), __FILE__, __LINE__, __VA_ARGS__)

bool error_set_at(struct error *e, const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

// Puts "prefix: " in front of the text; always returns false.
bool error_prefix(struct error *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
