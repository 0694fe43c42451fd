// SPDX-License-Identifier: GPL-3.0-or-later
// System V ABI, AMD64 supplement, and the ELF specification: relocatable files (ET_REL) only.
//
// A section is used when a wanted function lies in it, or a used section refers to it. So an object
// compiled with -ffunction-sections gives each function an image of its own; one without gives
// images that hold everything. Headers are copied out before they are looked at: nothing in the
// object need be aligned.
#include "jit/loader.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SECTIONS 4096u
#define NOT_USED     UINT32_MAX
#define PADDING      0xcc // int3, between sections

// An object being taken apart.
struct object {
    const uint8_t *bytes;
    size_t size;
    Elf64_Shdr *sections; // a copy
    uint32_t *place;      // offset of each section in the image, or NOT_USED
    uint32_t *work;       // sections found to be used, in order
    uint32_t nr_sections, nr_used;
    const char *names; // of sections
    size_t names_size;
    uint32_t symtab; // section number
    uint32_t nr_symbols;
    const char *strings; // of symbols
    size_t strings_size;
    struct error *err;
};

static bool in_file(const struct object *o, uint64_t off, uint64_t size)
{
    return off <= o->size && size <= o->size - off;
}

// A string in a table that need not end with a zero.
static bool string_at(const char *table, size_t table_size, uint32_t off, const char **s)
{
    if (off >= table_size || !memchr(table + off, 0, table_size - off))
        return false;
    *s = table + off;
    return true;
}

static const char *section_name(const struct object *o, uint32_t n)
{
    const char *s = "?";
    string_at(o->names, o->names_size, o->sections[n].sh_name, &s);
    return s;
}

static bool string_table(const struct object *o, uint32_t n, const char **table, size_t *size)
{
    if (n == 0 || n >= o->nr_sections || o->sections[n].sh_type != SHT_STRTAB)
        return false;
    *table = (const char *)o->bytes + o->sections[n].sh_offset;
    *size = o->sections[n].sh_size;
    return true;
}

static bool open_header(struct object *o)
{
    Elf64_Ehdr h;
    if (o->size < sizeof h)
        return error_set(o->err, "object: shorter than an ELF header");
    memcpy(&h, o->bytes, sizeof h);
    if (memcmp(h.e_ident, ELFMAG, SELFMAG) || h.e_ident[EI_CLASS] != ELFCLASS64 ||
        h.e_ident[EI_DATA] != ELFDATA2LSB || h.e_type != ET_REL || h.e_machine != EM_X86_64)
        return error_set(o->err, "object: not a relocatable x86-64 ELF file");
    if (h.e_shentsize != sizeof(Elf64_Shdr) || h.e_shnum == 0 || h.e_shnum > MAX_SECTIONS ||
        !in_file(o, h.e_shoff, (uint64_t)h.e_shnum * sizeof(Elf64_Shdr)))
        return error_set(o->err, "object: section headers outside the file");
    o->nr_sections = h.e_shnum;
    o->sections = malloc(o->nr_sections * sizeof *o->sections);
    o->place = malloc(o->nr_sections * sizeof *o->place);
    o->work = malloc(o->nr_sections * sizeof *o->work);
    if (!o->sections || !o->place || !o->work)
        return error_set(o->err, "object: out of memory");
    memcpy(o->sections, o->bytes + h.e_shoff, o->nr_sections * sizeof *o->sections);
    for (uint32_t i = 0; i < o->nr_sections; i++) {
        const Elf64_Shdr *s = &o->sections[i];
        o->place[i] = NOT_USED;
        if (s->sh_type != SHT_NOBITS && s->sh_type != SHT_NULL &&
            !in_file(o, s->sh_offset, s->sh_size))
            return error_set(o->err, "object: section %u outside the file", i);
    }
    if (!string_table(o, h.e_shstrndx, &o->names, &o->names_size))
        return error_set(o->err, "object: no section names");
    return true;
}

