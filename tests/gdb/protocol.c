// SPDX-License-Identifier: GPL-3.0-or-later
// Framing, packets and their answers, by hand; and nonsense by the hundred thousand. $GDB_CASES is
// the number of random conversations (20000), $GDB_SEED the first one's seed.
#include "tests/gdb/fake.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct fake *f;

static void begin(void)
{
    f = fake_create();
}

static void end(void)
{
    fake_destroy(f);
}

// Sends a packet; its answer's data must be `want` (without + and frame).
static void ask(const char *text, const char *want)
{
    char *said = fake_ask(f, text), *data = said + (*said == '+');
    char frame[2 * GDB_PACKET_MAX];
    uint8_t sum = 0;
    for (const char *c = want; *c; c++)
        sum = (uint8_t)(sum + (uint8_t)*c);
    snprintf(frame, sizeof frame, "$%s#%02x", want, sum);
    cr_assert_str_eq(data, frame, "%s is answered %s, not %s", text, data, frame);
    free(said);
}

static enum gdb_event parse(struct gdb_parser *p, const char *text, size_t n)
{
    enum gdb_event e = GDB_NOTHING;
    for (size_t i = 0; i < n; i++) {
        cr_assert_eq(e, GDB_NOTHING, "an event before byte %zu of %s", i, text);
        e = gdb_parser_take(p, (uint8_t)text[i]);
    }
    return e;
}

Test(gdb_packet, frames)
{
    static const struct {
        const char *bytes;
        size_t n;
        enum gdb_event event;
        const char *data;
    } rows[] = {
        { "$g#67", 5, GDB_PACKET, "g" },
        { "$#00", 4, GDB_PACKET, "" },
        { "$m0,4#FD", 8, GDB_PACKET, "m0,4" },
        { "$g#68", 5, GDB_DAMAGED, NULL },
        { "$g#6x", 5, GDB_DAMAGED, NULL },
        { "$g#\0\0", 5, GDB_DAMAGED, NULL },
        { "$X}\x03}\x04#59", 9, GDB_PACKET, "X#$" },
        { "$gg$g#67", 8, GDB_PACKET, "g" },
        { "\n\r$g#67", 7, GDB_PACKET, "g" },
        { "+", 1, GDB_ACK, NULL },
        { "-", 1, GDB_NACK, NULL },
        { "\x03", 1, GDB_INTERRUPT, NULL },
        { "$a\x03#64", 6, GDB_PACKET, "a\x03" },
        { "x", 1, GDB_NOTHING, NULL },
    };
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        struct gdb_parser p;
        gdb_parser_init(&p);
        enum gdb_event e = parse(&p, rows[r].bytes, rows[r].n);
        cr_expect_eq(e, rows[r].event, "row %zu: event %d, not %d", r, e, rows[r].event);
        if (rows[r].data)
            cr_expect_str_eq((char *)p.data, rows[r].data, "row %zu: %s, not %s", r, p.data, rows[r].data);
    }
}

Test(gdb_packet, too_long)
{
    struct gdb_parser p;
    gdb_parser_init(&p);
    gdb_parser_take(&p, '$');
    for (unsigned n = 0; n < 3 * GDB_PACKET_MAX; n++)
        cr_assert_eq(gdb_parser_take(&p, 'a'), GDB_NOTHING);
    uint8_t sum = (uint8_t)(3 * GDB_PACKET_MAX * 'a');
    char tail[4];
    snprintf(tail, sizeof tail, "#%02x", sum);
    cr_assert_eq(parse(&p, tail, 3), GDB_DAMAGED, "a packet longer than the buffer");
    cr_assert_eq(parse(&p, "$g#67", 5), GDB_PACKET, "the one after it");
}

Test(gdb_packet, numbers)
{
    static const struct {
        const char *text;
        bool ok;
        uint64_t value;
        size_t taken;
    } rows[] = {
        { "0", true, 0, 1 }, { "ffffffffffffffff", true, UINT64_MAX, 16 }, { "1ffffffffffffffff", false, 0, 0 },
        { "", false, 0, 0 }, { "x", false, 0, 0 }, { "aBc,", true, 0xabc, 3 }, { "-1", false, 0, 0 },
    };
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        const char *s = rows[r].text;
        uint64_t v = 0;
        bool ok = gdb_take_number(&s, &v);
        cr_expect(ok == rows[r].ok && v == rows[r].value && (size_t)(s - rows[r].text) == rows[r].taken,
                  "%s: %d %" PRIx64 ", %td taken", rows[r].text, ok, v, s - rows[r].text);
    }
}

