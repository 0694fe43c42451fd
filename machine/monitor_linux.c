// SPDX-License-Identifier: GPL-3.0-or-later
// The monitor's lx-dmesg, lx-ps, lx-lsmod and lx-symbols: a Linux kernel's log, tasks and modules, read from its
// memory. Names come from --debug, layouts from the kernel's own BTF. All that is read is the
// guest's and may be anything: lists are followed for a bounded length, texts are cut and cleaned.
#include "machine/btf.h"
#include "machine/debug_mem.h"
#include "machine/kernel.h"
#include "machine/monitor.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ENTRIES 65536
#define MAX_BTF     (64u << 20)
#define MAX_OUTPUT  (4 << 20) // bytes of text

struct linux_guest {
    struct monitor *m;
    struct btf *btf;
    void *btf_data; // read from the guest
    const char *arg; // of the command
};

static bool read_bytes(const struct linux_guest *l, uint64_t va, void *to, size_t n)
{
    return debug_mem_read(l->m->d->m, l->m->cpu, va, false, to, n) == n;
}

// An unsigned number of 1 to 8 bytes.
static bool read_number(const struct linux_guest *l, uint64_t va, uint64_t size, uint64_t *value)
{
    *value = 0;
    return size && size <= 8 && read_bytes(l, va, value, size);
}

static bool read_member(const struct linux_guest *l, uint64_t at, const char *type, const char *path, uint64_t *value)
{
    uint64_t offset, size;
    return btf_member(l->btf, type, path, &offset, &size) && read_number(l, at + offset, size, value);
}

static bool symbol(const struct linux_guest *l, const char *name, uint64_t *va)
{
    return kernel_address(l->m->d->m, l->m->cpu, name, va);
}

// From the symbols' file, or from the guest.
static struct btf *find_btf(struct linux_guest *l)
{
    const struct symbols *s = l->m->d->m->symbols;
    uint64_t start, stop;
    if (s->btf)
        return btf_create(s->btf, s->btf_size);
    if (!symbol(l, "__start_BTF", &start) || !symbol(l, "__stop_BTF", &stop) || stop - start > MAX_BTF)
        return NULL;
    l->btf_data = malloc(stop - start);
    if (!l->btf_data || !read_bytes(l, start, l->btf_data, stop - start))
        return NULL;
    return btf_create(l->btf_data, stop - start);
}

static bool begin(struct linux_guest *l, struct monitor *m)
{
    uint64_t offset;
    *l = (struct linux_guest){ .m = m };
    if (!m->d->m->symbols)
        fprintf(m->out, "armlet was started without -debug VMLINUX\n");
    else if (!kernel_offset(m->d->m, m->cpu, &offset))
        fprintf(m->out, "where the kernel is is not known yet: the MMU is off, or VBAR_EL1 is not the kernel's\n");
    else if (!(l->btf = find_btf(l)))
        fprintf(m->out, "the kernel has no BTF\n");
    return l->btf;
}

static void end(struct linux_guest *l)
{
    btf_destroy(l->btf);
    free(l->btf_data);
}

// A text of at most n bytes, with nothing in it that a terminal would obey.
static void put_text(const struct linux_guest *l, uint64_t va, size_t n)
{
    char text[1024];
    n = n < sizeof text ? n : sizeof text;
    if (!read_bytes(l, va, text, n))
        n = 0;
    for (size_t i = 0; i < n && text[i]; i++)
        fputc(isprint((unsigned char)text[i]) || text[i] == '\n' || text[i] == '\t' ? text[i] : '?', l->m->out);
}

// Follows a list_head; each is called with the address of what holds it.
static void follow(struct linux_guest *l, uint64_t head, uint64_t offset,
                   void (*each)(struct linux_guest *l, uint64_t at))
{
    uint64_t at = head;
    for (unsigned n = 0; n < MAX_ENTRIES && ftell(l->m->out) < MAX_OUTPUT; n++) {
        if (!read_number(l, at, 8, &at) || at == head)
            return;
        each(l, at - offset);
    }
    fprintf(l->m->out, "(the list goes on)\n");
}

// Tasks ------------------------------------------------------------------------------------------

