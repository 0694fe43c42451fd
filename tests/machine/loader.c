// SPDX-License-Identifier: GPL-3.0-or-later
// Kernels and initial ram disks, whole and broken, into a piece of RAM with guard bytes around it.
#include "machine/loader.h"

#include "base/bits.h"
#include "tests/support/files.h"

#include <criterion/criterion.h>
#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define MIB      UINT64_C(0x100000)
#define RAM_BASE UINT64_C(0x40000000)
#define RAM_SIZE (16 * MIB)
#define GUARD    4096

static uint8_t *memory;
static struct loader_ram ram;
static struct test_dir dir;
static struct loader_kernel kernel;
static struct error error;

static void init(void)
{
    memory = malloc(RAM_SIZE + 2 * GUARD);
    memset(memory, 0xa5, RAM_SIZE + 2 * GUARD);
    ram = (struct loader_ram){memory + GUARD, RAM_BASE, RAM_SIZE};
    test_dir_init(&dir);
}

static void fini(void)
{
    for (size_t i = 0; i < GUARD; i++)
        cr_expect(memory[i] == 0xa5 && memory[GUARD + RAM_SIZE + i] == 0xa5,
                  "written outside RAM, %zu bytes away", i);
    test_dir_fini(&dir);
    free(memory);
}

TestSuite(loader, .init = init, .fini = fini);

static bool load(const char *name, const void *data, size_t size)
{
    error = (struct error){0};
    return loader_load_kernel(test_dir_write(&dir, name, data, size), false, &ram, &kernel, &error);
}

static void good(const char *name, const void *data, size_t size)
{
    bool ok = load(name, data, size);
    cr_assert(ok, "%s: %s", name, error.text);
}

static void expect_error(const char *name, const char *text)
{
    cr_expect(strstr(error.text, text), "%s: '%s' does not say '%s'", name, error.text, text);
    cr_expect(strstr(error.text, name), "%s: '%s' does not name the file", name, error.text);
    cr_expect(!strchr(error.text, '\n'), "%s: more than a line: %s", name, error.text);
}

static void bad(const char *name, const void *data, size_t size, const char *text)
{
    bool ok = load(name, data, size);
    cr_expect(!ok, "%s was accepted", name);
    expect_error(name, text);
    expect_error(name, "could not load kernel");
}

static void put32(uint8_t *p, uint32_t v)
{
    memcpy(p, &v, sizeof v);
}

static void put64(uint8_t *p, uint64_t v)
{
    memcpy(p, &v, sizeof v);
}

// An Image whose body counts up, so that a misplaced byte shows.
static uint8_t *make_image(size_t size, uint64_t text_offset, uint64_t image_size, uint64_t flags)
{
    uint8_t *h = calloc(1, size);
    for (size_t i = 64; i < size; i++)
        h[i] = (uint8_t)(i * 7 + (i >> 8));
    put64(h + 8, text_offset);
    put64(h + 16, image_size);
    put64(h + 24, flags);
    memcpy(h + 56, "ARM\x64", 4);
    return h;
}

// The same with a PE header that promises one section up to `promised`.
static uint8_t *make_efi_image(size_t size, uint32_t promised)
{
    uint8_t *h = make_image(size, 0, 0x20000, 0);
    memcpy(h, "MZ", 2);
    put32(h + 60, 64);
    memset(h + 64, 0, 24 + 40);
    memcpy(h + 64, "PE\0", 4);
    h[64 + 6] = 1;
    put32(h + 64 + 24 + 16, promised - 4096);
    put32(h + 64 + 24 + 20, 4096);
    return h;
}

