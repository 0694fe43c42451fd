// SPDX-License-Identifier: GPL-3.0-or-later
// /tmp/perf-PID.map: names of compiled code for Linux `perf report`, which looks there for code
// that belongs to no file. A line a region: host address, size, and where its guest code is.
//
// The format has no way to take a name back: where code memory is used again, the later line is
// the true one. Any thread; the file is locked inside.
#ifndef JIT_PERF_MAP_H
#define JIT_PERF_MAP_H

#include "base/error.h"
#include "jit/guest.h"

struct perf_map;

// path NULL: /tmp/perf-PID.map of this process. A file that is there is replaced. NULL: err.
struct perf_map *perf_map_create(const char *path, struct error *err);
// Names size bytes of code at an address of the host's: the guest code at va (when it was asked
// for) and pa, of so many instructions.
void perf_map_add(struct perf_map *p, const void *code, size_t size, gva_t va, gpa_t pa,
                  unsigned insns);
// Takes NULL. The file stays: perf report wants it later.
void perf_map_destroy(struct perf_map *p);

#endif