Test(gdb_protocol, acknowledgements, .init = begin, .fini = end)
{
    char *said = fake_feed(f, "$qC#b4", 6);
    cr_expect_str_eq(said, "+$QC1#c5", "%s", said);
    free(said);
    said = fake_feed(f, "-", 1);
    cr_expect_str_eq(said, "$QC1#c5", "what is sent again: %s", said);
    free(said);
    said = fake_feed(f, "$qC#b5", 6);
    cr_expect_str_eq(said, "-", "a damaged packet: %s", said);
    free(said);
    said = fake_ask(f, "QStartNoAckMode");
    cr_expect_str_eq(said, "+$OK#9a", "%s", said);
    free(said);
    said = fake_feed(f, "$qC#b4", 6);
    cr_expect_str_eq(said, "$QC1#c5", "without acknowledgement: %s", said);
    free(said);
}

Test(gdb_protocol, registers, .init = begin, .fini = end)
{
    ask("P0=0123456789abcdef", "OK");
    ask("p0", "0123456789abcdef");
    ask("P22=000102030405060708090a0b0c0d0e0f", "OK");
    ask("p22", "000102030405060708090a0b0c0d0e0f");
    ask("P21=12345678", "OK");
    ask("P21=1234567", "E22");
    ask("P21=1234567890", "E22");
    ask("p47", "E22");
    ask("P46=0000000000000000", "E22");
    ask("p48", "E22");
    ask("pffffffffffffffff", "E22");
    ask("Hg2", "OK");
    ask("p0", "0000000000000000");
    ask("Hg3", "E22");
    ask("Hg-1", "OK");
    ask("p0", "0123456789abcdef");
}

Test(gdb_protocol, memory, .init = begin, .fini = end)
{
    ask("Mffff000000000010,4:deadbeef", "OK");
    ask("mffff000000000010,4", "deadbeef");
    ask("mffff00000000fffe,4", "0000");
    ask("mffff000000010000,4", "E14");
    ask("m0,4", "E14");
    ask("m0,0", "");
    ask("Mffff00000000fffe,4:00000000", "E14");
    ask("Mffff000000000010,4:deadbee", "E22");
    ask("Mffff000000000010,3:deadbeef", "E22");
    ask("Xffff000000000020,3:abc", "OK");
    ask("Xffff000000000020,4:abc", "E22");
    ask("mffff000000000020,3", "616263");
    ask("qSearch:memory:ffff000000000000;10000;abc", "1,ffff000000000020");
    ask("qSearch:memory:ffff000000000000;10000;xyz", "0");
    ask("qSearch:memory:ffff000000000000;10001;xyz", "E14");
    ask("qSearch:memory:0;7fffffffffffffff;xyz", "E22");
    ask("qCRC:ffff000000000020,3", "C9b73448c");
}

Test(gdb_protocol, search_across_chunks, .init = begin, .fini = end)
{
    ask("Mffff00000000fff0,4:31323334", "OK");
    ask("qSearch:memory:ffff00000000000f;fff0;1234", "1,ffff00000000fff0");
    ask("Mffff000000000000,1:39", "OK");
    ask("qSearch:memory:ffff000000000000;1;9", "1,ffff000000000000");
}

