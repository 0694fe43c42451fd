// SPDX-License-Identifier: GPL-3.0-or-later
// The loader, on objects that the assembler made, and on what is left of them when they are cut
// and bent.
#include "jit/loader.h"

#include <criterion/criterion.h>
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct bytes {
    uint8_t *p;
    size_t size;
};

// Two functions in sections of their own, with constants, a jump table, a call from one to the
// other and data that nobody wants.
static const char good[] =
    ".section .text.f,\"ax\"\n.globl f\n.type f,@function\n.p2align 4\n"
    "f: lea .Ltab(%rip), %rax\n movslq (%rax,%rdi,4), %rcx\n add %rcx, %rax\n jmp *%rax\n"
    ".L0: mov .Lc(%rip), %eax\n ret\n"
    ".L1: mov .Lc+4(%rip), %eax\n ret\n"
    ".L2: mov $3, %eax\n ret\n"
    ".section .rodata.f,\"a\"\n.p2align 6\n.Ltab: .long .L0-.Ltab, .L1-.Ltab, .L2-.Ltab\n"
    ".section .rodata.cst8,\"aM\",@progbits,8\n.p2align 3\n.Lc: .long 1, 2\n"
    ".section .text.g,\"ax\"\n.globl g\n.type g,@function\n.p2align 4\n"
    "nop\n g: sub $8, %rsp\n call f@PLT\n lea 100(%rax), %eax\n add $8, %rsp\n ret\n"
    ".section .text.h,\"ax\"\n.type h,@function\n"
    "h: lea .Lq(%rip), %rax\n add .Lq(%rip), %rax\n lea h(%rip), %rcx\n sub %rcx, %rax\n"
    " add .Ld(%rip), %eax\n ret\n"
    ".section .rodata.h,\"a\"\n.p2align 3\n.Ld: .long 40, 0\n.Lq: .quad h-.Lq\n"
    ".section .note.x,\"a\",@note\n.long 1\n"
    ".section .eh_frame,\"a\",@progbits\n.quad f\n"
    ".section .debug_x,\"\",@progbits\n.quad f\n";

static struct bytes assemble(const char *source)
{
    char path[64], command[128];
    struct stat st;
    struct bytes b;
    snprintf(path, sizeof path, "/tmp/armlet-loader-%d.o", (int)getpid());
    snprintf(command, sizeof command, "as -o %s", path);
    FILE *f = popen(command, "w");
    cr_assert(f);
    fputs(source, f);
    cr_assert_eq(pclose(f), 0, "as fails");
    f = fopen(path, "rb");
    cr_assert(f && fstat(fileno(f), &st) == 0);
    b.size = (size_t)st.st_size;
    b.p = malloc(b.size);
    cr_assert_eq(fread(b.p, 1, b.size, f), b.size);
    fclose(f);
    unlink(path);
    return b;
}

typedef int function(long);

static int call(const void *p, long arg)
{
    return ((function *)(uintptr_t)p)(arg);
}

Test(loader, loads_and_runs)
{
    struct bytes o = assemble(good);
    const char *const names[] = {"g", "f", "h"};
    const void *entry[3];
    struct codebuf_span span;
    struct codebuf cb;
    struct error err;
    cr_assert(codebuf_init(&cb, 1 << 20, &err));
    cr_assert(loader_load(&cb, o.p, o.size, names, 3, entry, &span, &err), "%s", err.text);
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(call(entry[0], i), i + 101);
        cr_assert_eq(call(entry[1], i), i + 1);
    }
    cr_assert_eq(call(entry[2], 0), 40);
    cr_assert(codebuf_holds(&cb, entry[2]));
    codebuf_free(&cb, &span);
    codebuf_fini(&cb);
    free(o.p);
}

Test(loader, only_what_is_reached)
{
    struct bytes o = assemble(good);
    const char *f = "f", *g = "g";
    struct loader_image all, one;
    struct error err;
    cr_assert(loader_link(o.p, o.size, &f, 1, &one, &err), "%s", err.text);
    cr_assert(loader_link(o.p, o.size, &g, 1, &all, &err), "%s", err.text);
    cr_assert_lt(one.size, all.size);
    cr_assert_eq(one.align, 64);
    cr_assert_lt(one.size, 150, "%u bytes", one.size);
    loader_image_free(&one);
    loader_image_free(&all);
    free(o.p);
}

