// SPDX-License-Identifier: GPL-3.0-or-later
// BTF (Linux: Documentation/bpf/btf.rst): where a kernel's structures have their members.
//
// From the kernel's ELF file or from the guest's memory: neither is trusted. For one thread: what was
// looked for last is remembered.
#ifndef MACHINE_BTF_H
#define MACHINE_BTF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct btf;

// data stays the caller's and must outlive it. NULL: it is no BTF, or a damaged one.
struct btf *btf_create(const void *data, size_t size);
void btf_destroy(struct btf *b); // accepts NULL

// Byte offset of a member, found in anonymous members too, and its size if that is not NULL. path
// may go on into members that are structures: "core_layout.base". False: there is none.
bool btf_member(struct btf *b, const char *type, const char *path, uint64_t *offset, uint64_t *size);
// Size of a structure; 0: there is none of that name.
uint64_t btf_size(struct btf *b, const char *type);

#endif
