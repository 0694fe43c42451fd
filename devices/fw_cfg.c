// SPDX-License-Identifier: GPL-3.0-or-later
// fw_cfg as QEMU's virt has it (docs/specs/fw_cfg of QEMU): memory-mapped, with DMA.
//
//   +0   data, 1 to 8 bytes: the next bytes of the selected item, in their order in memory
//   +8   selector, 16 bits, big-endian
//   +16  DMA address, 64 bits, big-endian; its low half starts the transfer; reads as "QEMU CFG"
//
// A transfer is described by 16 bytes of guest RAM, {control, length, address}, big-endian. They
// are copied once; only control is written back: 0 or the error bit. What is read beyond an item's
// end are zeros. Transfers reach RAM only, wholly or not at all, and are done when the write to
// the register returns.
#include "devices/fw_cfg.h"
#include "base/bits.h"
#include "devices/dma.h"
#include "devices/fdt_node.h"

#include <assert.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#define STATE_VERSION 1
#define WINDOW        0x18
#define DMA_SIGNATURE UINT64_C(0x51454d5520434647) // "QEMU CFG"

enum { // offsets
    DATA = 0,
    SELECTOR = 8,
    DMA = 16,
};

enum { // control of a transfer
    CONTROL_ERROR = 1 << 0,
    CONTROL_READ = 1 << 1,
    CONTROL_SKIP = 1 << 2,
    CONTROL_SELECT = 1 << 3,
    CONTROL_WRITE = 1 << 4,
};

enum {
    KEY_MASK =
        0x3fff, // bit 14 asked for writing by port once, bit 15 is for the architecture's own
    KEY_ARCH = 0x8000,
    ITEMS = FW_CFG_FILE_FIRST + FW_CFG_FILE_MAX,
    ID_BYTE_PORT_AND_DMA = 3,
};

struct item {
    const uint8_t *data;
    uint8_t *writable; // the same bytes, if the guest may write them
    uint32_t size;
    uint8_t number[4]; // data of what is a number
    fw_cfg_written *written;
    void *opaque;
};

struct dir_entry {
    uint32_t size; // this and the next are big-endian
    uint16_t key;
    uint16_t reserved;
    char name[FW_CFG_NAME_SIZE];
};

struct directory {
    uint32_t count; // big-endian
    struct dir_entry files[FW_CFG_FILE_MAX];
};

struct transfer {
    uint32_t control, length;
    uint64_t address;
};

struct fw_cfg_state {
    uint64_t dma;    // high half of an address, until the low one comes
    uint32_t offset; // of the next byte in the selected item
    uint16_t key;
    uint16_t reserved;
};

struct fw_cfg {
    struct device dev;
    struct fw_cfg_state s;
    const struct bus *bus;
    const struct log *log;
    unsigned files;
    struct directory directory;
    struct item items[ITEMS];
};

static void select_key(struct fw_cfg *fw, uint16_t key)
{
    fw->s.key = key;
    fw->s.offset = 0;
}

// The selected item; one without bytes if there is none.
static const struct item *selected(const struct fw_cfg *fw)
{
    static const struct item none;
    unsigned key = fw->s.key & KEY_MASK;
    return key < ITEMS && !(fw->s.key & KEY_ARCH) ? &fw->items[key] : &none;
}

static uint32_t left(const struct fw_cfg *fw)
{
    const struct item *item = selected(fw);
    return fw->s.offset < item->size ? item->size - fw->s.offset : 0;
}

// The offset stands still at its largest value: everything there reads as zero.
static void advance(struct fw_cfg *fw, uint32_t n)
{
    fw->s.offset = n > UINT32_MAX - fw->s.offset ? UINT32_MAX : fw->s.offset + n;
}

// Transfers

static bool transfer_read(struct fw_cfg *fw, gpa_t to, uint32_t length)
{
    uint32_t n = length < left(fw) ? length : left(fw);
    uint8_t *p = dma_ptr(fw->bus, to, length, true);
    if (!p)
        return false;
    if (n)
        memcpy(p, selected(fw)->data + fw->s.offset, n);
    memset(p + n, 0, length - n);
    dma_written(fw->bus, to, length);
    return true;
}