// An image runs at any address that is aligned.
Test(loader, images_move)
{
    struct bytes o = assemble(good);
    const char *g = "g";
    struct loader_image image;
    struct codebuf cb;
    struct codebuf_span span, gap;
    cr_assert(codebuf_init(&cb, 1 << 20, NULL));
    cr_assert(loader_link(o.p, o.size, &g, 1, &image, NULL));
    for (int i = 0; i < 30; i++) {
        cr_assert(codebuf_alloc(&cb, 1 + (size_t)i * 37, 1, &gap));
        cr_assert(loader_place(&cb, image.bytes, image.size, image.align, &span));
        cr_assert_eq(call(span.exec + image.entry[0], i % 3), i % 3 + 101);
    }
    cr_assert(!loader_place(&cb, image.bytes, 0, 1, &span));
    cr_assert(!loader_place(&cb, image.bytes, image.size, 3, &span));
    cr_assert(!loader_place(&cb, image.bytes, image.size, 8192, &span));
    cr_assert(!loader_place(&cb, image.bytes, (size_t)LOADER_MAX_IMAGE + 1, 1, &span));
    loader_image_free(&image);
    codebuf_fini(&cb);
    free(o.p);
}

// Source after ".text; .globl f; .type f,@function; f:", and a word of the reason.
static const struct {
    const char *source, *why;
} refused[] = {
    {"call elsewhere\nret\n", "elsewhere"},
    {"mov elsewhere(%rip), %rax\nret\n", "elsewhere"},
    {"mov elsewhere@GOTPCREL(%rip), %rax\nret\n", "distance"},
    {"movabs $f, %rax\nret\n", "distance"},
    {"mov $f, %eax\nret\n", "distance"},
    {"mov f, %eax\nret\n", "distance"},
    {"mov v(%rip), %eax\nret\n.data\nv: .long 1\n", "written"},
    {"ret\n.data\nv: .long 1\n", "written"},
    {"mov v(%rip), %eax\nret\n.bss\nv: .zero 4\n", "written"},
    {"ret\n.bss\nv: .zero 4\n", "written"},
    {"mov v(%rip), %eax\nret\n.comm v,4,4\n", ""},
    {"ret\n.section .init_array,\"aw\"\n.quad f\n", "constructor"},
    {"ret\n.section .ctors,\"a\"\n.quad 0\n", "constructor"},
    {"ret\n.section .fini,\"ax\"\nret\n", "constructor"},
    {"mov %fs:v@TPOFF, %eax\nret\n.section .tbss,\"awT\",@nobits\nv: .zero 4\n", "written"},
    {"lea t(%rip), %rax\nret\n.section .rodata,\"a\"\nt: .quad f\n", "distance"},
    {"lea t(%rip), %rax\nret\n.section .data.rel.ro,\"aw\"\nt: .quad f\n", "written"},
    {"mov v(%rip), %eax\nret\n.set v, 0x1234\n", ""},
    {"mov v(%rip), %eax\nret\n.section .eh_frame,\"a\"\nv: .long 1\n", "neither"},
    {"mov v(%rip), %eax\nret\n.section .debug_x,\"\"\nv: .long 1\n", "neither"},
    {"ret\n.section .text.i,\"ax\"\n.type i,@gnu_indirect_function\ni: ret\n.text\ncall i\n", ""},
    {"ret\n.p2align 13\n", "alignment"},
};

Test(loader, refuses_what_needs_more)
{
    const char *f = "f";
    for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
        char source[1024];
        struct loader_image image;
        struct error err = {0};
        snprintf(source, sizeof source, ".text\n.globl f\n.type f,@function\nf: %s",
                 refused[i].source);
        struct bytes o = assemble(source);
        cr_expect(!loader_link(o.p, o.size, &f, 1, &image, &err), "accepted: %s",
                  refused[i].source);
        cr_expect(strstr(err.text, refused[i].why), "%s: says %s", refused[i].source, err.text);
        cr_expect_null(image.bytes);
        free(o.p);
    }
}

