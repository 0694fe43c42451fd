// SPDX-License-Identifier: GPL-3.0-or-later
// GDB's packets that are words: q (questions), Q (settings), v (the rest).
#include "machine/gdb_packets.h"

#include "base/bits.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

// A client may ask for so many bytes of a search or a checksum; more would keep it waiting.
#define SEARCH_MAX (UINT64_C(1) << 30)

// No qXfer:memory-map: GDB takes its addresses for the virtual ones that it uses itself, refuses all
// others, and forbids writes to a program's that happen to be the flash's. No qXfer:auxv: no loader has
// made a machine's first program a vector of this kind.
static void supported(struct gdb *g, const char *s)
{
    struct gdb_target *t = g->target;
    g->multiprocess = strstr(s, "multiprocess+");
    g->says_swbreak = strstr(s, "swbreak+");
    g->says_hwbreak = strstr(s, "hwbreak+");
    gdb_reply_begin(g);
    gdb_out_printf(&g->out, "PacketSize=%x;QStartNoAckMode+;vContSupported+;multiprocess+;swbreak+;"
                            "hwbreak+;qXfer:threads:read+", GDB_PACKET_MAX);
    if (t->description)
        gdb_out_text(&g->out, ";qXfer:features:read+");
    gdb_reply_end(g);
}

static void attached(struct gdb *g, const char *s)
{
    gdb_reply(g, "1"); // to something that was there before: leaving must not kill it
}

static void current_thread(struct gdb *g, const char *s)
{
    gdb_reply_begin(g);
    gdb_out_text(&g->out, "QC");
    gdb_out_thread(g, g->thread);
    gdb_reply_end(g);
}

static void all_threads(struct gdb *g, const char *s)
{
    gdb_reply_begin(g);
    for (unsigned n = 0; n < g->target->nr_threads; n++) {
        gdb_out_text(&g->out, n ? "," : "m");
        gdb_out_thread(g, n);
    }
    gdb_reply_end(g);
}

static void no_more_threads(struct gdb *g, const char *s)
{
    gdb_reply(g, "l");
}

static void thread_info(struct gdb *g, const char *s)
{
    struct gdb_target *t = g->target;
    int thread;
    char text[128];
    if (!gdb_take_thread(g, &s, &thread) || thread < 0) {
        gdb_ok(g, false);
        return;
    }
    t->thread_text(t->opaque, (unsigned)thread, text, sizeof text);
    gdb_reply_begin(g);
    gdb_out_hex(&g->out, text, strlen(text));
    gdb_reply_end(g);
}

// offset,length of a document
static void transfer(struct gdb *g, const char *s, const char *document)
{
    uint64_t offset, len, size = strlen(document);
    if (!gdb_take_number(&s, &offset) || !gdb_take_char(&s, ',') || !gdb_take_number(&s, &len) || *s ||
        offset > size) {
        gdb_ok(g, false);
        return;
    }
    uint64_t n = size - offset < len ? size - offset : len;
    n = n < GDB_PACKET_MAX / 2 ? n : GDB_PACKET_MAX / 2; // each byte may be escaped
    gdb_reply_begin(g);
    gdb_out_text(&g->out, offset + n == size ? "l" : "m");
    gdb_out_binary(&g->out, document + offset, (size_t)n);
    gdb_reply_end(g);
}

static void transfer_features(struct gdb *g, const char *s)
{
    if (!g->target->description)
        gdb_reply(g, "");
    else if (gdb_take_word(&s, "target.xml:"))
        transfer(g, s, g->target->description);
    else
        gdb_reply(g, "E00");
}

