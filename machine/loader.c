// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/loader.h"

#include "base/bits.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define KIB UINT64_C(0x400)
#define MIB UINT64_C(0x100000)

enum {
    IMAGE_HEADER = 64,          // bytes of an arm64 Image's header
    IMAGE_BIG_ENDIAN = 1,       // flags
    IMAGE_OLD_OFFSET = 0x80000, // text_offset of kernels before 3.17, which do not say image_size
    RAW_OFFSET = 0x80000,
    BOOT_STUB = 4096,     // QEMU keeps this much below a kernel for its boot code
    DTB_ALIGN = 0x200000, // a tree must not cross a 2 MiB boundary
    HEAD = 4096,          // how much of a file is looked at to tell what it is
};

// An open file, its size, and its first bytes.
struct source {
    const char *path;
    int fd;
    uint64_t size;
    uint8_t head[HEAD];
    size_t head_size;
};

static uint32_t le32(const uint8_t *p)
{
    return p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint64_t le64(const uint8_t *p)
{
    return le32(p) | (uint64_t)le32(p + 4) << 32;
}

// Reads exactly n bytes at offset. EOF is an error: the size was asked before.
static bool read_at(const struct source *s, uint64_t offset, void *to, uint64_t n,
                    struct error *err)
{
    uint8_t *p = to;
    while (n) {
        size_t want = n < 256 * MIB ? (size_t)n : (size_t)(256 * MIB);
        ssize_t got = pread(s->fd, p, want, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_set(err, "%s: %s", s->path, strerror(errno));
        if (got == 0)
            return error_set(err, "%s: shorter than it was a moment ago", s->path);
        p += got;
        offset += (uint64_t)got;
        n -= (uint64_t)got;
    }
    return true;
}

static void source_close(struct source *s)
{
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
}

static bool source_open(struct source *s, const char *path, struct error *err)
{
    struct stat st;
    s->path = path;
    s->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); // a FIFO must not keep us waiting
    if (s->fd < 0)
        return error_set(err, "%s: %s", path, strerror(errno));
    if (fstat(s->fd, &st) < 0)
        error_set(err, "%s: %s", path, strerror(errno));
    else if (!S_ISREG(st.st_mode))
        error_set(err, "%s: not a regular file", path);
    else if (st.st_size == 0)
        error_set(err, "%s: the file is empty", path);
    else {
        s->size = (uint64_t)st.st_size;
        s->head_size = s->size < HEAD ? (size_t)s->size : HEAD;
        if (read_at(s, 0, s->head, s->head_size, err))
            return true;
    }
    source_close(s);
    return false;
}

void *loader_read_file(const char *path, size_t limit, size_t *size, struct error *err)
{
    struct source s;
    if (!source_open(&s, path, err))
        return NULL;
    void *data = NULL;
    if (s.size > limit)
        error_set(err, "%s: larger than %zu KiB", path, limit / 1024);
    else if (!(data = malloc((size_t)s.size)))
        error_set(err, "%s: no memory to read it", path);
    else if (!read_at(&s, 0, data, s.size, err)) {
        free(data);
        data = NULL;
    }
    *size = (size_t)s.size;
    source_close(&s);
    return data;
}

static bool inside_ram(const struct loader_ram *ram, uint64_t at, uint64_t size)
{
    return at >= ram->base && at - ram->base <= ram->size && size <= ram->size - (at - ram->base);
}

static uint8_t *host_of(const struct loader_ram *ram, uint64_t at)
{
    return ram->host + (at - ram->base);
}

static bool does_not_fit(const char *path, uint64_t need, const struct loader_ram *ram,
                         struct error *err)
{
    return error_set(
        err, "%s: does not fit: it needs %llu KiB and there are %llu MiB of RAM (see -m)", path,
        (unsigned long long)((need + KIB - 1) / KIB), (unsigned long long)(ram->size / MIB));
}

// arm64 Image

struct image_header {
    uint64_t text_offset, image_size, flags;
    uint32_t pe_offset; // of the PE header when the Image is an EFI application too, else 0
};

static bool image_header(const uint8_t *h, size_t size, struct image_header *out)
{
    if (size < IMAGE_HEADER || memcmp(h + 56, "ARM\x64", 4))
        return false;
    out->text_offset = le64(h + 8);
    out->image_size = le64(h + 16);
    out->flags = le64(h + 24);
    out->pe_offset = !memcmp(h, "MZ", 2) ? le32(h + 60) : 0;
    if (!out->image_size)
        out->text_offset = IMAGE_OLD_OFFSET;
    return true;
}

// How long the file must be by its PE section table: the arm64 header does not say. 0: unknown.
// head holds the first `size` bytes, all of them when there are less than HEAD.
static uint64_t image_file_size(const struct image_header *ih, const uint8_t *head, size_t size)
{
    uint64_t longest = 0, pe = ih->pe_offset, beyond = size < HEAD ? size + 1 : 0;
    if (!pe)
        return 0;
    if (pe + 24 > size)
        return beyond;
    if (memcmp(head + pe, "PE\0", 4))
        return 0;
    unsigned sections = head[pe + 6] | head[pe + 7] << 8;
    uint64_t table = pe + 24 + (head[pe + 20] | head[pe + 21] << 8);
    for (unsigned i = 0; i < sections; i++) {
        if (table + 40 * (i + 1) > size)
            return beyond > longest ? beyond : longest;
        const uint8_t *row = head + table + 40 * i;
        uint64_t end = (uint64_t)le32(row + 20) + le32(row + 16);
        if (end > longest)
            longest = end;
    }
    return longest;
}

// Decides where an Image lies that has `size` bytes (0: not known yet).
static bool image_place(const char *path, const struct image_header *ih, uint64_t size,
                        const struct loader_ram *ram, struct loader_kernel *k, struct error *err)
{
    uint64_t offset = ih->text_offset, room = ih->image_size > size ? ih->image_size : size;
    if (ih->flags & IMAGE_BIG_ENDIAN)
        return error_set(err, "%s: a big-endian kernel; armlet is little-endian only", path);
    if (offset < BOOT_STUB)
        offset += DTB_ALIGN;
    if (offset > ram->size || room > ram->size - offset)
        return does_not_fit(path, room, ram, err);
    k->entry = k->start = ram->base + offset;
    k->end = k->start + room;
    return true;
}

static bool load_image(const struct source *s, const struct image_header *ih,
                       const struct loader_ram *ram, struct loader_kernel *k, struct error *err)
{
    uint64_t expected = image_file_size(ih, s->head, s->head_size);
    if (s->size < expected)
        return error_set(err, "%s: truncated: %llu bytes, its headers promise more", s->path,
                         (unsigned long long)s->size);
    k->format = LOADER_IMAGE;
    return image_place(s->path, ih, s->size, ram, k, err) &&
           read_at(s, 0, host_of(ram, k->start), s->size, err);
}

// Image.gz

// A gzip stream over a file, pulled piece by piece.
struct inflater {
    const struct source *s;
    uint64_t offset; // in the file, of what has not been read
    z_stream z;
    bool ended;
    uint8_t in[64 * 1024];
};

// Inflates up to `room` bytes to `to`; *got is less only when the stream has ended.
static bool inflate_some(struct inflater *f, uint8_t *to, uint64_t room, uint64_t *got,
                         struct error *err)
{
    *got = 0;
    while (*got < room && !f->ended) {
        uint64_t left = f->s->size - f->offset;
        if (!f->z.avail_in && left) {
            size_t n = left < sizeof f->in ? (size_t)left : sizeof f->in;
            if (!read_at(f->s, f->offset, f->in, n, err))
                return false;
            f->offset += n;
            f->z.next_in = f->in;
            f->z.avail_in = (uInt)n;
        }
        uInt chunk = room - *got < MIB ? (uInt)(room - *got) : (uInt)MIB;
        f->z.next_out = to + *got;
        f->z.avail_out = chunk;
        int r = inflate(&f->z, Z_NO_FLUSH);
        *got += chunk - f->z.avail_out;
        f->ended = r == Z_STREAM_END;
        if (r == Z_BUF_ERROR ||
            (r == Z_OK && !f->z.avail_in && f->offset == f->s->size && f->z.avail_out))
            return error_set(err, "%s: truncated gzip data", f->s->path);
        if (r != Z_OK && r != Z_STREAM_END)
            return error_set(err, "%s: broken gzip data (%s)", f->s->path,
                             f->z.msg ? f->z.msg : zError(r));
    }
    return true;
}

static const char *foreign_format(const uint8_t *h, size_t size);

// Decides the place by the first bytes, then inflates the rest behind them.
static bool inflate_kernel(struct inflater *f, const struct loader_ram *ram,
                           struct loader_kernel *k, struct error *err)
{
    const char *path = f->s->path;
    uint8_t head[HEAD], extra;
    uint64_t n, more, over = 0;
    struct image_header ih;
    if (!inflate_some(f, head, sizeof head, &n, err))
        return false;
    if (n == 0)
        return error_set(err, "%s: the gzipped file is empty", path);
    const char *foreign = foreign_format(head, n);
    if (foreign || (n >= 4 && !memcmp(head, ELFMAG, 4)))
        return error_set(err, "%s: gzipped %s; armlet takes a gzipped Image", path,
                         foreign ? foreign : "ELF file");
    if (!image_header(head, n, &ih))
        ih = (struct image_header){.text_offset = RAW_OFFSET};
    if (!image_place(path, &ih, n, ram, k, err))
        return false;
    memcpy(host_of(ram, k->start), head, n);
    uint64_t room = ram->base + ram->size - k->start - n;
    if (!inflate_some(f, host_of(ram, k->start) + n, room, &more, err))
        return false;
    if (!f->ended && (!inflate_some(f, &extra, 1, &over, err) || over))
        return over ? does_not_fit(path, n + more + 1, ram, err) : false;
    uint64_t expected = image_file_size(&ih, head, n);
    if (n + more < expected)
        return error_set(err, "%s: truncated: inflates to %llu bytes, its headers promise more",
                         path, (unsigned long long)(n + more));
    return image_place(path, &ih, n + more, ram, k, err);
}

static bool load_gzip(const struct source *s, const struct loader_ram *ram, struct loader_kernel *k,
                      struct error *err)
{
    struct inflater *f = calloc(1, sizeof *f);
    if (!f || inflateInit2(&f->z, 16 + MAX_WBITS) != Z_OK) {
        free(f);
        return error_set(err, "%s: no memory to inflate it", s->path);
    }
    f->s = s;
    k->format = LOADER_IMAGE_GZ;
    bool ok = inflate_kernel(f, ram, k, err);
    inflateEnd(&f->z);
    free(f);
    return ok;
}

// ELF

static bool load_segment(const struct source *s, const Elf64_Phdr *p, const struct loader_ram *ram,
                         struct error *err)
{
    if (p->p_filesz > p->p_memsz)
        return error_set(err, "%s: broken ELF segment (larger in the file than in memory)",
                         s->path);
    if (p->p_offset > s->size || p->p_filesz > s->size - p->p_offset)
        return error_set(err, "%s: truncated: an ELF segment lies beyond the end of the file",
                         s->path);
    if (!inside_ram(ram, p->p_paddr, p->p_memsz))
        return error_set(err, "%s: an ELF segment (0x%llx, %llu bytes) lies outside RAM", s->path,
                         (unsigned long long)p->p_paddr, (unsigned long long)p->p_memsz);
    memset(host_of(ram, p->p_paddr) + p->p_filesz, 0, p->p_memsz - p->p_filesz);
    return read_at(s, p->p_offset, host_of(ram, p->p_paddr), p->p_filesz, err);
}

static bool load_elf(const struct source *s, const struct loader_ram *ram, struct loader_kernel *k,
                     struct error *err)
{
    Elf64_Ehdr e;
    if (s->size < sizeof e)
        return error_set(err, "%s: truncated ELF header", s->path);
    memcpy(&e, s->head, sizeof e);
    uint64_t table = (uint64_t)e.e_phnum * sizeof(Elf64_Phdr);
    if (e.e_phentsize != sizeof(Elf64_Phdr) || e.e_phoff > s->size || table > s->size - e.e_phoff)
        return error_set(err, "%s: broken or truncated ELF program headers", s->path);
    *k = (struct loader_kernel){.format = LOADER_ELF, .entry = e.e_entry, .start = UINT64_MAX};
    for (unsigned i = 0; i < e.e_phnum; i++) {
        Elf64_Phdr p;
        if (!read_at(s, e.e_phoff + i * sizeof p, &p, sizeof p, err))
            return false;
        if (p.p_type != PT_LOAD || !p.p_memsz)
            continue;
        if (!load_segment(s, &p, ram, err))
            return false;
        if (p.p_paddr < k->start)
            k->start = p.p_paddr;
        if (p.p_paddr + p.p_memsz > k->end)
            k->end = p.p_paddr + p.p_memsz;
        // The entry is a virtual address; the MMU is off at the start.
        if (e.e_entry - p.p_vaddr < p.p_memsz)
            k->entry = e.e_entry - p.p_vaddr + p.p_paddr;
    }
    if (!k->end)
        return error_set(err, "%s: an ELF file without anything to load", s->path);
    return true;
}

// What is not an arm64 kernel

static const char *foreign_elf(const uint8_t *h, size_t size)
{
    static const struct {
        unsigned machine;
        const char *name;
    } machines[] = {
        {EM_X86_64, "an x86-64 ELF file"}, {EM_386, "an x86 ELF file"},
        {EM_ARM, "a 32-bit ARM ELF file"}, {EM_RISCV, "a RISC-V ELF file"},
        {EM_PPC64, "a PowerPC ELF file"},
    };
    if (size < 20 || memcmp(h, ELFMAG, 4))
        return NULL;
    if (h[EI_DATA] != ELFDATA2LSB)
        return "a big-endian ELF file";
    unsigned machine = h[18] | h[19] << 8;
    for (size_t i = 0; i < ARRAY_SIZE(machines); i++)
        if (machine == machines[i].machine)
            return machines[i].name;
    if (machine != EM_AARCH64)
        return "an ELF file of another architecture";
    return h[EI_CLASS] == ELFCLASS64 ? NULL : "a 32-bit ELF file";
}

// What the file is when it is something well known that is not for this machine, or NULL.
static const char *foreign_format(const uint8_t *h, size_t size)
{
    static const struct {
        unsigned offset, length;
        const char *magic, *name;
    } rows[] = {
        {0x202, 4, "HdrS", "an x86 kernel (bzImage)"},
        {0x24, 4, "\x18\x28\x6f\x01", "a 32-bit ARM kernel (zImage)"},
        {0x24, 4, "\x01\x6f\x28\x18", "a big-endian 32-bit ARM kernel (zImage)"},
        {0, 4, "\x27\x05\x19\x56", "a U-Boot image (unpack it first)"},
        {0, 4, "QFI\xfb", "a qcow2 disk image"},
        {4, 4, "zimg", "a compressed EFI kernel (unpack it first)"},
        {0x38, 3, "RSC", "a RISC-V kernel"},
        {0x30, 4, "RISC", "a RISC-V kernel"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        if (size >= rows[i].offset + rows[i].length &&
            !memcmp(h + rows[i].offset, rows[i].magic, rows[i].length))
            return rows[i].name;
    return foreign_elf(h, size);
}

static bool load_raw(const struct source *s, const struct loader_ram *ram, struct loader_kernel *k,
                     struct error *err)
{
    if (ram->size < RAW_OFFSET || s->size > ram->size - RAW_OFFSET)
        return does_not_fit(s->path, s->size, ram, err);
    k->format = LOADER_RAW;
    k->entry = k->start = ram->base + RAW_OFFSET;
    k->end = k->start + s->size;
    return read_at(s, 0, host_of(ram, k->start), s->size, err);
}

static bool load_source(const struct source *s, bool recognised, const struct loader_ram *ram,
                        struct loader_kernel *k, struct error *err)
{
    struct image_header ih;
    const char *foreign = foreign_format(s->head, s->head_size);
    if (foreign)
        return error_set(err, "%s: this is %s, not an arm64 kernel", s->path, foreign);
    if (image_header(s->head, s->head_size, &ih))
        return load_image(s, &ih, ram, k, err);
    if (s->head_size >= 4 && !memcmp(s->head, ELFMAG, 4))
        return load_elf(s, ram, k, err);
    if (s->head_size >= 2 && s->head[0] == 0x1f && s->head[1] == 0x8b)
        return load_gzip(s, ram, k, err);
    if (s->head_size < IMAGE_HEADER && !memcmp(s->head, "MZ", s->head_size < 2 ? s->head_size : 2))
        return error_set(err, "%s: truncated in the kernel's header", s->path);
    if (recognised)
        return error_set(err,
                         "%s: neither a kernel (Image, gzipped or not, ELF) nor a disk with something on it "
                         "(raw code: -kernel, an empty disk: -drive)",
                         s->path);
    return load_raw(s, ram, k, err);
}

bool loader_load_kernel(const char *path, bool recognised, const struct loader_ram *ram,
                        struct loader_kernel *kernel, struct error *err)
{
    struct source s;
    *kernel = (struct loader_kernel){0};
    bool ok = source_open(&s, path, err);
    if (ok) {
        ok = load_source(&s, recognised, ram, kernel, err);
        source_close(&s);
    }
    return ok ? true : error_prefix(err, "could not load kernel");
}

bool loader_load_initrd(const char *path, const struct loader_ram *ram,
                        const struct loader_kernel *kernel, struct loader_range *initrd,
                        struct error *err)
{
    struct source s;
    if (!source_open(&s, path, err))
        return error_prefix(err, "could not load initrd");
    uint64_t offset = ram->size / 2 < 128 * MIB ? ram->size / 2 : 128 * MIB;
    initrd->start = ram->base + offset;
    if (kernel->end > initrd->start)
        initrd->start = kernel->end;
    initrd->start = ALIGN_UP(initrd->start, 4096);
    initrd->end = initrd->start + s.size;
    bool ok = inside_ram(ram, initrd->start, s.size) ? true : does_not_fit(path, s.size, ram, err);
    ok = ok && read_at(&s, 0, host_of(ram, initrd->start), s.size, err);
    source_close(&s);
    return ok ? true : error_prefix(err, "could not load initrd");
}

bool loader_place_dtb(const void *dtb, size_t size, const struct loader_ram *ram,
                      const struct loader_kernel *kernel, const struct loader_range *initrd,
                      uint64_t *address, struct error *err)
{
    uint64_t at = kernel->end > initrd->end ? kernel->end : initrd->end;
    if (at < ram->base)
        at = ram->base;
    at = ALIGN_UP(at, (uint64_t)DTB_ALIGN);
    if (size > DTB_ALIGN || !inside_ram(ram, at, size))
        return error_set(err,
                         "the device tree does not fit above kernel and initrd in %llu MiB of "
                         "RAM (see -m)",
                         (unsigned long long)(ram->size / MIB));
    memcpy(host_of(ram, at), dtb, size);
    *address = at;
    return true;
}