static bool open_symbols(struct object *o)
{
    for (uint32_t i = 1; i < o->nr_sections; i++) {
        const Elf64_Shdr *s = &o->sections[i];
        if (s->sh_type != SHT_SYMTAB)
            continue;
        if (o->symtab)
            return error_set(o->err, "object: two symbol tables");
        if (s->sh_entsize != sizeof(Elf64_Sym) ||
            !string_table(o, s->sh_link, &o->strings, &o->strings_size) ||
            s->sh_size / sizeof(Elf64_Sym) > UINT32_MAX)
            return error_set(o->err, "object: bad symbol table");
        o->symtab = i;
        o->nr_symbols = (uint32_t)(s->sh_size / sizeof(Elf64_Sym));
    }
    return o->symtab || error_set(o->err, "object: no symbols");
}

static Elf64_Sym symbol(const struct object *o, uint32_t n)
{
    Elf64_Sym s;
    memcpy(&s, o->bytes + o->sections[o->symtab].sh_offset + (uint64_t)n * sizeof s, sizeof s);
    return s;
}

// Does what n's name promises nothing but code and constants? Constructors and the like would not
// be run: better refused than forgotten.
static bool section_refused(const char *name)
{
    static const char *const never[] = {".init", ".fini", ".ctors", ".dtors", ".preinit", ".tm_"};
    for (size_t i = 0; i < ARRAY_SIZE(never); i++)
        if (!strncmp(name, never[i], strlen(never[i])))
            return true;
    return false;
}

static bool section_ignored(const struct object *o, uint32_t n)
{
    const Elf64_Shdr *s = &o->sections[n];
    const char *name = section_name(o, n);
    return !(s->sh_flags & SHF_ALLOC) || s->sh_type == SHT_NOTE ||
           s->sh_type == SHT_X86_64_UNWIND || !strcmp(name, ".eh_frame");
}

// What an object may not have at all, used or not.
static bool check_sections(struct object *o)
{
    for (uint32_t i = 1; i < o->nr_sections; i++) {
        const Elf64_Shdr *s = &o->sections[i];
        const char *name = section_name(o, i);
        if (section_ignored(o, i))
            continue;
        if (section_refused(name) || s->sh_type == SHT_INIT_ARRAY || s->sh_type == SHT_FINI_ARRAY ||
            s->sh_type == SHT_PREINIT_ARRAY)
            return error_set(o->err, "object: %.64s: constructors", name);
        // Every object has an empty .data and .bss.
        if (s->sh_size && (s->sh_flags & (SHF_WRITE | SHF_TLS)))
            return error_set(o->err, "object: %.64s: data to be written", name);
    }
    return true;
}

static bool use_section(struct object *o, uint64_t n)
{
    if (n == SHN_UNDEF || n >= o->nr_sections)
        return error_set(o->err, "object: a symbol without a section");
    if (o->place[n] != NOT_USED)
        return true;
    const Elf64_Shdr *s = &o->sections[n];
    if (section_ignored(o, (uint32_t)n) || s->sh_type != SHT_PROGBITS ||
        (s->sh_flags & (SHF_WRITE | SHF_TLS | SHF_COMPRESSED)))
        return error_set(o->err, "object: %.64s: neither code nor constants",
                         section_name(o, (uint32_t)n));
    uint64_t align = s->sh_addralign ? s->sh_addralign : 1;
    if ((align & (align - 1)) || align > LOADER_MAX_ALIGN || s->sh_size > LOADER_MAX_IMAGE)
        return error_set(o->err, "object: %.64s: bad size or alignment",
                         section_name(o, (uint32_t)n));
    o->place[n] = 0;
    o->work[o->nr_used++] = (uint32_t)n;
    return true;
}

static bool find_function(const struct object *o, const char *name, Elf64_Sym *out)
{
    for (uint32_t i = 0; i < o->nr_symbols; i++) {
        const char *s;
        *out = symbol(o, i);
        if (out->st_shndx == SHN_UNDEF || ELF64_ST_TYPE(out->st_info) != STT_FUNC ||
            !string_at(o->strings, o->strings_size, out->st_name, &s) || strcmp(s, name))
            continue;
        return true;
    }
    return error_set(o->err, "object: no function %s", name);
}

static bool use_function(struct object *o, const char *name, Elf64_Sym *sym)
{
    if (!find_function(o, name, sym) || !use_section(o, sym->st_shndx))
        return false;
    const Elf64_Shdr *s = &o->sections[sym->st_shndx];
    if (!(s->sh_flags & SHF_EXECINSTR) || sym->st_value >= s->sh_size)
        return error_set(o->err, "object: %s is not in code", name);
    return true;
}

