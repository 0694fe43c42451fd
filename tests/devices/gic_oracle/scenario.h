// SPDX-License-Identifier: GPL-3.0-or-later
// A long random conversation with a GICv3, in C that is compiled twice: for a bare arm64 machine,
// which qemu-system-aarch64 runs, and for the host, where armlet's GIC answers. What both print
// must be the same to the byte (run.py).
//
// Kept out of the conversation, because there QEMU 7.2 and the architecture part: bits of PMR and
// BPR above their width (QEMU keeps them), a group disabled in the CPU interface while it has
// interrupts pending (QEMU lets them hide the other group's), GICD_TYPER and GICR_CTLR.
#ifndef TESTS_DEVICES_GIC_ORACLE_SCENARIO_H
#define TESTS_DEVICES_GIC_ORACLE_SCENARIO_H

#include <stdint.h>

// The CPU interface's registers: name, whether it can be read and written, its encoding.
#define ICC_REGISTERS(X)                                                                           \
    X(PMR, "S3_0_C4_C6_0")                                                                         \
    X(IAR0, "S3_0_C12_C8_0") X(EOIR0, "S3_0_C12_C8_1") X(HPPIR0, "S3_0_C12_C8_2")                  \
        X(BPR0, "S3_0_C12_C8_3") X(AP0R0, "S3_0_C12_C8_4") X(AP1R0, "S3_0_C12_C9_0")               \
            X(DIR, "S3_0_C12_C11_1") X(RPR, "S3_0_C12_C11_3") X(SGI1R, "S3_0_C12_C11_5")           \
                X(ASGI1R, "S3_0_C12_C11_6") X(SGI0R, "S3_0_C12_C11_7") X(IAR1, "S3_0_C12_C12_0")   \
                    X(EOIR1, "S3_0_C12_C12_1") X(HPPIR1, "S3_0_C12_C12_2")                         \
                        X(BPR1, "S3_0_C12_C12_3") X(CTLR, "S3_0_C12_C12_4")                        \
                            X(SRE, "S3_0_C12_C12_5") X(IGRPEN0, "S3_0_C12_C12_6")                  \
                                X(IGRPEN1, "S3_0_C12_C12_7")

enum icc {
#define X(name, encoding) ICC_##name,
    ICC_REGISTERS(X)
#undef X
};

// What the two sides provide.
uint64_t icc_read(enum icc reg);
void icc_write(enum icc reg, uint64_t value);
uint32_t read32(uint64_t gpa);
void write32(uint64_t gpa, uint32_t value);
void write8(uint64_t gpa, uint8_t value);
unsigned levels(void); // bit 1 IRQ, bit 0 FIQ
void print(const char *name, uint64_t value);

#define ROUNDS 6000
#define GICD   UINT64_C(0x08000000)
#define GICR   UINT64_C(0x080a0000)
#define SGI    (GICR + 0x10000)

static uint64_t random_state = UINT64_C(88172645463325252);

static uint32_t rnd(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 11);
}

static uint32_t one_bit(void)
{
    return UINT32_C(1) << (rnd() & 31);
}

static uint32_t some_intid(void)
{
    static const uint8_t ids[13] = {0, 1, 7, 15, 20, 27, 30, 40, 41, 63, 64, 200, 255};
    return ids[rnd() % 13];
}

static void acknowledge(enum icc iar, enum icc eoir)
{
    uint64_t intid = icc_read(iar);
    print("iar", intid);
    if (intid < 1020 && (rnd() & 3))
        icc_write(eoir, intid);
}

static void write_random(enum icc a, enum icc b, uint32_t value)
{
    icc_write(value & 0x100 ? a : b, value & 0xff);
}

static void change_bank(uint64_t bank, uint32_t intid)
{
    uint32_t bit = UINT32_C(1) << (intid & 31);
    switch (rnd() % 12) {
    case 0:
        write32(bank + 0x80, rnd() & 1 ? 0xffffffff : rnd());
        break;
    case 1:
    case 2:
        write32(bank + 0x100, bit | one_bit());
        break;
    case 3:
        write32(bank + 0x180, one_bit());
        break;
    case 4:
    case 5:
    case 6:
        write32(bank + 0x200, bit);
        break;
    case 7:
        write32(bank + 0x280, one_bit());
        break;
    case 8:
        write32(bank + 0x300, bit & rnd());
        break;
    case 9:
        write32(bank + 0x380, rnd() & 3 ? bit : 0xffffffff);
        break;
    default:
        write8((intid < 32 ? SGI : GICD) + 0x400 + intid, rnd() & 0xf8);
        break;
    }
}

static void change_interface(void)
{
    uint32_t value = rnd();
    switch (rnd() % 12) {
    case 0:
        icc_write(ICC_PMR, value & 7 ? 0xf8 : value >> 8 & 0xff);
        break;
    case 1:
        write_random(ICC_BPR0, ICC_BPR1, value & 0x107);
        break;
    case 2:
        icc_write(ICC_CTLR, value & 4 ? value & 3 : 0);
        break;
    case 3:
    case 4:
    case 5:
        acknowledge(ICC_IAR1, ICC_EOIR1);
        break;
    case 6:
        acknowledge(ICC_IAR0, ICC_EOIR0);
        break;
    case 7:
        write_random(ICC_EOIR0, ICC_EOIR1, (value & 0x100) | some_intid());
        break;
    case 8:
        icc_write(ICC_DIR, some_intid());
        break;
    case 9:
        icc_write(value & 3 ? ICC_SGI1R : ICC_SGI0R, (uint64_t)(value >> 8 & 15) << 24 | 1);
        break;
    case 10:
        write32(GICD, value & 7 ? 3 : value >> 8 & 3);
        break;
    default:
        icc_write(ICC_AP1R0, value & 15 ? 0 : one_bit());
        icc_write(ICC_AP0R0, 0);
        break;
    }
}

static void show(uint64_t bank)
{
    print("levels", levels());
    print("hppir", icc_read(ICC_HPPIR0) << 32 | icc_read(ICC_HPPIR1));
    print("rpr", icc_read(ICC_RPR));
    print("ap", icc_read(ICC_AP0R0) << 32 | icc_read(ICC_AP1R0));
    print("bpr", icc_read(ICC_BPR0) << 32 | icc_read(ICC_BPR1));
    print("ctlr", icc_read(ICC_CTLR) << 32 | icc_read(ICC_PMR));
    print("pending", (uint64_t)read32(bank + 0x200) << 32 | read32(bank + 0x300));
    print("enabled", (uint64_t)read32(bank + 0x100) << 32 | read32(bank + 0x80));
}

static void scenario(void)
{
    print("sre", icc_read(ICC_SRE));
    write32(GICR + 0x14, 0);
    write32(GICD, 3);
    icc_write(ICC_IGRPEN0, 1);
    icc_write(ICC_IGRPEN1, 1);
    for (uint32_t i = 0; i < ROUNDS; i++) {
        uint32_t intid = some_intid();
        uint64_t bank = intid < 32 ? SGI : GICD + 4 * (intid / 32);
        print("round", i);
        if (rnd() & 1)
            change_bank(bank, intid);
        else
            change_interface();
        show(bank);
    }
}

#endif
