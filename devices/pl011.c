// SPDX-License-Identifier: GPL-3.0-or-later
// PL011 UART, Arm DDI 0183, revision r1p5: 32-byte receive FIFO, trigger levels, time-out
// interrupt, break, loopback, modem lines (all inactive but in loopback).
//
// Differences from the part: output leaves at once (there is no transmit FIFO; TXFF only says that
// the host takes nothing at the moment), and data is sent and received whether UARTEN is set or
// not as long as the guest has never touched UARTCR, because small guests rely on it. DMA
// requests go nowhere.
#include "devices/pl011.h"
#include "base/bits.h"
#include "devices/fdt_node.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define FIFO_DEPTH    32
#define CLOCK_HZ      24000000
#define STATE_VERSION 1
#define WINDOW        0x1000

enum { // offsets
    DR = 0x00,
    RSR = 0x04,
    FR = 0x18,
    ILPR = 0x20,
    IBRD = 0x24,
    FBRD = 0x28,
    LCR_H = 0x2c,
    CR = 0x30,
    IFLS = 0x34,
    IMSC = 0x38,
    RIS = 0x3c,
    MIS = 0x40,
    ICR = 0x44,
    DMACR = 0x48,
    ID0 = 0xfe0,
};

enum { // DR: error flags of a received character
    DR_FE = 1 << 8,
    DR_PE = 1 << 9,
    DR_BE = 1 << 10,
    DR_OE = 1 << 11,
};

enum { // FR
    FR_CTS = 1 << 0,
    FR_DSR = 1 << 1,
    FR_DCD = 1 << 2,
    FR_RXFE = 1 << 4,
    FR_TXFF = 1 << 5,
    FR_RXFF = 1 << 6,
    FR_TXFE = 1 << 7,
    FR_RI = 1 << 8,
    FR_MODEM = FR_CTS | FR_DSR | FR_DCD | FR_RI,
};

enum { // LCR_H
    LCR_BRK = 1 << 0,
    LCR_FEN = 1 << 4,
};

enum { // CR
    CR_UARTEN = 1 << 0,
    CR_LBE = 1 << 7,
    CR_RXE = 1 << 9,
    CR_DTR = 1 << 10,
    CR_RTS = 1 << 11,
    CR_OUT1 = 1 << 12,
    CR_OUT2 = 1 << 13,
    CR_MASK = 0xff87,
};

enum { // interrupts
    INT_RI = 1 << 0,
    INT_CTS = 1 << 1,
    INT_DCD = 1 << 2,
    INT_DSR = 1 << 3,
    INT_RX = 1 << 4,
    INT_TX = 1 << 5,
    INT_RT = 1 << 6,
    INT_BE = 1 << 9,
    INT_OE = 1 << 10,
    INT_ALL = 0x7ff,
};

struct pl011_state {
    uint32_t rsr, ilpr, ibrd, fbrd, lcr_h, cr, ifls, imsc, ris, dmacr;
    uint32_t head, count; // of the receive FIFO
    uint32_t modem;       // FR_MODEM bits
    uint32_t overrun;     // the next character received carries DR_OE
    uint32_t cr_written;  // UARTCR was written since reset
    uint32_t reserved;
    int64_t timeout;           // guest ns of the receive time-out, CLOCK_NEVER: none
    uint16_t fifo[FIFO_DEPTH]; // characters with error flags
};

struct pl011 {
    struct device dev;
    struct pl011_state s;
    struct irq_line irq;
    struct chardev *chardev;
    struct clock_timer timer;
    const struct log *log;
};

static void update(struct pl011 *u)
{
    irq_set(&u->irq, (u->s.ris & u->s.imsc) != 0);
}

static unsigned depth(const struct pl011 *u)
{
    return u->s.lcr_h & LCR_FEN ? FIFO_DEPTH : 1;
}

// How many characters in the FIFO raise the receive interrupt.
static unsigned rx_trigger(const struct pl011 *u)
{
    static const uint8_t eighths[8] = {1, 2, 4, 6, 7, 7, 7, 7};
    if (!(u->s.lcr_h & LCR_FEN))
        return 1;
    return FIFO_DEPTH * eighths[u->s.ifls >> 3 & 7] / 8;
}

// 32 bit times at the programmed rate (115200 baud while none is) in ns.
static int64_t rx_timeout(const struct pl011 *u)
{
    int64_t divisor = (int64_t)(u->s.ibrd << 6 | u->s.fbrd); // in 64ths
    if (!u->s.ibrd)
        return INT64_C(32) * 1000000000 / 115200;
    return divisor * 16 * 32 * (1000000000 / 1000) / (64 * (CLOCK_HZ / 1000));
}

static void set_timeout(struct pl011 *u, bool on)
{
    u->s.timeout = on ? clock_now(u->timer.clock) + rx_timeout(u) : CLOCK_NEVER;
    timer_arm(&u->timer, u->s.timeout);
}

static void timed_out(void *opaque)
{
    struct pl011 *u = opaque;
    u->s.timeout = CLOCK_NEVER;
    if (u->s.count) {
        u->s.ris |= INT_RT;
        update(u);
    }
}