// As ps has it.
static char letter(uint64_t state)
{
    enum { INTERRUPTIBLE = 1, UNINTERRUPTIBLE = 2, STOPPED = 4, TRACED = 8, NOLOAD = 0x400 };
    if (!state)
        return 'R';
    if (state & INTERRUPTIBLE)
        return 'S';
    if (state & UNINTERRUPTIBLE)
        return state & NOLOAD ? 'I' : 'D';
    return state & (STOPPED | TRACED) ? 'T' : '?';
}

static void put_task(struct linux_guest *l, uint64_t at)
{
    uint64_t pid = 0, state = 0, offset, size;
    read_member(l, at, "task_struct", "pid", &pid);
    if (!read_member(l, at, "task_struct", "__state", &state))
        read_member(l, at, "task_struct", "state", &state);
    fprintf(l->m->out, "%#018" PRIx64 " %6" PRIu64 " %c ", at, pid, letter(state));
    if (btf_member(l->btf, "task_struct", "comm", &offset, &size))
        put_text(l, at + offset, size);
    fputc('\n', l->m->out);
}

void monitor_lx_ps(struct monitor *m, const char *arg)
{
    struct linux_guest l;
    uint64_t init, offset;
    if (begin(&l, m) && symbol(&l, "init_task", &init) && btf_member(l.btf, "task_struct", "tasks", &offset, NULL)) {
        put_task(&l, init);
        follow(&l, init + offset, offset, put_task);
    }
    end(&l);
}

// Modules ----------------------------------------------------------------------------------------

static void put_module(struct linux_guest *l, uint64_t at)
{
    uint64_t base = 0, length = 0, offset, size;
    // Before Linux 6.4 core_layout, since then mem[MOD_TEXT].
    if (read_member(l, at, "module", "core_layout.base", &base)) {
        read_member(l, at, "module", "core_layout.size", &length);
    } else if (btf_member(l->btf, "module", "mem", &offset, NULL)) {
        read_member(l, at + offset, "module_memory", "base", &base);
        read_member(l, at + offset, "module_memory", "size", &length);
    }
    fprintf(l->m->out, "%#018" PRIx64 " %8" PRIu64 " ", base, length);
    if (btf_member(l->btf, "module", "name", &offset, &size))
        put_text(l, at + offset, size);
    fputc('\n', l->m->out);
}

void monitor_lx_lsmod(struct monitor *m, const char *arg)
{
    struct linux_guest l;
    uint64_t head, offset;
    if (begin(&l, m) && symbol(&l, "modules", &head) && btf_member(l.btf, "module", "list", &offset, NULL))
        follow(&l, head, offset, put_module);
    end(&l);
}

// A section's address, as /sys/module/NAME/sections has it, if it is one that debug information knows.
static void put_section(const struct linux_guest *l, uint64_t at)
{
    uint64_t name, address = 0;
    char text[32] = "";
    if (!read_member(l, at, "module_sect_attr", "battr.attr.name", &name) ||
        !read_member(l, at, "module_sect_attr", "address", &address) || !read_bytes(l, name, text, sizeof text - 1))
        return;
    static const char *const known[] = { ".data", ".data..read_mostly", ".data..ro_after_init", ".rodata", ".bss",
                                         ".text.hot", ".text.unlikely", ".init.text", ".exit.text" };
    for (size_t n = 0; n < ARRAY_SIZE(known); n++)
        if (!strcmp(text, known[n]))
            fprintf(l->m->out, " -s %s %#" PRIx64, text, address);
}

// The command that tells GDB where a module is.
static void put_symbols(struct linux_guest *l, uint64_t at)
{
    uint64_t base = 0, attrs = 0, nr = 0, first, offset, size, each = btf_size(l->btf, "module_sect_attr");
    if (!btf_member(l->btf, "module", "name", &offset, &size) || !btf_member(l->btf, "module_sect_attrs", "attrs", &first, NULL) ||
        !read_member(l, at, "module", "sect_attrs", &attrs) || !read_member(l, attrs, "module_sect_attrs", "nsections", &nr) || !each)
        return;
    if (!read_member(l, at, "module", "core_layout.base", &base) && btf_member(l->btf, "module", "mem", &base, NULL))
        read_member(l, at + base, "module_memory", "base", &base);
    fprintf(l->m->out, "add-symbol-file %s", l->arg);
    put_text(l, at + offset, size);
    fprintf(l->m->out, ".ko %#" PRIx64, base);
    for (uint64_t n = 0; n < nr && n < 256; n++)
        put_section(l, attrs + first + n * each);
    fputc('\n', l->m->out);
}