Test(loader, functions_that_are_not_there)
{
    struct bytes o = assemble(good);
    const char *const wrong[] = {"e", "", "ff", ".Lc"};
    struct loader_image image;
    for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
        cr_assert(!loader_link(o.p, o.size, &wrong[i], 1, &image, NULL), "%s", wrong[i]);
    cr_assert(!loader_link(o.p, o.size, wrong, 0, &image, NULL));
    cr_assert(!loader_link(o.p, o.size, wrong, LOADER_MAX_FUNCTIONS + 1, &image, NULL));
    free(o.p);
}

// In memory of exactly that size, so that the sanitizer sees every byte read beyond it.
static bool try_link(const uint8_t *bytes, size_t size)
{
    static const char *const names[] = {"g", "f", "h"};
    uint8_t *copy = malloc(size ? size : 1);
    struct loader_image image;
    struct error err = {0};
    memcpy(copy, bytes, size);
    bool ok = loader_link(copy, size, names, 3, &image, &err);
    cr_assert(ok || err.text[0], "no reason");
    if (ok)
        for (unsigned i = 0; i < 3; i++)
            cr_assert_lt(image.entry[i], image.size);
    loader_image_free(&image);
    free(copy);
    return ok;
}

Test(loader, every_truncation)
{
    struct bytes o = assemble(good);
    unsigned accepted = 0;
    for (size_t n = 0; n < o.size; n++)
        accepted += try_link(o.p, n);
    cr_assert_eq(accepted, 0, "%u truncated objects were accepted", accepted);
    free(o.p);
}

Test(loader, every_bit_flipped, .timeout = 100)
{
    struct bytes o = assemble(good);
    unsigned refused_ones = 0;
    for (size_t bit = 0; bit < o.size * 8; bit++) {
        o.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
        refused_ones += !try_link(o.p, o.size);
        o.p[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    cr_assert_gt(refused_ones, 1000, "%u", refused_ones);
    free(o.p);
}

// Whole fields replaced by the numbers that parsers stumble over.
Test(loader, bent_at_random, .timeout = 100)
{
    static const uint64_t odd[] = {
        0,      1,      7,         0x7fffffff, 0x80000000,      0xffffffff,
        0xfff1, 0xfff2, INT64_MAX, UINT64_MAX, UINT64_MAX - 23, UINT64_C(1) << 32};
    struct bytes o = assemble(good);
    uint8_t *copy = malloc(o.size);
    uint64_t rng = 99;
    for (unsigned i = 0; i < 40000; i++) {
        memcpy(copy, o.p, o.size);
        for (unsigned k = 0; k < 1 + i % 4; k++) {
            rng = rng * 6364136223846793005u + 1442695040888963407u;
            size_t size = (size_t)1 << (rng >> 60 & 3), at = (rng >> 24) % (o.size - 8);
            memcpy(copy + (at & ~(size_t)3), &odd[(rng >> 50) % ARRAY_SIZE(odd)], size);
        }
        try_link(copy, o.size);
    }
    free(copy);
    free(o.p);
}

// The field that a relocation fills may not stick out of its section.
Test(loader, relocations_stay_inside)
{
    struct bytes o = assemble(".text\n.globl f\n.type f,@function\nf: mov c(%rip), %eax\nret\n"
                              ".section .rodata,\"a\"\nc: .long 5\n");
    Elf64_Ehdr h;
    const char *f = "f";
    struct loader_image image;
    unsigned seen = 0;
    memcpy(&h, o.p, sizeof h);
    for (unsigned i = 0; i < h.e_shnum; i++) {
        Elf64_Shdr s;
        memcpy(&s, o.p + h.e_shoff + i * sizeof s, sizeof s);
        if (s.sh_type != SHT_RELA)
            continue;
        static const uint64_t offsets[] = {2, 3, 4, 7, 8, UINT64_MAX, UINT64_MAX - 3, INT64_MAX};
        for (size_t k = 0; k < ARRAY_SIZE(offsets); k++) {
            memcpy(o.p + s.sh_offset, &offsets[k], 8);
            bool ok = loader_link(o.p, o.size, &f, 1, &image, NULL);
            cr_assert_eq(ok, offsets[k] <= 3, "offset %" PRIx64, offsets[k]);
            loader_image_free(&image);
            seen++;
        }
    }
    cr_assert_gt(seen, 0);
    free(o.p);
}