static void push_rx(struct pl011 *u, uint32_t c)
{
    if (u->s.count >= depth(u)) {
        u->s.overrun = 1;
        u->s.ris |= INT_OE;
        u->s.rsr |= DR_OE >> 8;
        update(u);
        return;
    }
    if (u->s.overrun)
        c |= DR_OE;
    u->s.overrun = 0;
    u->s.fifo[(u->s.head + u->s.count++) % FIFO_DEPTH] = (uint16_t)c;
    if (u->s.count >= rx_trigger(u))
        u->s.ris |= INT_RX;
    if (c & DR_BE)
        u->s.ris |= INT_BE;
    set_timeout(u, true);
    update(u);
}

static uint32_t pop_rx(struct pl011 *u)
{
    if (!u->s.count)
        return 0;
    uint32_t c = u->s.fifo[u->s.head];
    u->s.head = (u->s.head + 1) % FIFO_DEPTH;
    u->s.count--;
    u->s.rsr = c >> 8;
    if (u->s.count < rx_trigger(u))
        u->s.ris &= ~(uint32_t)INT_RX;
    if (!u->s.count) {
        u->s.ris &= ~(uint32_t)INT_RT;
        set_timeout(u, false);
    }
    update(u);
    chardev_can_accept(u->chardev);
    return c;
}

static void empty_fifo(struct pl011 *u)
{
    u->s.head = u->s.count = u->s.overrun = 0;
    u->s.ris &= ~(uint32_t)(INT_RX | INT_RT);
    set_timeout(u, false);
}

static void transmit(struct pl011 *u, uint8_t c)
{
    if (u->s.cr & CR_LBE)
        push_rx(u, c);
    else
        chardev_write(u->chardev, &c, 1);
    if (chardev_writable(u->chardev))
        u->s.ris |= INT_TX;
    update(u);
}

// In loopback the outputs are the inputs; otherwise nobody is at the other end.
static void update_modem(struct pl011 *u)
{
    // clang-format off
    static const struct { uint32_t out, fr, irq; } wires[] = {
        { CR_RTS, FR_CTS, INT_CTS }, { CR_DTR, FR_DSR, INT_DSR },
        { CR_OUT1, FR_DCD, INT_DCD }, { CR_OUT2, FR_RI, INT_RI },
    };
    // clang-format on
    for (size_t i = 0; i < ARRAY_SIZE(wires); i++) {
        bool level = (u->s.cr & CR_LBE) && (u->s.cr & wires[i].out);
        if (level != !!(u->s.modem & wires[i].fr))
            u->s.ris |= wires[i].irq;
        u->s.modem = level ? u->s.modem | wires[i].fr : u->s.modem & ~wires[i].fr;
    }
}

static uint32_t flags(struct pl011 *u)
{
    uint32_t fr = u->s.modem;
    if (!u->s.count)
        fr |= FR_RXFE;
    if (u->s.count >= depth(u))
        fr |= FR_RXFF;
    return fr | (chardev_writable(u->chardev) ? FR_TXFE : FR_TXFF);
}

// PeriphID0-3 (Arm's PL011, revision 3 = r1p5) and CellID0-3.
static const uint8_t ids[8] = {0x11, 0x10, 0x34, 0x00, 0x0d, 0xf0, 0x05, 0xb1};

static uint64_t pl011_read(void *opaque, uint64_t offset, unsigned size)
{
    struct pl011 *u = opaque;
    if (offset >= ID0)
        return offset & 3 ? 0 : ids[(offset - ID0) >> 2];
    switch (offset) {
    case DR:
        return pop_rx(u);
    case RSR:
        return u->s.rsr;
    case FR:
        return flags(u);
    case ILPR:
        return u->s.ilpr;
    case IBRD:
        return u->s.ibrd;
    case FBRD:
        return u->s.fbrd;
    case LCR_H:
        return u->s.lcr_h;
    case CR:
        return u->s.cr;
    case IFLS:
        return u->s.ifls;
    case IMSC:
        return u->s.imsc;
    case RIS:
        return u->s.ris;
    case MIS:
        return u->s.ris & u->s.imsc;
    case DMACR:
        return u->s.dmacr;
    case ICR:
        return 0;
    default:
        log_printf(u->log, LOG_GUEST_ERROR, "%s: read of offset 0x%x\n", u->dev.name,
                   (unsigned)offset);
        return 0;
    }
}

static void write_lcr_h(struct pl011 *u, uint32_t value)
{
    uint32_t changed = u->s.lcr_h ^ value;
    u->s.lcr_h = value;
    if (changed & LCR_FEN)
        empty_fifo(u);
    if ((changed & value & LCR_BRK) && (u->s.cr & CR_LBE))
        push_rx(u, DR_BE);
    chardev_can_accept(u->chardev);
}

static void write_cr(struct pl011 *u, uint32_t value)
{
    u->s.cr = value & CR_MASK;
    u->s.cr_written = 1;
    update_modem(u);
    chardev_can_accept(u->chardev);
}