// One relocation, decoded and checked as far as its own section goes.
struct reloc {
    uint64_t off;
    uint32_t target; // section number
    uint64_t value;  // of the symbol, in its section
    int64_t addend;
    unsigned size;  // of the field
    bool has_value; // false: nothing to fill in
};

static bool decode_reloc(struct object *o, uint32_t section, const Elf64_Rela *r, struct reloc *out)
{
    uint32_t n = ELF64_R_SYM(r->r_info);
    *out = (struct reloc){.off = r->r_offset, .addend = r->r_addend};
    switch (ELF64_R_TYPE(r->r_info)) {
    case R_X86_64_NONE:
        return true;
    case R_X86_64_PC32:
    case R_X86_64_PLT32:
        out->size = 4;
        break;
    case R_X86_64_PC64:
        out->size = 8;
        break;
    default:
        return error_set(o->err, "object: %.64s: relocation type %u is no distance",
                         section_name(o, section), (unsigned)ELF64_R_TYPE(r->r_info));
    }
    uint64_t room = o->sections[section].sh_size;
    if (out->off > room || out->size > room - out->off)
        return error_set(o->err, "object: %.64s: relocation outside the section",
                         section_name(o, section));
    if (n >= o->nr_symbols)
        return error_set(o->err, "object: relocation by a symbol that is not there");
    Elf64_Sym s = symbol(o, n);
    if (s.st_shndx == SHN_UNDEF || s.st_shndx >= o->nr_sections) {
        const char *name = "?";
        string_at(o->strings, o->strings_size, s.st_name, &name);
        return error_set(o->err, "object: needs %.64s from outside", name);
    }
    unsigned type = ELF64_ST_TYPE(s.st_info);
    if (type == STT_TLS || type == STT_GNU_IFUNC || type == STT_COMMON)
        return error_set(o->err, "object: a symbol of type %u", type);
    if (s.st_value > o->sections[s.st_shndx].sh_size)
        return error_set(o->err, "object: a symbol outside its section");
    out->target = s.st_shndx;
    out->value = s.st_value;
    out->has_value = true;
    return true;
}

// Calls fn for every relocation of a section.
static bool each_reloc(struct object *o, uint32_t section, uint8_t *image,
                       bool (*fn)(struct object *, uint32_t, const struct reloc *, uint8_t *image))
{
    for (uint32_t i = 1; i < o->nr_sections; i++) {
        const Elf64_Shdr *s = &o->sections[i];
        if ((s->sh_type != SHT_RELA && s->sh_type != SHT_REL) || s->sh_info != section)
            continue;
        if (s->sh_type == SHT_REL || s->sh_entsize != sizeof(Elf64_Rela) ||
            s->sh_link != o->symtab || s->sh_size % sizeof(Elf64_Rela))
            return error_set(o->err, "object: bad relocations");
        for (uint64_t at = 0; at < s->sh_size; at += sizeof(Elf64_Rela)) {
            Elf64_Rela r;
            struct reloc d;
            memcpy(&r, o->bytes + s->sh_offset + at, sizeof r);
            if (!decode_reloc(o, section, &r, &d) || (d.has_value && !fn(o, section, &d, image)))
                return false;
        }
    }
    return true;
}

static bool follow_reloc(struct object *o, uint32_t section, const struct reloc *r, uint8_t *image)
{
    return use_section(o, r->target);
}

static bool apply_reloc(struct object *o, uint32_t section, const struct reloc *r, uint8_t *image)
{
    uint64_t at = o->place[section] + r->off;
    int64_t to;
    // Where it points is not checked: a jump table's entries count from another label, and what
    // the code computes is the code's business.
    if (__builtin_add_overflow((int64_t)(o->place[r->target] + r->value), r->addend, &to) ||
        __builtin_sub_overflow(to, (int64_t)at, &to))
        return error_set(o->err, "object: a distance out of range");
    int32_t low = (int32_t)to;
    if (r->size == 4 && low != to)
        return error_set(o->err, "object: a distance out of range");
    memcpy(image + at, &to, r->size);
    return true;
}