Test(gdb_protocol, resuming, .init = begin, .fini = end)
{
    free(fake_ask(f, "qSupported:multiprocess+;swbreak+"));
    free(fake_ask(f, "vCont;s:p1.2;c"));
    cr_expect(f->running && f->actions[0].verb == GDB_CONTINUE && f->actions[1].verb == GDB_STEP,
              "actions %d %d", f->actions[0].verb, f->actions[1].verb);
    ask("g", "E16");
    char *said = fake_feed(f, "\x03", 1);
    cr_expect(strstr(said, "$T02thread:p1.1;"), "%s", said);
    free(said);
    free(fake_ask(f, "vCont;r1000,1010:p1.1"));
    cr_expect(f->actions[0].verb == GDB_STEP && f->actions[0].start == 0x1000 && f->actions[0].end == 0x1010 &&
                  f->actions[1].verb == GDB_STAY, "range");
    fake_stop(f, &(struct gdb_stop){ .thread = 1, .signal = GDB_SIGTRAP, .point = GDB_WATCH_READ, .addr = 0x1234 });
    said = fake_feed(f, "", 0);
    cr_expect(strstr(said, "$T05rwatch:1234;thread:p1.2;1d:"), "%s", said);
    free(said);
    ask("vCont;s:p1.3", "E22");
    ask("vCont;s:p2.1", "E22");
    ask("vCont", "E22");
    ask("vCont?", "vCont;c;C;s;S;r");
    free(fake_ask(f, "c"));
    fake_stop(f, &(struct gdb_stop){ .signal = GDB_SIGTRAP, .point = GDB_BREAK_HARDWARE });
    said = fake_feed(f, "", 0);
    cr_expect(strstr(said, "$T05thread:p1.1;") && !strstr(said, "hwbreak"), "not asked for: %s", said);
    free(said);
    gdb_exited(&f->g, 3);
    said = fake_feed(f, "", 0);
    cr_expect(strstr(said, "$W03;process:1#"), "%s", said);
    free(said);
}

Test(gdb_protocol, words, .init = begin, .fini = end)
{
    ask("qXfer:features:read:target.xml:0,8", "m<target>");
    ask("qXfer:features:read:target.xml:8,100", "l}\x04}\x03}]}\n</target>");
    ask("qXfer:features:read:target.xml:ffff,1", "E22");
    ask("qXfer:features:read:other.xml:0,1", "E00");
    ask("qfThreadInfo", "m1,2");
    ask("qsThreadInfo", "l");
    ask("qThreadExtraInfo,2", "66616b652031");
    ask("qThreadExtraInfo,3", "E22");
    ask("T2", "OK");
    ask("T3", "E22");
    ask("qXfer:memory-map:read::0,1000", "");
    ask("qXfer:auxv:read::0,1000", "");
    ask("qAttached", "1");
    ask("qqemu.sstep", "0x7");
    ask("Qqemu.sstep=1", "OK");
    ask("qqemu.sstep", "0x1");
    ask("Qqemu.PhyMemMode:1", "OK");
    ask("qqemu.PhyMemMode", "1");
    ask("Qqemu.PhyMemMode:2", "E22");
    ask("vMustReplyEmpty", "");
    ask("qNonsense", "");
    ask("Z5,0,4", "");
    ask("Z0,1000,4;X1,0", "OK");
    ask("Z0,1000", "E22");
    ask("z2,1000,0", "E22");
    char *said = fake_ask(f, "qRcmd,68656c6c6f");
    cr_expect(strstr(said, "$O68656172640a#") && strstr(said, "$OK#9a"), "%s", said);
    free(said);
    cr_expect_str_eq(f->line, "hello");
    ask("qRcmd,6865f", "E22");
    free(fake_ask(f, "D"));
    cr_expect(f->g.closed && f->detaches == 1, "detached");
}

// Nonsense ---------------------------------------------------------------------------------------

struct random {
    uint64_t state;
};

static uint64_t next(struct random *r)
{
    r->state = r->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    uint64_t x = r->state;
    x ^= x >> 33;
    x *= UINT64_C(0xff51afd7ed558ccd);
    return x ^ x >> 29;
}

// What GDB 13 sends in a session.
static const char *const real[] = {
    "qSupported:multiprocess+;swbreak+;hwbreak+;qRelocInsn+;fork-events+;vfork-events+;exec-events+;vContSupported+;"
    "QThreadEvents+;no-resumed+;memory-tagging+;xmlRegisters=i386", "vCont?", "vMustReplyEmpty", "QStartNoAckMode", "Hgp0.0",
    "qXfer:features:read:target.xml:0,ffb", "qTStatus", "?", "qXfer:threads:read::0,1000", "qAttached:1", "Hc-1", "qOffsets",
    "g", "mffff000000000100,40", "Z0,ffff000000000100,4", "z0,ffff000000000100,4", "Z2,ffff000000000200,8", "vCont;c:p1.-1",
    "vCont;s:p1.1;c:p1.-1", "vCont;r1000,1040:p1.2", "p21", "P20=00010000000000ff", "Mffff000000000300,4:01020304",
    "Xffff000000000300,4:abcd", "qRcmd,68656c70", "qThreadExtraInfo,p1.1", "qC", "T1", "qSearch:memory:ffff000000000000;1000;abc",
    "qCRC:ffff000000000000,100", "C05", "S05;1000", "c", "s", "G0011223344556677", "Qqemu.sstep=0x7", "qqemu.PhyMemMode", "k", "D;1",
};
enum { NR_REAL = sizeof real / sizeof *real };

