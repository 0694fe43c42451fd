// SPDX-License-Identifier: GPL-3.0-or-later
// The second flash bank, in the way of firmware's drivers: identification, the CFI table, erasing,
// programming by words and by buffer, status, what ends a sequence. Both emulators start with a
// bank full of zeros.
#include "rt.h"

#define BANK    0x04000000ull
#define SECTOR  0x40000ull
#define BOTH(c) ((u32)(c) | (u32)(c) << 16)

static u32 get(u64 offset)
{
    return *(volatile u32 *)phys(BANK + offset);
}

static void set(u64 offset, u32 value)
{
    *(volatile u32 *)phys(BANK + offset) = value;
    dsb();
}

static void command(u64 offset, u32 c)
{
    set(offset, BOTH(c));
}

static void identification(void)
{
    print("array %x %x\n", get(0), get(0x3fffffc));
    command(0, 0x90);
    for (unsigned n = 0; n < 4; n++)
        print("id %d: %x %x\n", n, get(4 * n), get(SECTOR + 4 * n));
    command(0, 0xff);
    command(0x55 * 4, 0x98);
    for (unsigned n = 0x10; n < 0x40; n++)
        print("cfi %x: %x\n", n, get(4 * n));
    print("cfi by bytes: %x %x %x\n", *(volatile u8 *)phys(BANK + 0x40),
          *(volatile u16 *)phys(BANK + 0x44), *(volatile u8 *)phys(BANK + 0x48));
    command(0, 0xff);
    print("array %x\n", get(0x40));
}

static void erase(u64 offset)
{
    command(offset, 0x20);
    command(offset, 0xd0);
    print("erase: status %x", get(offset));
    command(0, 0xff);
    print(" then %x %x %x %x\n", get(offset & ~(SECTOR - 1)), get(offset | (SECTOR - 4)),
          get((offset | (SECTOR - 1)) + 1), get((offset & ~(SECTOR - 1)) - 4));
}

static void programming(void)
{
    erase(SECTOR + 0x1234);
    command(SECTOR + 8, 0x40);
    set(SECTOR + 8, 0x12345678);
    print("program: status %x", get(SECTOR));
    command(0, 0xff);
    print(" then %x %x\n", get(SECTOR + 8), get(SECTOR + 12));
    command(SECTOR + 12, 0x10);
    *(volatile u16 *)phys(BANK + SECTOR + 12) = 0xabcd;
    dsb();
    command(0, 0xff);
    print("halfword: %x\n", get(SECTOR + 12));
    command(SECTOR + 8, 0x40);
    set(SECTOR + 8, 0x12305678); // clears bits only
    command(0, 0x70);
    print("again: status %x", get(0));
    command(0, 0xff);
    print(" then %x\n", get(SECTOR + 8));
}

static void buffered(void)
{
    erase(2 * SECTOR);
    command(2 * SECTOR, 0xe8);
    print("buffer: status %x", get(2 * SECTOR));
    command(2 * SECTOR, 31);
    for (unsigned n = 0; n < 32; n++)
        set(2 * SECTOR + 0x80 + 4 * n, 0x01010101u * n);
    command(2 * SECTOR, 0xd0);
    print(" %x", get(2 * SECTOR));
    command(0, 0xff);
    u32 sum = 0;
    for (unsigned n = 0; n < 32; n++)
        sum = sum * 31 + get(2 * SECTOR + 0x80 + 4 * n);
    print(" sum %x around %x %x\n", sum, get(2 * SECTOR + 0x7c), get(2 * SECTOR + 0x100));
}

static void sequences(void)
{
    command(0, 0x60);
    command(0, 0xd0);
    print("unlock: %x", get(0));
    command(0, 0x60);
    command(0, 0x01);
    print(" lock: %x", get(0));
    command(0, 0xff);
    print(" array: %x\n", get(SECTOR + 8));
    // Reads that the fast path remembers, before and after a command.
    u32 before = get(SECTOR + 8) + get(SECTOR + 8);
    command(0, 0x70);
    u32 status = get(SECTOR + 8);
    command(0, 0xff);
    print("remembered: %x %x %x\n", before, status, get(SECTOR + 8));
    // After this QEMU says "busy" until the next operation.
    command(0, 0x50);
    print("cleared: %x\n", get(SECTOR + 8));
    command(0, 0x33);
    print("unknown: %x\n", get(SECTOR + 8));
    command(0, 0xf0);
    print("amd: %x\n", get(SECTOR + 8));
}

void program(void)
{
    identification();
    programming();
    buffered();
    sequences();
}
