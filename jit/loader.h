// SPDX-License-Identifier: GPL-3.0-or-later
// From the compiler's object file to code that can run: a small linker for x86-64 ELF objects that
// need nothing from outside.
//
// Two steps. loader_link() takes the wanted functions and what they reach out of an object and lays
// it out as one image. An image runs wherever it is copied to, since only distances within it were
// filled in: it can be sent through a pipe and kept in a file. loader_place() copies it into the
// code buffer.
//
// The object is not trusted: every offset is checked, and whatever is not code, constants and
// distances between them is refused: undefined symbols, data to be written, constructors, absolute
// addresses, thread-local storage. An image cannot be checked any more; it is as trusted as who
// made it.
#ifndef JIT_LOADER_H
#define JIT_LOADER_H

#include "jit/codebuf.h"

#define LOADER_MAX_FUNCTIONS 256
#define LOADER_MAX_IMAGE     (16u << 20) // bytes
#define LOADER_MAX_ALIGN     4096u

struct loader_image {
    uint8_t *bytes; // owned; loader_image_free()
    uint32_t size;
    uint32_t align; // what the image wants of its address, a power of two
    uint32_t nr_entries;
    uint32_t entry[LOADER_MAX_FUNCTIONS]; // offset of each function wanted, in the order asked
};

// Makes an image of functions names[0 .. n-1] (global or local symbols) of the object. Sections
// that none of them reaches stay out. False: refused, err says why. No state, any thread.
bool loader_link(const void *object, size_t size, const char *const *names, unsigned n,
                 struct loader_image *image, struct error *err);
void loader_image_free(struct loader_image *image);

// Copies an image of `size` bytes into the code buffer; function n is at span->exec + entry[n].
// The span is the caller's, to be freed with codebuf_free(). False: no room, or a size or
// alignment that no image has.
bool loader_place(struct codebuf *cb, const void *bytes, size_t size, size_t align,
                  struct codebuf_span *span);

// Both at once: entries[n] is where names[n] is to be called.
bool loader_load(struct codebuf *cb, const void *object, size_t size, const char *const *names,
                 unsigned n, const void **entries, struct codebuf_span *span, struct error *err);

#endif
