// SPDX-License-Identifier: GPL-3.0-or-later
// NOR flash with Intel's command set (JEDEC JEP137 for what it says of itself; the commands are
// those of the 28F family). A command is the low byte of what is written; which addresses are
// meant is said with it. Programming clears bits, erasing sets a sector's. All operations are over
// when the write that starts them returns, so that the status is always "ready", with error bits
// that stay until they are cleared.
//
// What a buffered write collects is programmed at its confirmation, all or nothing.
#include "devices/pflash.h"
#include "devices/fdt_node.h"
#include "devices/pflash_file.h"
#include "devices/pflash_query.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define STATE_VERSION 1

enum { // commands
    CMD_ARRAY_0 = 0x00,
    CMD_PROGRAM_ALT = 0x10,
    CMD_ERASE = 0x20,
    CMD_PROGRAM = 0x40,
    CMD_CLEAR_STATUS = 0x50,
    CMD_LOCK = 0x60,
    CMD_STATUS = 0x70,
    CMD_ID = 0x90,
    CMD_CFI = 0x98,
    CMD_CONFIRM = 0xd0,
    CMD_BUFFER = 0xe8,
    CMD_ARRAY_AMD = 0xf0, // probes for the other kind of flash
    CMD_ARRAY = 0xff,
};

enum { // status register
    STATUS_READY = 0x80,
    STATUS_ERASE_ERROR = 0x20,
    STATUS_PROGRAM_ERROR = 0x10,
};

enum answer { ANSWER_ARRAY, ANSWER_STATUS, ANSWER_ID, ANSWER_CFI, ANSWERS };

enum expect { // what the next write is
    EXPECT_COMMAND,
    EXPECT_DATA,
    EXPECT_ERASE_CONFIRM,
    EXPECT_LOCK_CONFIRM,
    EXPECT_BUFFER_COUNT,
    EXPECT_BUFFER_DATA,
    EXPECT_BUFFER_CONFIRM,
    EXPECTS
};

struct pflash_state {
    uint32_t answer; // enum answer: to a read
    uint32_t expect; // enum expect
    uint32_t errors; // bits of the status register
    uint32_t left;   // writes of data to the buffer, of those announced
    uint64_t block;  // which PFLASH_BUFFER bytes the buffer is for
    uint64_t used;   // where the last byte that may not be zero ends
    uint8_t buffer[PFLASH_BUFFER];
};

struct pflash {
    struct device dev;
    struct pflash_state s;
    struct pflash_config config;
    struct pflash_file file;
    bool unsynced; // the file has changed
    uint8_t *memory;
};

// Contents

// Puts len bytes at offset into the file and the memory.
static bool put(struct pflash *p, uint64_t offset, const uint8_t *data, size_t len)
{
    if (!pflash_file_write(&p->file, offset, data, len))
        return false;
    p->unsynced = true;
    memcpy(p->memory + offset, data, len);
    if (p->s.used < offset + len)
        p->s.used = offset + len;
    p->config.written(p->config.opaque, offset, len);
    return true;
}

static void program(struct pflash *p, uint64_t offset, const uint8_t *data, size_t len)
{
    uint8_t now[PFLASH_BUFFER];
    assert(len <= sizeof now);
    for (size_t i = 0; i < len; i++)
        now[i] = p->memory[offset + i] & data[i];
    if (p->config.readonly || (memcmp(now, p->memory + offset, len) && !put(p, offset, now, len)))
        p->s.errors |= STATUS_PROGRAM_ERROR;
}

static void erase(struct pflash *p, uint64_t offset)
{
    uint8_t ones[PFLASH_BUFFER];
    memset(ones, 0xff, sizeof ones);
    offset &= ~(uint64_t)(PFLASH_SECTOR - 1);
    bool ok = !p->config.readonly;
    for (unsigned done = 0; ok && done < PFLASH_SECTOR; done += sizeof ones)
        ok = put(p, offset + done, ones, sizeof ones);
    if (!ok)
        p->s.errors |= STATUS_ERASE_ERROR;
}

// Modes

static void answer(struct pflash *p, enum answer a)
{
    bool was = p->s.answer == ANSWER_ARRAY, is = a == ANSWER_ARRAY;
    p->s.answer = a;
    if (was != is)
        p->config.mode(p->config.opaque, is);
    if (is && p->unsynced) {
        pflash_file_sync(&p->file);
        p->unsynced = false;
    }
}

static void expect(struct pflash *p, enum expect e)
{
    p->s.expect = e;
    answer(p, ANSWER_STATUS);
}

static void back_to_array(struct pflash *p)
{
    p->s.expect = EXPECT_COMMAND;
    answer(p, ANSWER_ARRAY);
}

