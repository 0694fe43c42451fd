// SPDX-License-Identifier: GPL-3.0-or-later
#include "bench.h"
#include "devices/fw_cfg.h"

#include <endian.h>
#include <string.h>

enum {
    DATA = 0,
    SELECTOR = 8,
    DMA = 16,
    ERROR = 1,
    READ = 2,
    SKIP = 4,
    SELECT = 8,
    WRITE = 16,
};

#define CONTROL (RAM_BASE + 0x100) // where the tests put a transfer's description
#define BUFFER  (RAM_BASE + 0x1000)

static struct bench b;
static struct fw_cfg *fw;
static struct device *d;
static uint8_t hello[] = "hello, world", screen[28];
static unsigned writes;
static uint32_t written_offset, written_len;

static void written(void *opaque, uint32_t offset, uint32_t len)
{
    cr_assert(opaque == screen);
    writes++;
    written_offset = offset;
    written_len = len;
}

static void setup(void)
{
    struct error err;
    bench_init(&b);
    fw = fw_cfg_create("fw-cfg", &b.bus, NULL);
    d = fw_cfg_device(fw);
    fw_cfg_add_file(fw, "opt/hello", hello, sizeof hello - 1, NULL, NULL);
    fw_cfg_add_file(fw, "etc/ramfb", screen, sizeof screen, written, screen);
    fw_cfg_set_u16(fw, FW_CFG_NB_CPUS, 0x1234);
    cr_assert(bus_map(&b.bus, DEV_BASE, d, &err));
}

static void teardown(void)
{
    device_destroy(d);
    bench_fini(&b);
}

TestSuite(fw_cfg, .init = setup, .fini = teardown);

static void choose(uint16_t key)
{
    bench_write(&b, DEV_BASE + SELECTOR, 2, htobe16(key));
}

// The next n bytes, a byte at a time.
static void get(void *to, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        ((uint8_t *)to)[i] = (uint8_t)bench_read(&b, DEV_BASE + DATA, 1);
}

// Does a transfer and returns what is left in control.
static uint32_t transfer(uint32_t control, uint32_t length, uint64_t address)
{
    uint32_t head[2] = {htobe32(control), htobe32(length)};
    uint64_t tail = htobe64(address);
    memcpy(b.ram + (CONTROL - RAM_BASE), head, sizeof head);
    memcpy(b.ram + (CONTROL - RAM_BASE) + 8, &tail, sizeof tail);
    bench_write(&b, DEV_BASE + DMA, 8, htobe64(CONTROL));
    memcpy(head, b.ram + (CONTROL - RAM_BASE), 4);
    return be32toh(head[0]);
}

static uint32_t with_key(uint16_t key, uint32_t control)
{
    return (uint32_t)key << 16 | SELECT | control;
}

Test(fw_cfg, signature_and_numbers)
{
    char text[5] = "";
    uint32_t id;
    choose(FW_CFG_SIGNATURE);
    get(text, 4);
    cr_assert(!strcmp(text, "QEMU"), "signature \"%s\"", text);
    choose(FW_CFG_ID);
    get(&id, 4);
    EXPECT(id, 3);
    choose(FW_CFG_NB_CPUS);
    EXPECT(bench_read(&b, DEV_BASE + DATA, 2), 0x1234);
    EXPECT(bench_read(&b, DEV_BASE + DATA, 8), 0);
    EXPECT(bench_read(&b, DEV_BASE + DMA, 8), htobe64(0x51454d5520434647));
    EXPECT(bench_read(&b, DEV_BASE + DMA, 4), htobe32(0x51454d55));
    EXPECT(bench_read(&b, DEV_BASE + DMA + 4, 4), htobe32(0x20434647));
}

