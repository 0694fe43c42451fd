// SPDX-License-Identifier: GPL-3.0-or-later
// Disassembles a block where it was written, and puts names for what differs from run to run: state
// slots (cpu.FIELD, so that the listing does not depend on the layout of struct vcpu), thunks,
// constants (data), the execution count, the block itself (tb), its page's table of blocks (page.quick), jumps within
// the block (.1, .2).
#include "tests/jit/golden_listing.h"

#include "frontend/cpu.h"
#include "jit/quick_ctx.h"
#include "tests/jit/disas_x86.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MAX_HOST 2048

struct host_insn {
    const uint8_t *at;
    size_t size;
    char text[128];
    unsigned label; // 0: nobody jumps here
    bool hidden;
};

struct listing {
    const struct golden_block *b;
    const uint8_t *cold, *end; // where it begins that is out of line; end of all
    struct host_insn insn[MAX_HOST];
    unsigned nr;
    bool ok;
};

// Names ------------------------------------------------------------------------------------------

#define FIELD(name)                                                                                \
    {                                                                                              \
#name, offsetof(struct vcpu, name), sizeof(((struct vcpu *)NULL)->name), 0                 \
    }
#define ARRAY(name, element)                                                                       \
    {                                                                                              \
#name, offsetof(struct vcpu, name), sizeof(((struct vcpu *)NULL)->name), element           \
    }

static const struct {
    const char *name;
    size_t off, size, element; // element: numbered by it; 0: not
} fields[] = {
    FIELD(exit_request), FIELD(pc_page), FIELD(pc),   FIELD(dctx),      FIELD(uctx),
    FIELD(ictx),         FIELD(mode),    FIELD(halt), FIELD(qflags),    FIELD(excl_addr),
    FIELD(excl_value),   FIELD(zero),    FIELD(sink), FIELD(excl_size), FIELD(fp.host),
    FIELD(fp.fpcr),      FIELD(fp.fpsr), FIELD(xfer), FIELD(merged), ARRAY(v, 16),     ARRAY(tmp, 16),
    FIELD(rtlb),         FIELD(wtlb),    FIELD(itlb),
};

static bool state_name(int64_t off, char *out, size_t size)
{
    size_t r = offsetof(struct vcpu, r), at = (size_t)off;
    if (at - r < A64_NR_R * 8) {
        snprintf(out, size, "cpu.%s", a64_guest.r_names[(at - r) / 8]);
        if ((at - r) % 8)
            snprintf(out + strlen(out), size - strlen(out), "+%zu", (at - r) % 8);
        return true;
    }
    for (unsigned n = 0; n < ARRAY_SIZE(fields); n++) {
        if (at - fields[n].off >= fields[n].size)
            continue;
        size_t within = at - fields[n].off, element = fields[n].element;
        size_t len = (size_t)snprintf(out, size, "cpu.%s", fields[n].name);
        if (element)
            len += (size_t)snprintf(out + len, size - len, "%zu", within / element);
        within = element ? within % element : within;
        if (within)
            snprintf(out + len, size - len, "+%zu", within);
        return true;
    }
    return false;
}

static const char *thunk_name(const struct quick *q, const uint8_t *at)
{
    const struct {
        const uint8_t *at;
        const char *name;
    } thunks[] = {
#define THUNK(name) {q->name, #name}
        THUNK(leave),  THUNK(lookup),   THUNK(lookup_slow), THUNK(link),      THUNK(tick),
        THUNK(exit_pc), THUNK(raise), THUNK(fault),     THUNK(region),
        THUNK(access), THUNK(look_read), THUNK(look_write), THUNK(call_vec), THUNK(call),        THUNK(call_full),
#undef THUNK
    };
    for (unsigned n = 0; n < ARRAY_SIZE(thunks); n++)
        if (thunks[n].at == at)
            return thunks[n].name;
    return NULL;
}