static bool transfer_write(struct fw_cfg *fw, gpa_t from, uint32_t length)
{
    const struct item *item = selected(fw);
    if (!item->writable || length > left(fw) ||
        !dma_read(fw->bus, from, item->writable + fw->s.offset, length))
        return false;
    item->written(item->opaque, fw->s.offset, length);
    return true;
}

static bool transfer(struct fw_cfg *fw, const struct transfer *t)
{
    uint32_t control = be32toh(t->control), length = be32toh(t->length);
    gpa_t address = be64toh(t->address);
    bool ok = true;
    if (control & CONTROL_SELECT)
        select_key(fw, (uint16_t)(control >> 16));
    if (!length)
        return true;
    if (control & CONTROL_READ)
        ok = transfer_read(fw, address, length);
    else if (control & CONTROL_WRITE)
        ok = transfer_write(fw, address, length);
    else if (!(control & CONTROL_SKIP))
        return true;
    if (ok)
        advance(fw, length);
    return ok;
}

static void start_transfer(struct fw_cfg *fw)
{
    gpa_t at = fw->s.dma;
    struct transfer t;
    uint32_t control = 0;
    fw->s.dma = 0;
    if (!dma_read(fw->bus, at, &t, sizeof t) || !transfer(fw, &t)) {
        log_printf(fw->log, LOG_GUEST_ERROR, "%s: transfer at 0x%llx of item 0x%x refused\n",
                   fw->dev.name, (unsigned long long)at, fw->s.key);
        control = htobe32(CONTROL_ERROR);
    }
    dma_write(fw->bus, at, &control, sizeof control);
}

// Registers

static uint64_t read_data(struct fw_cfg *fw, unsigned size)
{
    uint32_t n = left(fw) < size ? left(fw) : size;
    uint64_t value = 0;
    if (n)
        memcpy(&value, selected(fw)->data + fw->s.offset, n);
    advance(fw, size);
    return value;
}

static uint64_t fw_cfg_read(void *opaque, uint64_t offset, unsigned size)
{
    struct fw_cfg *fw = opaque;
    if (offset < SELECTOR)
        return read_data(fw, size);
    if (offset >= DMA)
        return htobe64(DMA_SIGNATURE) >> 8 * (offset - DMA);
    return 0;
}

static void fw_cfg_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    struct fw_cfg *fw = opaque;
    if (offset == SELECTOR && size == 2) {
        select_key(fw, be16toh((uint16_t)value));
    } else if (offset == DMA && size == 8) {
        fw->s.dma = be64toh(value);
        start_transfer(fw);
    } else if (offset == DMA && size == 4) {
        fw->s.dma = (uint64_t)be32toh((uint32_t)value) << 32;
    } else if (offset == DMA + 4 && size == 4) {
        fw->s.dma |= be32toh((uint32_t)value);
        start_transfer(fw);
    } else {
        log_printf(fw->log, LOG_GUEST_ERROR, "%s: %u-byte write to offset 0x%x\n", fw->dev.name,
                   size, (unsigned)offset);
    }
}

static void fw_cfg_reset(void *opaque)
{
    struct fw_cfg *fw = opaque;
    fw->s = (struct fw_cfg_state){0};
}

static void fw_cfg_save(void *opaque, struct state_writer *w)
{
    struct fw_cfg *fw = opaque;
    state_put(w, fw->dev.name, STATE_VERSION, &fw->s, sizeof fw->s);
}

static bool fw_cfg_load(void *opaque, struct state_reader *r, struct error *err)
{
    // Every key and offset is one that a guest could have chosen, and is checked when used.
    struct fw_cfg *fw = opaque;
    return state_get(r, fw->dev.name, STATE_VERSION, &fw->s, sizeof fw->s, err);
}