static void transfer_threads(struct gdb *g, const char *s)
{
    struct gdb_target *t = g->target;
    struct gdb_out xml = { 0 };
    gdb_out_text(&xml, "<?xml version=\"1.0\"?>\n<threads>\n");
    for (unsigned n = 0; n < t->nr_threads; n++) {
        char text[128];
        t->thread_text(t->opaque, n, text, sizeof text);
        gdb_out_printf(&xml, g->multiprocess ? "<thread id=\"p1.%x\" core=\"%u\">" : "<thread id=\"%x\" core=\"%u\">",
                       n + 1, n);
        gdb_out_printf(&xml, "%s</thread>\n", text);
    }
    gdb_out_raw(&xml, "</threads>\n", sizeof "</threads>\n");
    transfer(g, s, (const char *)xml.bytes);
    gdb_out_fini(&xml);
}

static void offsets(struct gdb *g, const char *s)
{
    struct gdb_target *t = g->target;
    uint64_t offset;
    if (!t->offset || !t->offset(t->opaque, &offset)) {
        gdb_reply(g, "");
        return;
    }
    gdb_reply_begin(g);
    gdb_out_printf(&g->out, "Text=%" PRIx64 ";Data=%" PRIx64 ";Bss=%" PRIx64, offset, offset, offset);
    gdb_reply_end(g);
}

static void monitor(struct gdb *g, const char *s)
{
    struct gdb_target *t = g->target;
    char line[1024];
    size_t n = strlen(s) / 2;
    if (n >= sizeof line || !gdb_take_hex(&s, line, n) || *s) {
        gdb_ok(g, false);
        return;
    }
    line[n] = 0;
    t->monitor(t->opaque, g, g->thread, line);
    gdb_ok(g, true);
}

// addr;length;pattern, the pattern binary to the packet's end
static void search(struct gdb *g, const char *s)
{
    struct gdb_target *t = g->target;
    uint64_t addr, len;
    if (!gdb_take_number(&s, &addr) || !gdb_take_char(&s, ';') || !gdb_take_number(&s, &len) ||
        !gdb_take_char(&s, ';') || len > SEARCH_MAX) {
        gdb_ok(g, false);
        return;
    }
    size_t n = g->parser.len - (size_t)((const uint8_t *)s - g->parser.data);
    static const size_t chunk = 65536;
    uint8_t *bytes = malloc(chunk + GDB_PACKET_MAX);
    size_t kept = 0; // bytes of the last chunk in front, for a match across its end
    const char *answer = n && bytes ? "0" : "E22";
    for (uint64_t done = 0; *answer == '0' && done < len;) {
        size_t now = len - done < chunk ? (size_t)(len - done) : chunk;
        if (t->mem_read(t->opaque, g->thread, addr + done, bytes + kept, now) != now) {
            answer = "E14";
            break;
        }
        const uint8_t *found = memmem(bytes, kept + now, s, n);
        if (found) {
            gdb_reply_begin(g);
            gdb_out_printf(&g->out, "1,%" PRIx64, addr + done - kept + (uint64_t)(found - bytes));
            gdb_reply_end(g);
            free(bytes);
            return;
        }
        size_t keep = kept + now < n - 1 ? kept + now : n - 1;
        memmove(bytes, bytes + kept + now - keep, keep);
        kept = keep;
        done += now;
    }
    free(bytes);
    gdb_reply(g, answer);
}

// addr,length: CRC-32 with the highest bit first, as `compare-sections` has it
static void checksum(struct gdb *g, const char *s)
{
    struct gdb_target *t = g->target;
    uint64_t addr, len;
    if (!gdb_take_number(&s, &addr) || !gdb_take_char(&s, ',') || !gdb_take_number(&s, &len) || *s ||
        len > SEARCH_MAX / 16) {
        gdb_ok(g, false);
        return;
    }
    uint32_t crc = UINT32_MAX;
    uint8_t bytes[4096];
    while (len) {
        size_t n = len < sizeof bytes ? (size_t)len : sizeof bytes;
        if (t->mem_read(t->opaque, g->thread, addr, bytes, n) != n) {
            gdb_reply(g, "E14");
            return;
        }
        for (size_t i = 0; i < n; i++) {
            crc ^= (uint32_t)bytes[i] << 24;
            for (unsigned bit = 0; bit < 8; bit++)
                crc = crc << 1 ^ (crc & UINT32_C(0x80000000) ? 0x04c11db7 : 0);
        }
        addr += n;
        len -= n;
    }
    gdb_reply_begin(g);
    gdb_out_printf(&g->out, "C%08x", crc);
    gdb_reply_end(g);
}