static size_t gzip(const uint8_t *data, size_t size, uint8_t *out, size_t room)
{
    z_stream z = {0};
    cr_assert_eq(deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (Bytef *)data;
    z.avail_in = (uInt)size;
    z.next_out = out;
    z.avail_out = (uInt)room;
    cr_assert_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    return z.total_out;
}

static void expect_in_ram(uint64_t at, const void *data, size_t size)
{
    cr_expect_eq(memcmp(ram.host + (at - RAM_BASE), data, size), 0, "wrong bytes at 0x%llx",
                 (unsigned long long)at);
}

Test(loader, image_placement)
{
    uint8_t *h = make_image(100000, 0, 300000, 0xa);
    good("Image", h, 100000);
    cr_expect_eq(kernel.format, LOADER_IMAGE);
    cr_expect_eq(kernel.entry, RAM_BASE + 2 * MIB);
    cr_expect_eq(kernel.end, RAM_BASE + 2 * MIB + 300000);
    expect_in_ram(kernel.entry, h, 100000);
    free(h);

    h = make_image(5000, 0x80000, 0x10000, 0);
    good("Image2", h, 5000);
    cr_expect_eq(kernel.entry, RAM_BASE + 0x80000);
    free(h);

    h = make_image(5000, 0x1234, 0,
                   0); // an old kernel: no image_size, so text_offset is a fixed one
    good("Image3", h, 5000);
    cr_expect_eq(kernel.entry, RAM_BASE + 0x80000);
    cr_expect_eq(kernel.end, RAM_BASE + 0x80000 + 5000);
    free(h);
}

Test(loader, image_that_does_not_fit)
{
    static const uint64_t sizes[] = {RAM_SIZE, RAM_SIZE - 2 * MIB + 1, UINT64_MAX,
                                     UINT64_MAX - 2 * MIB};
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        uint8_t *h = make_image(5000, 0, sizes[i], 0);
        bad("big", h, 5000, "does not fit");
        free(h);
    }
    static const uint64_t offsets[] = {RAM_SIZE, RAM_SIZE - 4999, UINT64_MAX, UINT64_MAX - 4096};
    for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
        uint8_t *h = make_image(5000, offsets[i], 5000, 0);
        bad("far", h, 5000, "does not fit");
        free(h);
    }
    uint8_t *h = make_image(5000, 0, RAM_SIZE - 2 * MIB, 0);
    good("just", h, 5000);
    free(h);
}

Test(loader, image_truncated)
{
    uint8_t *h = make_efi_image(70000, 69632);
    good("whole", h, 70000);
    for (size_t size = 2; size < 69632; size += size < 5000 ? 61 : 7919)
        bad("cut", h, size, "truncated");
    bad("cut", h, 69631, "truncated");
    free(h);
}

Test(loader, image_big_endian)
{
    uint8_t *h = make_image(5000, 0, 5000, 1);
    bad("be", h, 5000, "big-endian");
    free(h);
}

Test(loader, gzip_image)
{
    size_t size = 3 * MIB + 12345, room = 4 * MIB;
    uint8_t *h = make_image(size, 0, 6 * MIB, 0), *z = malloc(room);
    size_t packed = gzip(h, size, z, room);
    good("Image.gz", z, packed);
    cr_expect_eq(kernel.format, LOADER_IMAGE_GZ);
    cr_expect_eq(kernel.entry, RAM_BASE + 2 * MIB);
    cr_expect_eq(kernel.end, RAM_BASE + 8 * MIB);
    expect_in_ram(kernel.entry, h, size);
    static const size_t cuts[] = {2, 9, 18, 100, 5000};
    for (size_t i = 0; i < ARRAY_SIZE(cuts); i++)
        bad("cut.gz", z, cuts[i], "truncated");
    bad("cut.gz", z, packed - 1, "truncated");
    bad("cut.gz", z, packed - 8, "truncated");
    z[packed / 2] ^= 0xff;
    bad("broken.gz", z, packed, "gzip data");
    free(z);
    free(h);
}

// A few hundred bytes may inflate to more than all of RAM.
Test(loader, gzip_bomb)
{
    size_t size = 40 * MIB, room = MIB;
    uint8_t *h = make_image(size, 0, 5 * MIB, 0), *z = malloc(room);
    memset(h + 64, 0, size - 64);
    size_t packed = gzip(h, size, z, room);
    bad("bomb.gz", z, packed, "does not fit");
    packed = gzip(h, RAM_SIZE - 2 * MIB, z, room);
    good("just.gz", z, packed);
    packed = gzip(h, 0, z, room);
    bad("empty.gz", z, packed, "empty");
    free(z);
    free(h);
}

