// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/symbols.h"

#include "base/bits.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// A function without a size reaches to the next one, at most so far.
#define REACH 0x10000

static bool wanted(const GElf_Sym *sym, const char *name)
{
    unsigned type = GELF_ST_TYPE(sym->st_info);
    // $x and $d only mark code and data.
    return name && *name && *name != '$' && sym->st_shndx != SHN_UNDEF &&
           (type == STT_FUNC || type == STT_OBJECT || type == STT_NOTYPE);
}

// Counts and, with room for them, takes the symbols of a table; names are put into s->names.
static size_t take(struct symbols *s, Elf *elf, Elf_Scn *table, size_t link, size_t *names, bool store)
{
    Elf_Data *data = elf_getdata(table, NULL);
    GElf_Shdr header;
    size_t n = 0;
    if (!data || !gelf_getshdr(table, &header) || !header.sh_entsize)
        return 0;
    for (int i = 0; i < (int)(data->d_size / header.sh_entsize); i++) {
        GElf_Sym sym;
        const char *name = gelf_getsym(data, i, &sym) ? elf_strptr(elf, link, sym.st_name) : NULL;
        if (!name || !wanted(&sym, name))
            continue;
        if (store) {
            s->at[n] = (struct symbol){ .addr = sym.st_value, .size = sym.st_size, .name = s->names + *names,
                                        .code = GELF_ST_TYPE(sym.st_info) != STT_OBJECT };
            strcpy(s->names + *names, name);
        }
        *names += strlen(name) + 1;
        n++;
    }
    return n;
}

// By address; of several at one the sized and longest first.
static int by_address(const void *a, const void *b)
{
    const struct symbol *x = a, *y = b;
    if (x->addr != y->addr)
        return x->addr < y->addr ? -1 : 1;
    return (x->size < y->size) - (x->size > y->size);
}

static int by_name(const void *a, const void *b)
{
    const struct symbol *const *x = a, *const *y = b;
    int order = strcmp((*x)->name, (*y)->name);
    return order ? order : (*x > *y) - (*x < *y);
}

static void index_names(struct symbols *s)
{
    s->by_name = calloc(s->nr, sizeof *s->by_name);
    assert(s->by_name);
    for (size_t n = 0; n < s->nr; n++)
        s->by_name[n] = &s->at[n];
    qsort(s->by_name, s->nr, sizeof *s->by_name, by_name);
}

static void take_btf(struct symbols *s, Elf *elf, Elf_Scn *section)
{
    Elf_Data *data = elf_getdata(section, NULL);
    if (s->btf || !data || !data->d_buf || !data->d_size)
        return;
    s->btf = malloc(data->d_size);
    assert(s->btf);
    memcpy(s->btf, data->d_buf, data->d_size);
    s->btf_size = data->d_size;
}

static bool read_elf(struct symbols *s, Elf *elf, const char *path, struct error *err)
{
    Elf_Scn *section = NULL, *table = NULL;
    size_t strings, names = 0, link = 0;
    GElf_Ehdr head;
    if (elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, &head) || head.e_machine != EM_AARCH64 ||
        elf_getshdrstrndx(elf, &strings))
        return error_set(err, "%s: not an ELF file for 64-bit Arm", path);
    while ((section = elf_nextscn(elf, section))) {
        GElf_Shdr header;
        if (!gelf_getshdr(section, &header))
            continue;
        const char *name = elf_strptr(elf, strings, header.sh_name);
        if (header.sh_type == SHT_SYMTAB) {
            table = section;
            link = header.sh_link;
        } else if (name && !strcmp(name, ".BTF") && header.sh_type == SHT_PROGBITS) {
            take_btf(s, elf, section);
        }
    }
    s->nr = table ? take(s, elf, table, link, &names, false) : 0;
    if (!s->nr)
        return error_set(err, "%s: it has no symbols", path);
    s->at = calloc(s->nr, sizeof *s->at);
    s->names = malloc(names);
    assert(s->at && s->names);
    names = 0;
    take(s, elf, table, link, &names, true);
    qsort(s->at, s->nr, sizeof *s->at, by_address);
    index_names(s);
    return true;
}

struct symbols *symbols_open(const char *path, struct error *err)
{
    struct symbols *s = calloc(1, sizeof *s);
    assert(s);
    s->path = path;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool ok = fd >= 0 || error_set(err, "%s: %s", path, strerror(errno));
    elf_version(EV_CURRENT);
    Elf *elf = ok ? elf_begin(fd, ELF_C_READ_MMAP, NULL) : NULL;
    if (ok)
        ok = elf ? read_elf(s, elf, path, err) : error_set(err, "%s: %s", path, elf_errmsg(-1));
    elf_end(elf);
    if (fd >= 0)
        close(fd);
    if (ok)
        return s;
    symbols_close(s);
    return NULL;
}

void symbols_close(struct symbols *s)
{
    if (!s)
        return;
    free(s->at);
    free(s->by_name);
    free(s->names);
    free(s->btf);
    free(s);
}

const struct symbol *symbols_named(const struct symbols *s, const char *name)
{
    size_t low = 0, high = s->nr;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(s->by_name[middle]->name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < s->nr && !strcmp(s->by_name[low]->name, name) ? s->by_name[low] : NULL;
}

const struct symbol *symbols_at(const struct symbols *s, uint64_t addr)
{
    size_t low = 0, high = s->nr; // the first symbol beyond addr
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (s->at[middle].addr <= addr)
            low = middle + 1;
        else
            high = middle;
    }
    while (low-- > 0 && addr - s->at[low].addr < REACH) {
        const struct symbol *found = &s->at[low];
        if (!found->code || (low && s->at[low - 1].addr == found->addr && s->at[low - 1].code))
            continue; // data, or one that stands at the same place with a size
        return !found->size || addr - found->addr < found->size ? found : NULL;
    }
    return NULL;
}