// Of an address relative to the code's, in the view that is written. What code writes to, it
// reaches in that view: see quick_data_rm().
static const char *data_name(const struct golden_block *b, const uint8_t *at)
{
    const struct quick *q = b->quick;
    const uint8_t *written = at + q->to_exec;
    if (written == (const uint8_t *)b->tb->quick_count)
        return "count";
    if (b->tb->seen && written == (const uint8_t *)b->tb->seen)
        return "seen";
    if (at == q->code.write)
        return "code";
    return at >= q->data.write && at < q->data_top ? "data" : NULL;
}

// Decoding ---------------------------------------------------------------------------------------

static struct host_insn *find(struct listing *l, const uint8_t *at)
{
    for (unsigned n = 0; n < l->nr; n++)
        if (l->insn[n].at == at)
            return &l->insn[n];
    return NULL;
}

// The target of a direct jump or call.
static bool jump_target(const struct host_insn *i, const uint8_t **to)
{
    const char *operand = strchr(i->text, ' ');
    if ((i->text[0] != 'j' && strncmp(i->text, "call ", 5)) || !operand ||
        strncmp(operand, " 0x", 3))
        return false;
    *to = (const uint8_t *)(uintptr_t)strtoull(operand, NULL, 16);
    return true;
}

static void decode(struct listing *l, const uint8_t *from)
{
    struct disas_x86 *d = disas_x86_create();
    assert(d);
    for (const uint8_t *p = from; p < l->end; p += l->insn[l->nr++].size) {
        assert(l->nr < MAX_HOST);
        struct host_insn *i = &l->insn[l->nr];
        *i = (struct host_insn){.at = p};
        i->size = disas_x86_one(d, p, (size_t)(l->end - p), (uint64_t)(uintptr_t)p, i->text,
                                sizeof i->text);
        if (!i->size) {
            l->ok = false;
            i->size = 1;
        }
    }
    disas_x86_destroy(d);
}

// Two instructions: rax = the block; jump.
static void hide_ask(struct listing *l, const uint8_t *at)
{
    struct host_insn *i = find(l, at);
    assert(i && i + 1 < l->insn + l->nr);
    i[0].hidden = i[1].hidden = true;
}

static void hide(struct listing *l)
{
    const struct tb *tb = l->b->tb;
    for (unsigned n = 0; n < l->nr; n++)
        l->insn[n].hidden =
            !strcmp(l->insn[n].text, "int3") || (l->insn[n].at < tb->quick_body && !l->b->whole);
    if (!l->b->whole) {
        hide_ask(l, l->cold); // the tick
        struct host_insn *i = find(l, tb->quick_body);
        assert(i && !strncmp(i->text, "add dword ptr [rip", 18)); // the count
        i->hidden = true;
    }
    if (!l->b->appended)
        return;
    for (unsigned n = 0; n < l->nr; n++)
        if (l->insn[n].at + l->insn[n].size == tb->link[0].jump)
            l->insn[n].hidden = true;
    hide_ask(l, tb->link[0].stub);
}

static void number_labels(struct listing *l)
{
    unsigned label = 0;
    for (unsigned n = 0; n < l->nr; n++) {
        const uint8_t *to;
        struct host_insn *i = NULL;
        if (!l->insn[n].hidden && jump_target(&l->insn[n], &to))
            i = find(l, to);
        if (i)
            i->label = 1;
    }
    for (unsigned n = 0; n < l->nr; n++)
        if (l->insn[n].label)
            l->insn[n].label = ++label;
}

// Writing ----------------------------------------------------------------------------------------

static void write_jump(struct listing *l, const struct host_insn *i, const uint8_t *to, FILE *out)
{
    const struct host_insn *inside = find(l, to);
    const char *thunk = thunk_name(l->b->quick, to);
    fprintf(out, "%.*s ", (int)strcspn(i->text, " "), i->text);
    if (inside)
        fprintf(out, ".%u", inside->label);
    else
        fprintf(out, "%s", thunk ? thunk : "?");
    l->ok &= inside || thunk;
}