static void make_elf(uint8_t *file, unsigned machine, unsigned class, const Elf64_Phdr *ph,
                     unsigned n)
{
    Elf64_Ehdr e = {.e_ident = ELFMAG,
                    .e_type = ET_EXEC,
                    .e_machine = (uint16_t)machine,
                    .e_entry = 0xffff000000080010,
                    .e_phoff = sizeof e,
                    .e_ehsize = sizeof e,
                    .e_phentsize = sizeof *ph,
                    .e_phnum = (uint16_t)n};
    e.e_ident[EI_CLASS] = (unsigned char)class;
    e.e_ident[EI_DATA] = ELFDATA2LSB;
    memcpy(file, &e, sizeof e);
    memcpy(file + sizeof e, ph, n * sizeof *ph);
}

Test(loader, elf)
{
    uint8_t file[8192];
    for (size_t i = 0; i < sizeof file; i++)
        file[i] = (uint8_t)(i * 3);
    Elf64_Phdr ph[2] = {
        {.p_type = PT_LOAD,
         .p_offset = 4096,
         .p_vaddr = 0xffff000000080000,
         .p_paddr = RAM_BASE + 0x80000,
         .p_filesz = 4096,
         .p_memsz = 8192},
        {.p_type = PT_NOTE, .p_offset = UINT64_MAX, .p_filesz = UINT64_MAX},
    };
    make_elf(file, EM_AARCH64, ELFCLASS64, ph, 2);
    good("elf", file, sizeof file);
    cr_expect_eq(kernel.format, LOADER_ELF);
    cr_expect_eq(kernel.entry, RAM_BASE + 0x80010, "entry 0x%llx",
                 (unsigned long long)kernel.entry);
    cr_expect_eq(kernel.start, RAM_BASE + 0x80000);
    cr_expect_eq(kernel.end, RAM_BASE + 0x82000);
    expect_in_ram(RAM_BASE + 0x80000, file + 4096, 4096);
    static const uint8_t zeros[4096];
    expect_in_ram(RAM_BASE + 0x81000, zeros, 4096);

    bad("elf-cut", file, 8191, "truncated");
    bad("elf-cut", file, 100, "truncated");
    bad("elf-cut", file, 40, "truncated");
    static const struct {
        uint64_t paddr, memsz, filesz, offset;
        const char *text;
    } rows[] = {
        {0, 8192, 4096, 4096, "outside RAM"},
        {RAM_BASE + RAM_SIZE - 4096, 8192, 4096, 4096, "outside RAM"},
        {RAM_BASE, UINT64_MAX, 4096, 4096, "outside RAM"},
        {UINT64_MAX - 4096, 8192, 4096, 4096, "outside RAM"},
        {RAM_BASE, 4096, 8192, 0, "broken ELF"},
        {RAM_BASE, 4096, 4096, UINT64_MAX - 100, "truncated"},
        {RAM_BASE, UINT64_MAX, UINT64_MAX, 100, "truncated"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        ph[0].p_paddr = rows[i].paddr;
        ph[0].p_memsz = rows[i].memsz;
        ph[0].p_filesz = rows[i].filesz;
        ph[0].p_offset = rows[i].offset;
        make_elf(file, EM_AARCH64, ELFCLASS64, ph, 1);
        bad("elf-bad", file, sizeof file, rows[i].text);
    }
    make_elf(file, EM_AARCH64, ELFCLASS64, ph, 0);
    bad("elf-none", file, sizeof file, "without anything to load");
    ((Elf64_Ehdr *)file)->e_phoff = UINT64_MAX - 3;
    ((Elf64_Ehdr *)file)->e_phnum = 5;
    bad("elf-table", file, sizeof file, "program headers");
    ((Elf64_Ehdr *)file)->e_phentsize = 3;
    bad("elf-table", file, sizeof file, "program headers");
}

Test(loader, foreign)
{
    static uint8_t file[8192];
    Elf64_Phdr ph = {0};
    make_elf(file, EM_X86_64, ELFCLASS64, &ph, 1);
    bad("vmlinux", file, sizeof file, "x86-64");
    make_elf(file, EM_ARM, ELFCLASS32, &ph, 1);
    bad("vmlinux-arm", file, sizeof file, "32-bit ARM");
    memset(file, 0, sizeof file);
    memcpy(file + 0x202, "HdrS", 4);
    bad("bzImage", file, sizeof file, "x86 kernel");
    memset(file, 0, sizeof file);
    put32(file + 0x24, 0x016f2818);
    bad("zImage", file, sizeof file, "32-bit ARM");
    memset(file, 0, sizeof file);
    memcpy(file, "QFI\xfb", 4);
    bad("disk.qcow2", file, sizeof file, "qcow2");
}

Test(loader, missing_empty_odd)
{
    error = (struct error){0};
    cr_expect(!loader_load_kernel("/nonexistent/Image", false, &ram, &kernel, &error));
    expect_error("/nonexistent/Image", "could not load kernel");
    cr_expect(!loader_load_kernel("/tmp", false, &ram, &kernel, &error));
    expect_error("/tmp", "not a regular file");
    cr_expect(!loader_load_kernel("/dev/zero", false, &ram, &kernel, &error));
    expect_error("/dev/zero", "not a regular file");
    bad("empty", "", 0, "empty");
}

Test(loader, raw)
{
    uint8_t code[100];
    memset(code, 0x1f, sizeof code);
    good("code.bin", code, sizeof code);
    cr_expect_eq(kernel.format, LOADER_RAW);
    cr_expect_eq(kernel.entry, RAM_BASE + 0x80000);
    expect_in_ram(kernel.entry, code, sizeof code);
    cr_expect(!loader_load_kernel(test_dir_path(&dir, "code.bin"), true, &ram, &kernel, &error));
    expect_error("code.bin", "neither");
}

Test(loader, initrd_and_tree)
{
    uint8_t *h = make_image(5000, 0, 3 * MIB, 0);
    struct loader_range initrd = {0};
    uint64_t at;
    good("Image", h, 5000);
    const char *path = test_dir_write(&dir, "initrd", h, 5000);
    cr_assert(loader_load_initrd(path, &ram, &kernel, &initrd, &error), "%s", error.text);
    cr_expect_eq(initrd.start, RAM_BASE + RAM_SIZE / 2);
    cr_expect_eq(initrd.end, initrd.start + 5000);
    expect_in_ram(initrd.start, h, 5000);
    cr_assert(loader_place_dtb(h, 3000, &ram, &kernel, &initrd, &at, &error), "%s", error.text);
    cr_expect_eq(at, RAM_BASE + 10 * MIB);
    expect_in_ram(at, h, 3000);

    kernel.end = RAM_BASE + 12 * MIB + 5; // a kernel that reaches further: the rest moves up
    cr_assert(loader_load_initrd(path, &ram, &kernel, &initrd, &error), "%s", error.text);
    cr_expect_eq(initrd.start, RAM_BASE + 12 * MIB + 4096);
    cr_assert(loader_place_dtb(h, 3000, &ram, &kernel, &initrd, &at, &error), "%s", error.text);
    cr_expect_eq(at, RAM_BASE + 14 * MIB);
    kernel.end = RAM_BASE + 15 * MIB;
    cr_expect(!loader_place_dtb(h, 3000, &ram, &kernel, &initrd, &at, &error));
    cr_expect(strstr(error.text, "device tree does not fit"), "%s", error.text);
    free(h);
}

Test(loader, initrd_wrong)
{
    struct loader_range initrd = {0};
    uint8_t *data = calloc(1, 9 * MIB);
    kernel = (struct loader_kernel){.start = RAM_BASE, .end = RAM_BASE + MIB};
    const char *path = test_dir_write(&dir, "big", data, 8 * MIB + 1);
    cr_expect(!loader_load_initrd(path, &ram, &kernel, &initrd, &error));
    expect_error("big", "does not fit");
    path = test_dir_write(&dir, "just", data, 8 * MIB);
    cr_expect(loader_load_initrd(path, &ram, &kernel, &initrd, &error), "%s", error.text);
    kernel.end = RAM_BASE + RAM_SIZE;
    cr_expect(!loader_load_initrd(path, &ram, &kernel, &initrd, &error));
    expect_error("just", "could not load initrd");
    path = test_dir_write(&dir, "none", data, 0);
    cr_expect(!loader_load_initrd(path, &ram, &kernel, &initrd, &error));
    expect_error("none", "empty");
    free(data);
}