Test(fw_cfg, directory_is_sorted)
{
    struct {
        uint32_t size;
        uint16_t key, reserved;
        char name[FW_CFG_NAME_SIZE];
    } e[2];
    uint32_t count;
    choose(FW_CFG_FILE_DIR);
    get(&count, 4);
    EXPECT(be32toh(count), 2);
    get(e, sizeof e);
    cr_assert(!strcmp(e[0].name, "etc/ramfb"), "first is \"%s\"", e[0].name);
    cr_assert(!strcmp(e[1].name, "opt/hello"), "second is \"%s\"", e[1].name);
    EXPECT(be32toh(e[0].size), sizeof screen);
    EXPECT(be32toh(e[1].size), sizeof hello - 1);
    EXPECT(be16toh(e[1].key), FW_CFG_FILE_FIRST);
    EXPECT(be16toh(e[0].key), FW_CFG_FILE_FIRST + 1);
    EXPECT(bench_read(&b, DEV_BASE + DATA, 4), 0);
    EXPECT(fw_cfg_can_add(fw, "etc/ramfb"), 0);
    EXPECT(fw_cfg_can_add(fw, ""), 0);
    EXPECT(fw_cfg_can_add(fw, "12345678901234567890123456789012345678901234567890123456"), 0);
    EXPECT(fw_cfg_can_add(fw, "1234567890123456789012345678901234567890123456789012345"), 1);
}

Test(fw_cfg, data_in_every_size)
{
    for (unsigned size = 1; size <= 8; size *= 2) {
        char got[24] = "";
        choose(FW_CFG_FILE_FIRST);
        for (unsigned at = 0; at < 16; at += size) {
            uint64_t value = bench_read(&b, DEV_BASE + DATA, size);
            memcpy(got + at, &value, size);
        }
        cr_assert(!strcmp(got, "hello, world"), "by %u bytes: \"%s\"", size, got);
    }
}

Test(fw_cfg, what_is_not_there_reads_as_zero)
{
    static const uint16_t keys[] = {0x1f, 0x3f, 0x3fff, 0x8000, 0x8020, 0xffff};
    for (unsigned i = 0; i < sizeof keys / sizeof *keys; i++) {
        choose(keys[i]);
        EXPECT(bench_read(&b, DEV_BASE + DATA, 8), 0);
        EXPECT(transfer(with_key(keys[i], WRITE), 1, BUFFER), ERROR);
    }
    EXPECT(bench_read(&b, DEV_BASE + SELECTOR, 2), 0);
    bench_write(&b, DEV_BASE + SELECTOR, 4, ~0u); // not a selection
    bench_write(&b, DEV_BASE + DATA, 8, ~0ull);
    choose(FW_CFG_FILE_FIRST | 0x4000); // the bit that once meant writing
    EXPECT(bench_read(&b, DEV_BASE + DATA, 1), 'h');
}

Test(fw_cfg, transfer_reads)
{
    memset(b.ram + 0x1000, 0xaa, 32);
    EXPECT(transfer(with_key(FW_CFG_FILE_FIRST, READ), 5, BUFFER), 0);
    cr_assert(!memcmp(b.ram + 0x1000, "hello\xaa", 6));
    EXPECT(transfer(SKIP, 2, 0), 0);
    EXPECT(transfer(READ, 16, BUFFER), 0); // beyond the end: zeros
    cr_assert(!memcmp(b.ram + 0x1000, "world\0\0\0\0\0\0\0\0\0\0\0\xaa", 17));
    EXPECT(b.last_written, CONTROL);
    EXPECT(transfer(SKIP, 0xffffffff, 0), 0);
    EXPECT(transfer(SKIP, 0xffffffff, 0), 0);
    EXPECT(transfer(READ, 4, BUFFER), 0);
    EXPECT(b.ram[0x1000], 0);
    EXPECT(transfer(with_key(FW_CFG_FILE_FIRST, 0), 0, 0), 0);
    EXPECT(bench_read(&b, DEV_BASE + DATA, 1), 'h');
}

Test(fw_cfg, transfer_in_two_halves)
{
    uint32_t head[4] = {htobe32(with_key(FW_CFG_FILE_FIRST, READ)), htobe32(1), 0, htobe32(BUFFER)};
    memcpy(b.ram + 0x100, head, sizeof head);
    bench_write(&b, DEV_BASE + DMA, 4, 0);
    EXPECT(b.ram[0x1000], 0);
    bench_write(&b, DEV_BASE + DMA + 4, 4, htobe32(CONTROL));
    EXPECT(b.ram[0x1000], 'h');
    // The high half counts, and once only.
    b.ram[0x1000] = 0;
    bench_write(&b, DEV_BASE + DMA, 4, htobe32(1));
    bench_write(&b, DEV_BASE + DMA + 4, 4, htobe32(CONTROL));
    EXPECT(b.ram[0x1000], 0);
}

