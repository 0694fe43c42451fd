// SPDX-License-Identifier: GPL-3.0-or-later
// The guest of `armlet bench`, an ELF file: roms/src/bench, built with armlet where there is a
// cross compiler (roms/meson.build). Size 0 where there was none.
#ifndef MACHINE_BENCH_GUEST_H
#define MACHINE_BENCH_GUEST_H

extern const unsigned char bench_guest[];
extern const unsigned long bench_guest_size;

#endif