// Gives every used section its place: code first, constants after it.
static bool lay_out(struct object *o, struct loader_image *image)
{
    uint64_t size = 0;
    image->align = 1;
    for (unsigned pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < o->nr_used; i++) {
            const Elf64_Shdr *s = &o->sections[o->work[i]];
            uint32_t align = s->sh_addralign ? (uint32_t)s->sh_addralign : 1;
            if (!!(s->sh_flags & SHF_EXECINSTR) != (pass == 0))
                continue;
            size = ALIGN_UP(size, align);
            o->place[o->work[i]] = (uint32_t)size;
            size += s->sh_size;
            if (size > LOADER_MAX_IMAGE)
                return error_set(o->err, "object: larger than %u MiB", LOADER_MAX_IMAGE >> 20);
            if (align > image->align)
                image->align = align;
        }
    }
    image->size = (uint32_t)size;
    image->bytes = malloc(size);
    if (!image->bytes)
        return error_set(o->err, "object: out of memory");
    memset(image->bytes, PADDING, size);
    for (uint32_t i = 0; i < o->nr_used; i++) {
        const Elf64_Shdr *s = &o->sections[o->work[i]];
        memcpy(image->bytes + o->place[o->work[i]], o->bytes + s->sh_offset, s->sh_size);
    }
    return true;
}

static bool link_object(struct object *o, const char *const *names, unsigned n,
                        struct loader_image *image)
{
    Elf64_Sym syms[LOADER_MAX_FUNCTIONS];
    if (!open_header(o) || !open_symbols(o) || !check_sections(o))
        return false;
    for (unsigned i = 0; i < n; i++)
        if (!use_function(o, names[i], &syms[i]))
            return false;
    for (uint32_t i = 0; i < o->nr_used; i++) // grows as it goes
        if (!each_reloc(o, o->work[i], NULL, follow_reloc))
            return false;
    if (!lay_out(o, image))
        return false;
    for (uint32_t i = 0; i < o->nr_used; i++)
        if (!each_reloc(o, o->work[i], image->bytes, apply_reloc))
            return false;
    for (unsigned i = 0; i < n; i++)
        image->entry[i] = o->place[syms[i].st_shndx] + (uint32_t)syms[i].st_value;
    image->nr_entries = n;
    return true;
}

bool loader_link(const void *object, size_t size, const char *const *names, unsigned n,
                 struct loader_image *image, struct error *err)
{
    struct object o = {.bytes = object, .size = size, .err = err};
    memset(image, 0, sizeof *image);
    if (n == 0 || n > LOADER_MAX_FUNCTIONS)
        return error_set(err, "object: %u functions at once", n);
    bool ok = link_object(&o, names, n, image);
    if (!ok)
        loader_image_free(image);
    free(o.sections);
    free(o.place);
    free(o.work);
    return ok;
}

void loader_image_free(struct loader_image *image)
{
    free(image->bytes);
    memset(image, 0, sizeof *image);
}

bool loader_place(struct codebuf *cb, const void *bytes, size_t size, size_t align,
                  struct codebuf_span *span)
{
    *span = (struct codebuf_span){0};
    if (size == 0 || size > LOADER_MAX_IMAGE || align == 0 || align > LOADER_MAX_ALIGN ||
        (align & (align - 1)) || !codebuf_alloc(cb, size, align, span))
        return false;
    memcpy(span->write, bytes, size);
    memset(span->write + size, PADDING, span->size - size);
    codebuf_publish(cb, span);
    return true;
}

bool loader_load(struct codebuf *cb, const void *object, size_t size, const char *const *names,
                 unsigned n, const void **entries, struct codebuf_span *span, struct error *err)
{
    struct loader_image image;
    *span = (struct codebuf_span){0};
    if (!loader_link(object, size, names, n, &image, err))
        return false;
    bool ok = loader_place(cb, image.bytes, image.size, image.align, span);
    if (!ok)
        error_set(err, "code buffer: no room for %u bytes", image.size);
    for (unsigned i = 0; ok && i < n; i++)
        entries[i] = span->exec + image.entry[i];
    loader_image_free(&image);
    return ok;
}
