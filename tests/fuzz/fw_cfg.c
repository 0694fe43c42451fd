// SPDX-License-Identifier: GPL-3.0-or-later
// fw_cfg and its DMA, with ramfb behind one of its files.
#include "bed.h"
#include "devices/fw_cfg.h"
#include "devices/ramfb.h"

#include <assert.h>
#include <string.h>

// A transfer: its description into RAM, its address into the register.
static void transfer(struct bed *b, struct fuzz_input *in)
{
    uint32_t words[4];
    for (unsigned i = 0; i < 4; i++)
        words[i] = (uint32_t)fuzz_take(in, 4);
    if (words[0] & 0x80) { // one that makes sense
        words[0] = __builtin_bswap32((words[0] & 0x1f) | (words[0] >> 8 & 0x3f) << 16);
        words[1] = __builtin_bswap32(words[1] & 0x3f);
        words[2] = 0;
        words[3] = __builtin_bswap32((uint32_t)BED_RAM + (words[3] & 0xfffff));
    }
    memcpy(b->ram, words, sizeof words);
    bus_write(&b->bus, BED_DEVICE + 16, 8, __builtin_bswap64(BED_RAM));
}

static void one(const uint8_t *data, size_t len)
{
    struct bed b;
    struct display_frame f;
    struct display_view v;
    struct fuzz_input in = {data, len};
    bed_init(&b);
    struct fw_cfg *fw = fw_cfg_create("fw-cfg", &b.bus, NULL);
    struct device *dev = fw_cfg_device(fw), *fb = ramfb_create("ramfb", &b.bus, fw, NULL);
    fw_cfg_set_bytes(fw, FW_CFG_KERNEL_DATA, "kernel", 6);
    fw_cfg_set_u32(fw, FW_CFG_KERNEL_SIZE, 6);
    b.extra = transfer;
    bool ok = display_attach(ramfb_display(fb), &v, NULL, NULL);
    assert(ok);
    bed_map(&b, BED_DEVICE, dev);
    bed_play(&b, dev, &in);
    bed_copy_state(fb);
    if (display_take(&v, &f)) {
        uint32_t line[DISPLAY_MAX_WIDTH];
        for (uint32_t i = 0; i < f.surface.height; i += 1 + f.surface.height / 16)
            display_convert(&f.surface, i, 1, line, sizeof line);
        display_frame_release(&f);
    }
    display_detach(&v);
    device_destroy(fb);
    device_destroy(dev);
    bed_fini(&b);
}

const struct fuzz_target fuzz_target = {.name = "fw_cfg", .max = 2048, .one = one};
