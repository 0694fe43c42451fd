// SPDX-License-Identifier: GPL-3.0-or-later
// What a fuzz target is, and how it reads its input. fuzz.c has main(): it makes inputs, by a seed, and
// gives them to fuzz_target.one() for a number of seconds. What a target finds wrong it asserts; what
// else is wrong the sanitizers say.
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fuzz_target {
    const char *name; // of its folder in corpus/
    size_t max;       // bytes of an input
    void (*init)(void);                             // once; may be NULL
    void (*one)(const uint8_t *data, size_t len);   // leaves nothing behind
    void (*fini)(void);                             // may be NULL
    const char *const *words; // that mutations put in, ended by NULL; may be NULL
};

extern const struct fuzz_target fuzz_target;

// An input to start from, beside those of the corpus; for init(). The bytes are copied.
void fuzz_seed(const void *data, size_t len);

// A temporary directory of the run's own, which goes with it.
const char *fuzz_directory(void);
// The bytes as a file there; its path, until the next call. The same file each time.
const char *fuzz_file(const void *data, size_t len);

// An input that is a program: numbers are taken from its front; there are zeros behind its end.
struct fuzz_input {
    const uint8_t *data;
    size_t len;
};

uint64_t fuzz_take(struct fuzz_input *in, unsigned bytes); // 1 .. 8, little endian
static inline unsigned fuzz_below(struct fuzz_input *in, unsigned below)
{
    return (unsigned)(fuzz_take(in, below > 256 ? 4 : 1) % below);
}

#endif