static void unknown(struct pflash *p, unsigned command)
{
    log_printf(p->config.log, LOG_GUEST_ERROR, "%s: command 0x%02x out of place\n", p->dev.name,
               command);
    back_to_array(p);
}

static void first_write(struct pflash *p, unsigned command)
{
    switch (command) {
    case CMD_PROGRAM:
    case CMD_PROGRAM_ALT:
        return expect(p, EXPECT_DATA);
    case CMD_ERASE:
        return expect(p, EXPECT_ERASE_CONFIRM);
    case CMD_LOCK:
        return expect(p, EXPECT_LOCK_CONFIRM);
    case CMD_BUFFER:
        return expect(p, EXPECT_BUFFER_COUNT);
    case CMD_STATUS:
        return answer(p, ANSWER_STATUS);
    case CMD_ID:
        return answer(p, ANSWER_ID);
    case CMD_CFI:
        return answer(p, ANSWER_CFI);
    case CMD_CLEAR_STATUS:
        p->s.errors = 0;
        return answer(p, ANSWER_ARRAY);
    case CMD_ARRAY:
    case CMD_ARRAY_0:
    case CMD_ARRAY_AMD:
        return answer(p, ANSWER_ARRAY);
    default:
        return unknown(p, command);
    }
}

// The buffer begins with its first data; what is not written to it is left as it is.
static void buffer_data(struct pflash *p, uint64_t offset, uint64_t value, unsigned size)
{
    uint64_t block = offset & ~(uint64_t)(PFLASH_BUFFER - 1);
    if (p->s.block == UINT64_MAX)
        p->s.block = block;
    if (p->s.block == block)
        memcpy(p->s.buffer + (offset - block), &value, size);
    else
        p->s.errors |= STATUS_PROGRAM_ERROR | STATUS_ERASE_ERROR; // a wrong sequence
    if (p->s.left)
        p->s.left--;
    else
        p->s.expect = EXPECT_BUFFER_CONFIRM;
}

static void buffer_confirm(struct pflash *p, unsigned command)
{
    if (command != CMD_CONFIRM || p->s.errors)
        return unknown(p, command);
    program(p, p->s.block, p->s.buffer, PFLASH_BUFFER);
    p->s.expect = EXPECT_COMMAND;
}

static void confirm_erase(struct pflash *p, uint64_t offset, unsigned command)
{
    if (command != CMD_CONFIRM)
        return unknown(p, command);
    erase(p, offset);
    p->s.expect = EXPECT_COMMAND;
}

// Sectors can be locked and unlocked, to no effect.
static void confirm_lock(struct pflash *p, unsigned command)
{
    if (command != CMD_CONFIRM && command != 0x01)
        return unknown(p, command);
    p->s.expect = EXPECT_COMMAND;
}

static void pflash_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    struct pflash *p = opaque;
    unsigned command = value & 0xff;
    switch ((enum expect)p->s.expect) {
    case EXPECT_COMMAND:
        return first_write(p, command);
    case EXPECT_DATA:
        p->s.expect = EXPECT_COMMAND;
        return program(p, offset, (const uint8_t *)&value, size);
    case EXPECT_ERASE_CONFIRM:
        return confirm_erase(p, offset, command);
    case EXPECT_LOCK_CONFIRM:
        return confirm_lock(p, command);
    case EXPECT_BUFFER_COUNT: // less one, for each chip
        p->s.left = value & 0xffff;
        p->s.block = UINT64_MAX;
        memset(p->s.buffer, 0xff, sizeof p->s.buffer);
        p->s.expect = EXPECT_BUFFER_DATA;
        return;
    case EXPECT_BUFFER_DATA:
        return buffer_data(p, offset, value, size);
    case EXPECT_BUFFER_CONFIRM:
        return buffer_confirm(p, command);
    case EXPECTS:
        break;
    }
    assert(false);
}

// A word of what the chips answer outside array mode.
static uint32_t word(const struct pflash *p, uint64_t n)
{
    uint32_t status = STATUS_READY | p->s.errors;
    switch ((enum answer)p->s.answer) {
    case ANSWER_STATUS:
        return status | status << 16;
    case ANSWER_ID:
        return pflash_query_id(n);
    case ANSWER_CFI:
        return pflash_query_cfi(n);
    default:
        return 0;
    }
}

static uint64_t pflash_read(void *opaque, uint64_t offset, unsigned size)
{
    struct pflash *p = opaque;
    uint64_t value = 0, n = offset / PFLASH_BANK_WIDTH;
    if (p->s.answer == ANSWER_ARRAY)
        memcpy(&value, p->memory + offset, size);
    else
        value =
            (word(p, n) | (uint64_t)word(p, n + 1) << 32) >> 8 * (offset & (PFLASH_BANK_WIDTH - 1));
    return value;
}

// The contents stay.
static void pflash_reset(void *opaque)
{
    struct pflash *p = opaque;
    p->s.errors = 0;
    back_to_array(p);
}

