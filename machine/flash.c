// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/flash.h"

#include "devices/dma.h"

static void mode(void *opaque, bool array)
{
    const struct flash *f = opaque;
    jit_set_io(&f->m->jit, f->base, !array);
}

static void written(void *opaque, uint64_t offset, uint64_t len)
{
    const struct flash *f = opaque;
    dma_written(&f->m->bus, f->base + offset, len);
}

struct device *flash_create(struct flash *f, struct machine *m, const char *name, unsigned n,
                            struct error *err)
{
    const struct config_flash *given = &m->config->flash[n];
    *f = (struct flash){m, n * FLASH_BANK_SIZE};
    struct pflash_config config = {.file = given->file,
                                   .readonly = given->readonly,
                                   .forget = given->forget,
                                   .create = given->create,
                                   .node_banks = n ? 0 : CONFIG_FLASH_BANKS,
                                   .mode = mode,
                                   .written = written,
                                   .opaque = f,
                                   .log = &m->log};
    struct device *dev = pflash_create(name, &config, err);
    if (dev)
        jit_add_ram(&m->jit, f->base, FLASH_BANK_SIZE, pflash_memory(dev), true);
    return dev;
}