Test(fw_cfg, transfer_writes)
{
    memcpy(b.ram + 0x1000, "abcdefgh", 8);
    EXPECT(transfer(with_key(FW_CFG_FILE_FIRST + 1, SKIP), 4, 0), 0);
    EXPECT(transfer(WRITE, 8, BUFFER), 0);
    EXPECT(writes, 1);
    EXPECT(written_offset, 4);
    EXPECT(written_len, 8);
    cr_assert(!memcmp(screen, "\0\0\0\0abcdefgh\0", 13));
    EXPECT(transfer(WRITE, 16, BUFFER), 0); // to the very end
    EXPECT(transfer(WRITE, 1, BUFFER), ERROR);
    EXPECT(transfer(with_key(FW_CFG_FILE_FIRST + 1, WRITE), sizeof screen + 1, BUFFER), ERROR);
    EXPECT(transfer(with_key(FW_CFG_FILE_FIRST, WRITE), 1, BUFFER), ERROR); // read-only
    EXPECT(transfer(with_key(FW_CFG_SIGNATURE, WRITE), 1, BUFFER), ERROR);
    EXPECT(writes, 2);
    EXPECT(hello[0], 'h');
}

Test(fw_cfg, transfers_reach_ram_only)
{
    static const struct {
        uint64_t address;
        uint32_t length;
    } bad[] = {
        {RAM_BASE + RAM_SIZE - 4, 5},
        {RAM_BASE - 1, 2},
        {ROM_BASE, 4},
        {DEV_BASE, 4},
        {UINT64_MAX, 2},
        {RAM_BASE, 0xffffffff},
        {RAM_BASE + RAM_SIZE, 1},
        {UINT64_MAX - 0xff, 0xfffffff0},
    };
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint32_t r = transfer(with_key(FW_CFG_FILE_FIRST, READ), bad[i].length, bad[i].address);
        cr_assert(r == ERROR, "%u bytes to 0x%llx: 0x%x", bad[i].length,
                  (unsigned long long)bad[i].address, r);
        EXPECT(bench_read(&b, DEV_BASE + DATA, 1), 'h'); // nothing was consumed
    }
    EXPECT(transfer(with_key(FW_CFG_FILE_FIRST + 1, WRITE), 4, ROM_BASE), 0); // ROM can be read
    EXPECT(transfer(with_key(FW_CFG_FILE_FIRST + 1, WRITE), 4, DEV_BASE), ERROR);
    // A description outside RAM, or where it cannot be answered.
    bench_write(&b, DEV_BASE + DMA, 8, htobe64(RAM_BASE + RAM_SIZE - 15));
    bench_write(&b, DEV_BASE + DMA, 8, htobe64(DEV_BASE));
    bench_write(&b, DEV_BASE + DMA, 8, htobe64(ROM_BASE));
    bench_write(&b, DEV_BASE + DMA, 8, ~0ull);
    EXPECT(b.rom[0], 0);
}

Test(fw_cfg, save_and_load)
{
    choose(FW_CFG_FILE_FIRST);
    EXPECT(bench_read(&b, DEV_BASE + DATA, 2), 'h' | 'e' << 8);
    bench_write(&b, DEV_BASE + DMA, 4, htobe32(1));
    struct fw_cfg *other = fw_cfg_create("fw-cfg", &b.bus, NULL);
    bench_copy_state(d, fw_cfg_device(other));
    bench_copy_state(fw_cfg_device(other), d);
    EXPECT(bench_read(&b, DEV_BASE + DATA, 1), 'l');
    bench_refuses_corruption(d);
    device_reset(d);
    EXPECT(bench_read(&b, DEV_BASE + DATA, 1), 'Q');
    device_destroy(fw_cfg_device(other));
}
