// SPDX-License-Identifier: GPL-3.0-or-later
// A debugger's bytes, to a target that is none (tests/gdb/fake.c): a line a packet, which is framed here;
// a line that begins with a tab is sent as it is.
#include "fuzz.h"
#include "tests/gdb/fake.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const packets[] = {
    "qSupported:multiprocess+;swbreak+;hwbreak+;vContSupported+\nvCont?\nQStartNoAckMode\nHgp0.0\nqXfer:features:read:target.xml:0,ffb",
    "?\nqXfer:threads:read::0,1000\nqAttached:1\nHc-1\nqOffsets\ng\nmffff000000000100,40",
    "Z0,ffff000000000100,4\nz0,ffff000000000100,4\nZ2,ffff000000000200,8\nvCont;c:p1.-1",
    "vCont;s:p1.1;c:p1.-1\n\t\3\nvCont;r1000,1040:p1.2\np21\nP20=00010000000000ff",
    "Mffff000000000300,4:01020304\nXffff000000000300,4:abcd\nqRcmd,68656c70\nqThreadExtraInfo,p1.1\nqC\nT1",
    "qSearch:memory:ffff000000000000;1000;abc\nqCRC:ffff000000000000,100\nC05\nS05;1000\nc\ns\nG0011223344556677",
    "Qqemu.sstep=0x7\nqqemu.PhyMemMode\nk\nD;1", "\t+-\3$g#67$m#00}]]*",
};
static const char *const words[] = {"\n", "\t", "vCont;", "qXfer:", "Z1,", "ffff000000000000", ",", ";", ":", "p1.1", "-1", "#", "}", "*", NULL};

static void init(void)
{
    for (size_t n = 0; n < sizeof packets / sizeof *packets; n++)
        fuzz_seed(packets[n], strlen(packets[n]));
}

static void one(const uint8_t *data, size_t len)
{
    struct fake *f = fake_create();
    const uint8_t *end = data + len;
    for (unsigned n = 0; data < end && !f->g.closed; n++) {
        const uint8_t *line = memchr(data, '\n', (size_t)(end - data));
        size_t size = (size_t)((line ? line : end) - data);
        char frame[8];
        uint8_t sum = 0;
        for (size_t i = 0; i < size; i++)
            sum = (uint8_t)(sum + data[i]);
        if (size && *data == '\t') {
            gdb_feed(&f->g, data + 1, size - 1);
        } else {
            snprintf(frame, sizeof frame, "#%02x", sum);
            gdb_feed(&f->g, (const uint8_t *)"$", 1);
            gdb_feed(&f->g, data, size);
            gdb_feed(&f->g, (const uint8_t *)frame, 3);
        }
        if (n % 3 == 2)
            fake_stop(f, &(struct gdb_stop){.thread = n % 2, .signal = GDB_SIGTRAP, .point = (int)(n % 6) - 1, .addr = n});
        assert(f->g.out.len <= 1u << 20);
        f->g.out.len = 0;
        data += size + 1;
        if (!line)
            break;
    }
    fake_destroy(f);
}

const struct fuzz_target fuzz_target = {.name = "gdb", .max = 4096, .init = init, .one = one, .words = words};