void monitor_lx_symbols(struct monitor *m, const char *arg)
{
    struct linux_guest l;
    uint64_t head, offset;
    if (begin(&l, m) && symbol(&l, "modules", &head) && btf_member(l.btf, "module", "list", &offset, NULL)) {
        l.arg = arg;
        follow(&l, head, offset, put_symbols);
    }
    end(&l);
}

// The log ----------------------------------------------------------------------------------------
// kernel/printk/printk_ringbuffer.c: descriptors by id modulo their number, each with an info at the
// same index; text in a ring of bytes, whose blocks begin with the descriptor's id.

struct ring {
    uint64_t descs, infos, data, desc_count, data_size;
    uint64_t desc_size, info_size;
};

// A record is final once it is committed for good, and may be reused.
enum { DESC_FINALIZED = 2 };

static bool find_ring(const struct linux_guest *l, uint64_t *head, uint64_t *tail, struct ring *r)
{
    static const char type[] = "printk_ringbuffer";
    uint64_t prb, at, bits, data_bits;
    if (!symbol(l, "prb", &at) || !read_number(l, at, 8, &prb) ||
        !read_member(l, prb, type, "desc_ring.count_bits", &bits) || !read_member(l, prb, type, "desc_ring.descs", &r->descs) ||
        !read_member(l, prb, type, "desc_ring.infos", &r->infos) || !read_member(l, prb, type, "desc_ring.head_id", head) ||
        !read_member(l, prb, type, "desc_ring.tail_id", tail) || !read_member(l, prb, type, "text_data_ring.data", &r->data) ||
        !read_member(l, prb, type, "text_data_ring.size_bits", &data_bits) || bits > 20 || data_bits > 32)
        return false;
    r->desc_count = BIT(bits);
    r->data_size = BIT(data_bits);
    r->desc_size = btf_size(l->btf, "prb_desc");
    r->info_size = btf_size(l->btf, "printk_info");
    return r->desc_size && r->info_size;
}

static void put_record(const struct linux_guest *l, const struct ring *r, uint64_t id)
{
    uint64_t index = id & (r->desc_count - 1), desc = r->descs + index * r->desc_size, info = r->infos + index * r->info_size;
    uint64_t state, at, next, length, ns;
    if (!read_member(l, desc, "prb_desc", "state_var", &state) || (state ^ id) << 2 || state >> 62 < DESC_FINALIZED ||
        !read_member(l, desc, "prb_desc", "text_blk_lpos.begin", &at) || !read_member(l, desc, "prb_desc", "text_blk_lpos.next", &next) ||
        !read_member(l, info, "printk_info", "text_len", &length) || !read_member(l, info, "printk_info", "ts_nsec", &ns))
        return;
    if (at & 1) // no text
        return;
    // A block that would cross the end of the ring starts at its beginning.
    if ((at & ~(r->data_size - 1)) != (next & ~(r->data_size - 1)) && next & (r->data_size - 1))
        at = 0;
    fprintf(l->m->out, "[%5" PRIu64 ".%06" PRIu64 "] ", ns / 1000000000, ns / 1000 % 1000000);
    put_text(l, r->data + (at & (r->data_size - 1)) + 8, length);
    fputc('\n', l->m->out);
}

void monitor_lx_dmesg(struct monitor *m, const char *arg)
{
    struct linux_guest l;
    struct ring r;
    uint64_t head, tail;
    if (begin(&l, m)) {
        if (!find_ring(&l, &head, &tail, &r))
            fprintf(m->out, "the kernel's log is not as in Linux 5.10 and later\n");
        else
            for (uint64_t id = tail & mask64(62), n = 0; n < r.desc_count; n++, id = (id + 1) & mask64(62)) {
                put_record(&l, &r, id);
                if (id == (head & mask64(62)) || ftell(m->out) > MAX_OUTPUT)
                    break;
            }
    }
    end(&l);
}