// State: the struct, and the contents up to the last byte that may not be zero.

static void pflash_save(void *opaque, struct state_writer *w)
{
    struct pflash *p = opaque;
    state_put(w, p->dev.name, STATE_VERSION, &p->s, sizeof p->s);
    state_put(w, "pflash.bytes", STATE_VERSION, p->memory, p->s.used);
}

static bool valid(const struct pflash_state *s)
{
    return s->answer < ANSWERS && s->expect < EXPECTS && s->left <= 0xffff &&
           !(s->errors & ~(unsigned)(STATUS_PROGRAM_ERROR | STATUS_ERASE_ERROR)) &&
           s->used <= PFLASH_SIZE &&
           (s->block == UINT64_MAX ||
            (s->block < PFLASH_SIZE && !(s->block & (PFLASH_BUFFER - 1)))) &&
           (s->expect != EXPECT_BUFFER_CONFIRM || s->block != UINT64_MAX || s->errors) &&
           (s->expect == EXPECT_COMMAND || s->answer == ANSWER_STATUS);
}

static bool pflash_load(void *opaque, struct state_reader *r, struct error *err)
{
    struct pflash *p = opaque;
    struct pflash_state s;
    if (!state_get(r, p->dev.name, STATE_VERSION, &s, sizeof s, err))
        return false;
    if (!valid(&s))
        return error_set(err, "saved state: section \"%s\" is damaged", p->dev.name);
    if (!state_get(r, "pflash.bytes", STATE_VERSION, p->memory, s.used, err))
        return false;
    if (s.used < p->s.used)
        memset(p->memory + s.used, 0, p->s.used - s.used);
    uint64_t most = s.used > p->s.used ? s.used : p->s.used;
    p->s = s;
    p->config.written(p->config.opaque, 0, most);
    p->config.mode(p->config.opaque, s.answer == ANSWER_ARRAY);
    p->unsynced = true;
    if (pflash_file_write(&p->file, 0, p->memory, most))
        return true;
    return error_set(err, "%s: could not be written", p->file.name);
}

static int pflash_fdt_node(void *opaque, void *fdt, const struct fdt_place *place)
{
    struct pflash *p = opaque;
    fdt64_t reg[4] = {cpu_to_fdt64(place->base), cpu_to_fdt64(PFLASH_SIZE),
                      cpu_to_fdt64(place->base + PFLASH_SIZE), cpu_to_fdt64(PFLASH_SIZE)};
    if (!p->config.node_banks)
        return 0;
    assert(p->config.node_banks <= 2 && !place->base);
    int e = fdt_begin_node(fdt, "flash@0");
    e = e ? e : fdt_property_string(fdt, "compatible", "cfi-flash");
    e = e ? e : fdt_property(fdt, "reg", reg, (int)p->config.node_banks * 16);
    e = e ? e : fdt_property_u32(fdt, "bank-width", PFLASH_BANK_WIDTH);
    return e ? e : fdt_end_node(fdt);
}

static void pflash_destroy(void *opaque)
{
    struct pflash *p = opaque;
    if (p->unsynced)
        pflash_file_sync(&p->file);
    pflash_file_close(&p->file);
    munmap(p->memory, PFLASH_SIZE);
    free(p);
}

uint8_t *pflash_memory(struct device *dev)
{
    return ((struct pflash *)dev->opaque)->memory;
}

static enum pflash_access access_of(const struct pflash_config *config)
{
    if (config->readonly || config->forget)
        return PFLASH_READ;
    return config->create ? PFLASH_WRITE_NEW : PFLASH_WRITE;
}

// A new bank that will be forgotten needs no file.
static bool is_new_and_forgotten(const struct pflash_config *config)
{
    return config->create && config->forget && access(config->file, F_OK);
}

struct device *pflash_create(const char *name, const struct pflash_config *config,
                             struct error *err)
{
    static const struct device_ops ops = {
        .read = pflash_read,
        .write = pflash_write,
        .access_min = 1,
        .access_max = 8,
        .reset = pflash_reset,
        .save = pflash_save,
        .load = pflash_load,
        .fdt_node = pflash_fdt_node,
        .destroy = pflash_destroy,
    };
    struct pflash *p = calloc(1, sizeof *p);
    assert(p);
    device_init(&p->dev, &ops, p, PFLASH_SIZE, name);
    p->config = *config;
    p->file.fd = -1;
    p->memory = mmap(NULL, PFLASH_SIZE, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert(p->memory != MAP_FAILED);
    if (!config->file || is_new_and_forgotten(config) ||
        pflash_file_open(&p->file, config->file, access_of(config), p->memory, PFLASH_SIZE,
                         &p->s.used, err))
        return &p->dev;
    pflash_destroy(p);
    return NULL;
}