static int fw_cfg_fdt_node(void *opaque, void *fdt, const struct fdt_place *place)
{
    static const char compatible[] = "qemu,fw-cfg-mmio";
    int e = fdt_node_begin(fdt, "fw-cfg", place, WINDOW, compatible, sizeof compatible, 0);
    e = e ? e : fdt_property(fdt, "dma-coherent", NULL, 0);
    return e ? e : fdt_end_node(fdt);
}

static void fw_cfg_destroy(void *opaque)
{
    free(opaque);
}

// Items

void fw_cfg_set_bytes(struct fw_cfg *fw, enum fw_cfg_key key, const void *data, uint32_t size)
{
    assert((unsigned)key < FW_CFG_FILE_FIRST);
    fw->items[key] = (struct item){.data = data, .size = size};
}

static void set_number(struct fw_cfg *fw, enum fw_cfg_key key, uint32_t value, uint32_t size)
{
    struct item *item = &fw->items[key];
    fw_cfg_set_bytes(fw, key, item->number, size);
    value = htole32(value);
    memcpy(item->number, &value, sizeof value);
}

void fw_cfg_set_u16(struct fw_cfg *fw, enum fw_cfg_key key, uint16_t value)
{
    set_number(fw, key, value, 2);
}

void fw_cfg_set_u32(struct fw_cfg *fw, enum fw_cfg_key key, uint32_t value)
{
    set_number(fw, key, value, 4);
}

bool fw_cfg_can_add(const struct fw_cfg *fw, const char *name)
{
    for (unsigned i = 0; i < fw->files; i++)
        if (!strcmp(fw->directory.files[i].name, name))
            return false;
    return fw->files < FW_CFG_FILE_MAX && *name && strlen(name) < FW_CFG_NAME_SIZE;
}

void fw_cfg_add_file(struct fw_cfg *fw, const char *name, void *data, uint32_t size,
                     fw_cfg_written *written, void *opaque)
{
    assert(fw_cfg_can_add(fw, name));
    struct dir_entry *files = fw->directory.files, entry = {.size = htobe32(size)};
    unsigned key = FW_CFG_FILE_FIRST + fw->files, at = 0;
    entry.key = htobe16((uint16_t)key);
    memcpy(entry.name, name, strlen(name));
    while (at < fw->files && strcmp(files[at].name, name) < 0)
        at++;
    memmove(files + at + 1, files + at, (fw->files - at) * sizeof *files);
    files[at] = entry;
    fw->directory.count = htobe32(++fw->files);
    fw->items[key] = (struct item){.data = data,
                                   .writable = written ? data : NULL,
                                   .size = size,
                                   .written = written,
                                   .opaque = opaque};
    fw_cfg_set_bytes(fw, FW_CFG_FILE_DIR, &fw->directory,
                     sizeof fw->directory.count + fw->files * (uint32_t)sizeof *files);
}

struct device *fw_cfg_device(struct fw_cfg *fw)
{
    return &fw->dev;
}

struct fw_cfg *fw_cfg_create(const char *name, const struct bus *bus, const struct log *log)
{
    static const struct device_ops ops = {
        .read = fw_cfg_read,
        .write = fw_cfg_write,
        .access_min = 1,
        .access_max = 8,
        .reset = fw_cfg_reset,
        .save = fw_cfg_save,
        .load = fw_cfg_load,
        .fdt_node = fw_cfg_fdt_node,
        .destroy = fw_cfg_destroy,
    };
    struct fw_cfg *fw = calloc(1, sizeof *fw);
    assert(fw);
    device_init(&fw->dev, &ops, fw, WINDOW, name);
    fw->bus = bus;
    fw->log = log;
    fw_cfg_set_bytes(fw, FW_CFG_SIGNATURE, "QEMU", 4);
    fw_cfg_set_u32(fw, FW_CFG_ID, ID_BYTE_PORT_AND_DMA);
    fw_cfg_set_bytes(fw, FW_CFG_FILE_DIR, &fw->directory, sizeof fw->directory.count);
    return fw;
}
