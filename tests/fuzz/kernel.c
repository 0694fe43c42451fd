// SPDX-License-Identifier: GPL-3.0-or-later
// A kernel and an initial ram disk: Image, gzipped Image, ELF, whatever; into 32 MiB of RAM.
#include "fuzz.h"
#include "machine/loader.h"
#include "machine/symbols.h"

#include <assert.h>
#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static struct loader_ram ram = {.base = 0x40000000, .size = 32 << 20};

static void init(void)
{
    uint8_t image[256] = {0}, packed[1024];
    memcpy(image, (uint64_t[]){0, 0x80000, 0x10000, 0xa, 0, 0, 0, 0x644d5241}, 64);
    fuzz_seed(image, sizeof image);
    z_stream z = {.next_in = image, .avail_in = sizeof image, .next_out = packed, .avail_out = sizeof packed};
    int ok = deflateInit2(&z, 1, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY);
    assert(ok == Z_OK);
    deflate(&z, Z_FINISH);
    fuzz_seed(packed, z.total_out);
    deflateEnd(&z);
    struct {
        Elf64_Ehdr e;
        Elf64_Phdr p[2];
        Elf64_Shdr s[4];
        Elf64_Sym sym[2];
        char names[32];
    } elf = {
        .e = {.e_ident = "\x7f" "ELF\2\1\1", .e_type = ET_EXEC, .e_machine = EM_AARCH64, .e_version = 1, .e_entry = 0x40200000,
              .e_ehsize = 64, .e_phoff = 64, .e_phentsize = 56, .e_phnum = 2, .e_shoff = 64 + 112, .e_shentsize = 64, .e_shnum = 4, .e_shstrndx = 3},
        .p = {{PT_LOAD, 7, 0, 0x40200000, 0x40200000, 64, 4096, 4096}, {PT_LOAD, 6, 64, 0xffff000000300000, 0x40300000, 32, 32, 4096}},
        .s = {{0}, {1, SHT_SYMTAB, 0, 0, 64 + 112 + 256, 48, 2, 1, 8, 24}, {9, SHT_STRTAB, 0, 0, 64 + 112 + 256 + 48, 32, 0, 0, 1, 0},
              {17, SHT_STRTAB, 0, 0, 64 + 112 + 256 + 48, 32, 0, 0, 1, 0}},
        .sym = {{0}, {1, ELF64_ST_INFO(STB_GLOBAL, STT_FUNC), 0, 1, 0x40200000, 16}},
        .names = "\0.symtab\0.strtab\0.BTF",
    };
    fuzz_seed(&elf, sizeof elf);
    ram.host = calloc(1, ram.size);
}

static void one(const uint8_t *data, size_t len)
{
    struct loader_kernel kernel;
    struct loader_range initrd;
    struct error err;
    const char *path = fuzz_file(data, len);
    if (loader_load_kernel(path, len & 1, &ram, &kernel, &err)) {
        assert(kernel.start >= ram.base && kernel.end <= ram.base + ram.size && kernel.start <= kernel.end);
        if (loader_load_initrd(path, &ram, &kernel, &initrd, &err))
            assert(initrd.start >= ram.base && initrd.end <= ram.base + ram.size);
    }
    struct symbols *s = symbols_open(path, &err);
    if (s) {
        symbols_at(s, 0x40200004);
        symbols_named(s, "x");
    }
    symbols_close(s);
}

static void fini(void)
{
    free(ram.host);
}

const struct fuzz_target fuzz_target = {.name = "kernel", .max = 8192, .init = init, .one = one, .fini = fini};