static void pl011_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    struct pl011 *u = opaque;
    uint32_t v = (uint32_t)value;
    switch (offset) {
    case DR:
        transmit(u, (uint8_t)v);
        break;
    case RSR:
        u->s.rsr = 0;
        break;
    case ILPR:
        u->s.ilpr = v & 0xff;
        break;
    case IBRD:
        u->s.ibrd = v & 0xffff;
        break;
    case FBRD:
        u->s.fbrd = v & 0x3f;
        break;
    case LCR_H:
        write_lcr_h(u, v & 0xff);
        break;
    case CR:
        write_cr(u, v);
        break;
    case IFLS:
        u->s.ifls = v & 0x3f;
        if (u->s.count >= rx_trigger(u))
            u->s.ris |= INT_RX;
        break;
    case IMSC:
        u->s.imsc = v & INT_ALL;
        break;
    case ICR:
        u->s.ris &= ~v;
        break;
    case DMACR:
        u->s.dmacr = v & 7;
        break;
    default:
        log_printf(u->log, LOG_GUEST_ERROR, "%s: write to offset 0x%x\n", u->dev.name,
                   (unsigned)offset);
        break;
    }
    update(u);
}

static size_t rx_room(void *opaque)
{
    struct pl011 *u = opaque;
    bool on = (u->s.cr & CR_RXE) && ((u->s.cr & CR_UARTEN) || !u->s.cr_written);
    return on && !(u->s.cr & CR_LBE) && u->s.count < depth(u) ? depth(u) - u->s.count : 0;
}

static void rx_bytes(void *opaque, const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++)
        push_rx(opaque, data[i]);
}

static void rx_break(void *opaque)
{
    push_rx(opaque, DR_BE);
}

static void tx_room(void *opaque)
{
    struct pl011 *u = opaque;
    u->s.ris |= INT_TX;
    update(u);
}

static void pl011_reset(void *opaque)
{
    struct pl011 *u = opaque;
    u->s = (struct pl011_state){.cr = 0x300, .ifls = 0x12, .timeout = CLOCK_NEVER};
    timer_disarm(&u->timer);
    update(u);
    chardev_can_accept(u->chardev);
}

static void pl011_save(void *opaque, struct state_writer *w)
{
    struct pl011 *u = opaque;
    state_put(w, u->dev.name, STATE_VERSION, &u->s, sizeof u->s);
}

static bool pl011_load(void *opaque, struct state_reader *r, struct error *err)
{
    struct pl011 *u = opaque;
    struct pl011_state s;
    if (!state_get(r, u->dev.name, STATE_VERSION, &s, sizeof s, err))
        return false;
    unsigned limit = s.lcr_h & LCR_FEN ? FIFO_DEPTH : 1;
    if (s.head >= FIFO_DEPTH || s.count > limit || (s.cr & ~(uint32_t)CR_MASK) || s.ifls > 0x3f ||
        s.ibrd > 0xffff || s.fbrd > 0x3f || ((s.imsc | s.ris) & ~(uint32_t)INT_ALL) ||
        s.lcr_h > 0xff || (s.modem & ~(uint32_t)FR_MODEM))
        return error_set(err, "saved state: section \"%s\" is damaged", u->dev.name);
    u->s = s;
    timer_arm(&u->timer, s.timeout);
    update(u);
    chardev_can_accept(u->chardev);
    return true;
}

static int pl011_fdt_node(void *opaque, void *fdt, const struct fdt_place *place)
{
    static const char compatible[] = "arm,pl011\0arm,primecell";
    fdt32_t clocks[2] = {cpu_to_fdt32(place->clock_phandle), cpu_to_fdt32(place->clock_phandle)};
    int e =
        fdt_node_begin(fdt, "pl011", place, WINDOW, compatible, sizeof compatible, FDT_IRQ_LEVEL);
    e = e ? e : fdt_property(fdt, "clocks", clocks, sizeof clocks);
    e = e ? e : fdt_property(fdt, "clock-names", "uartclk\0apb_pclk", 17);
    return e ? e : fdt_end_node(fdt);
}

static void pl011_destroy(void *opaque)
{
    struct pl011 *u = opaque;
    timer_disarm(&u->timer);
    chardev_attach(u->chardev, NULL, NULL);
    free(u);
}

struct device *pl011_create(const char *name, struct clock *clock, struct irq_line irq,
                            struct chardev *chardev, const struct log *log)
{
    static const struct device_ops ops = {
        .read = pl011_read,
        .write = pl011_write,
        .access_min = 1,
        .access_max = 4,
        .reset = pl011_reset,
        .save = pl011_save,
        .load = pl011_load,
        .fdt_node = pl011_fdt_node,
        .destroy = pl011_destroy,
    };
    static const struct chardev_front front = {
        .room = rx_room,
        .receive = rx_bytes,
        .receive_break = rx_break,
        .writable = tx_room,
    };
    struct pl011 *u = calloc(1, sizeof *u);
    assert(u);
    device_init(&u->dev, &ops, u, WINDOW, name);
    u->irq = irq;
    u->chardev = chardev;
    u->log = log;
    timer_init(&u->timer, clock, timed_out, u);
    pl011_reset(u);
    chardev_attach(chardev, &front, u);
    return &u->dev;
}