// What is in brackets: a place of the state or near the code gets its name.
static void write_memory(struct listing *l, const struct host_insn *i, const char *in, FILE *out)
{
    char base[8] = "", index[16] = "", name[48];
    size_t length = strcspn(in, "]");
    const char *last = in + length;
    while (last > in && last[-1] != ' ')
        last--;
    bool negative = last - in >= 2 && last[-2] == '-';
    int64_t disp = !strncmp(last, "0x", 2) || (*last >= '0' && *last <= '9')
                       ? (int64_t)strtoull(last, NULL, 0)
                       : 0;
    disp = negative ? -disp : disp;
    sscanf(in, "%7[a-z0-9] + %15[a-z0-9*]", base, index);
    if (!strncmp(index, "0x", 2) || (*index >= '0' && *index <= '9'))
        *index = 0;
    if (!strcmp(base, "rip")) {
        const char *data = data_name(l->b, i->at + i->size + disp);
        fprintf(out, "[%s]", data ? data : "?");
        l->ok &= !!data;
    } else if (!strcmp(base, "rbp")) {
        bool known = state_name(disp + QUICK_BIAS, name, sizeof name);
        fprintf(out, "[%s%s%s]", known ? name : "?", *index ? " + " : "", index);
        l->ok &= known;
    } else {
        fprintf(out, "[%.*s]", (int)length, in);
    }
}

static void write_insn(struct listing *l, const struct host_insn *i, FILE *out)
{
    const uint8_t *to;
    const char *number = strrchr(i->text, ' ');
    uint64_t tb = (uint64_t)(uintptr_t)l->b->tb;
    if (jump_target(i, &to)) {
        write_jump(l, i, to, out);
        return;
    }
    if (!strncmp(i->text, "mov", 3) && number && !strncmp(number, " 0x", 3) &&
        (strtoull(number, NULL, 16) & ~UINT64_C(7)) == tb) {
        unsigned way = strtoull(number, NULL, 16) & 7;
        fprintf(out, way ? "mov rax, tb+%u" : "mov rax, tb", way);
        return;
    }
    if (!strncmp(i->text, "movabs", 6) && number &&
        strtoull(number, NULL, 16) == (uint64_t)(uintptr_t)l->b->tb->page->quick) {
        fprintf(out, "%.*s page.quick", (int)(number - i->text), i->text);
        return;
    }
    const char *bracket = strchr(i->text, '['), *close = bracket ? strchr(bracket, ']') : NULL;
    if (!close) {
        fprintf(out, "%s", i->text);
        return;
    }
    fprintf(out, "%.*s", (int)(bracket - i->text), i->text);
    write_memory(l, i, bracket + 1, out);
    fprintf(out, "%s", close + 1);
}

static void write_all(struct listing *l, FILE *out, struct golden_count *count)
{
    bool in_cold = false;
    for (unsigned n = 0; n < l->nr; n++) {
        struct host_insn *i = &l->insn[n];
        bool cold = i->at >= l->cold;
        if (cold && !in_cold && (i->label || !i->hidden)) {
            fprintf(out, "  --\n");
            in_cold = true;
        }
        if (i->label)
            fprintf(out, "  .%u:\n", i->label);
        if (i->hidden)
            continue;
        fprintf(out, "        ");
        write_insn(l, i, out);
        fprintf(out, "\n");
        ++*(cold || i->at < l->b->tb->quick ? &count->cold : &count->fast);
    }
}

bool golden_listing(const struct golden_block *b, FILE *out, struct golden_count *count)
{
    struct listing *l = calloc(1, sizeof *l);
    const uint8_t *tick;
    assert(l);
    l->b = b;
    l->ok = true;
    // What the engine did not write was int3 before.
    for (l->end = b->quick->top; l->end[-1] == 0xcc;)
        l->end--;
    // The entry's second instruction goes to the tick, the first thing out of line.
    decode(l, b->whole ? b->tb->quick - 16 : b->tb->quick);
    struct host_insn *entry = find(l, b->tb->quick);
    assert(entry && jump_target(entry + 1, &tick));
    l->cold = tick;
    hide(l);
    number_labels(l);
    *count = (struct golden_count){0};
    write_all(l, out, count);
    bool ok = l->ok;
    free(l);
    return ok;
}