// One packet, or what has become of it.
static size_t mutated(struct random *r, uint8_t *to, size_t room)
{
    char data[600];
    size_t n = (size_t)snprintf(data, sizeof data, "%s", real[next(r) % NR_REAL]);
    if (next(r) % 8 == 0) { // the end of another
        const char *other = real[next(r) % NR_REAL];
        size_t cut = n ? next(r) % n : 0;
        n = cut + (size_t)snprintf(data + cut, sizeof data - cut, "%s", other + next(r) % (strlen(other) + 1));
    }
    for (uint64_t hits = next(r) % 4; hits && n; hits--)
        switch (next(r) % 4) {
        case 0: data[next(r) % n] = (char)next(r); break;
        case 1: data[next(r) % n] = "0123456789abcdef,;:=-#$}p"[next(r) % 25]; break;
        case 2: n = next(r) % (n + 1); break;
        default: memset(data + next(r) % n, 'f', 1); break;
        }
    uint8_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum = (uint8_t)(sum + (uint8_t)data[i]);
    if (next(r) % 50 == 0)
        sum++;
    to[0] = '$';
    memcpy(to + 1, data, n);
    return n + 1 + (size_t)snprintf((char *)to + 1 + n, room - n - 1, "#%02x", sum);
}

// Everything that is sent must be acknowledgements and whole, correct frames.
static void check_frames(const uint8_t *b, size_t n, uint64_t seed)
{
    for (size_t i = 0; i < n; i++) {
        if (b[i] == '+' || b[i] == '-')
            continue;
        cr_assert_eq(b[i], '$', "seed %" PRIu64 ": byte %#x outside a frame", seed, b[i]);
        uint8_t sum = 0;
        for (i++; i < n && b[i] != '#'; i++)
            sum = (uint8_t)(sum + b[i]);
        char want[3];
        snprintf(want, sizeof want, "%02x", sum);
        cr_assert(i + 2 < n && !memcmp(b + i + 1, want, 2), "seed %" PRIu64 ": a frame without its end", seed);
        i += 2;
    }
}

static void conversation(uint64_t seed)
{
    struct random r = { seed };
    struct fake *t = fake_create();
    for (unsigned n = 0; n < 60 && !t->g.closed; n++) {
        uint8_t bytes[1300];
        size_t len = next(&r) % 16 ? mutated(&r, bytes, sizeof bytes) : next(&r) % 64;
        if (len < 64 && next(&r) % 16 == 0)
            for (size_t i = 0; i < len; i++)
                bytes[i] = (uint8_t)next(&r);
        else if (len < 64)
            memset(bytes + len, 0, sizeof bytes - len);
        for (size_t done = 0, now; done < len; done += now) {
            now = 1 + next(&r) % (len - done);
            gdb_feed(&t->g, bytes + done, now);
        }
        if (next(&r) % 2)
            fake_stop(t, &(struct gdb_stop){ .thread = (unsigned)(next(&r) % 2), .signal = GDB_SIGTRAP,
                                             .point = (int)(next(&r) % 6) - 1, .addr = next(&r) });
        cr_assert_leq(t->g.out.len, 1u << 20, "seed %" PRIu64 ": an answer of %zu bytes", seed, t->g.out.len);
        check_frames(t->g.out.bytes, t->g.out.len, seed);
        t->g.out.len = 0;
        cr_assert(t->g.closed || t->g.running == t->running, "seed %" PRIu64 ": running", seed);
    }
    fake_destroy(t);
}

Test(gdb_protocol, nonsense, .timeout = 100000)
{
    const char *cases = getenv("GDB_CASES"), *first = getenv("GDB_SEED");
    uint64_t seed = first ? strtoull(first, NULL, 0) : 1, n = cases ? strtoull(cases, NULL, 0) : 20000;
    for (; n; n--, seed++)
        conversation(seed);
}