// QEMU's own: how steps are made, and physical memory.
static void step_bits(struct gdb *g, const char *s)
{
    gdb_reply(g, "ENABLE=1,NOIRQ=2,NOTIMER=4");
}

static void step_mode(struct gdb *g, const char *s)
{
    gdb_reply_begin(g);
    gdb_out_printf(&g->out, "0x%x", g->target->step_mode);
    gdb_reply_end(g);
}

static void physical_mode(struct gdb *g, const char *s)
{
    gdb_reply(g, g->target->physical ? "1" : "0");
}

static void set_step_mode(struct gdb *g, const char *s)
{
    uint64_t mode;
    bool ok = gdb_take_number(&s, &mode) && !*s && mode <= 7;
    if (ok)
        g->target->step_mode = (unsigned)mode;
    gdb_ok(g, ok);
}

static void set_physical_mode(struct gdb *g, const char *s)
{
    bool ok = (*s == '0' || *s == '1') && !s[1];
    if (ok)
        g->target->physical = *s == '1';
    gdb_ok(g, ok);
}

static void no_ack_mode(struct gdb *g, const char *s)
{
    gdb_ok(g, true);
    g->no_ack = true;
}

// v ----------------------------------------------------------------------------------------------

static void vattach(struct gdb *g, const char *s)
{
    gdb_reply_stop(g);
}

static void vkill(struct gdb *g, const char *s)
{
    gdb_ok(g, true);
    g->closed = true;
    g->target->kill(g->target->opaque);
}

struct word {
    const char *word;
    void (*handle)(struct gdb *g, const char *s);
};

static const struct word queries[] = {
    { "Supported", supported },           { "Attached", attached },
    { "fThreadInfo", all_threads },       { "sThreadInfo", no_more_threads },
    { "ThreadExtraInfo,", thread_info },  { "Xfer:features:read:", transfer_features },
    { "Xfer:threads:read::", transfer_threads }, { "Offsets", offsets },
    { "Rcmd,", monitor },                 { "Search:memory:", search },
    { "CRC:", checksum },                 { "qemu.sstepbits", step_bits },
    { "qemu.sstep", step_mode },          { "qemu.PhyMemMode", physical_mode },
    { "C", current_thread },
};

static const struct word settings[] = {
    { "StartNoAckMode", no_ack_mode },
    { "qemu.sstep=0x", set_step_mode },
    { "qemu.sstep=", set_step_mode },
    { "qemu.PhyMemMode:", set_physical_mode },
};

static const struct word verbs[] = {
    { "Cont?", gdb_vcont_actions }, { "Cont", gdb_vcont }, { "Attach;", vattach }, { "Kill;", vkill },
};

// The longest words come first where one is the beginning of another.
static void dispatch(struct gdb *g, const char *s, const struct word *words, size_t nr)
{
    for (size_t n = 0; n < nr; n++)
        if (gdb_take_word(&s, words[n].word)) {
            words[n].handle(g, s);
            return;
        }
    gdb_reply(g, "");
}

void gdb_query(struct gdb *g, const char *s)
{
    dispatch(g, s, queries, ARRAY_SIZE(queries));
}

void gdb_set(struct gdb *g, const char *s)
{
    dispatch(g, s, settings, ARRAY_SIZE(settings));
}

void gdb_verbose(struct gdb *g, const char *s)
{
    dispatch(g, s, verbs, ARRAY_SIZE(verbs));
}
