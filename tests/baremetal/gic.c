// SPDX-License-Identifier: GPL-3.0-or-later
// GICv3 (Arm IHI 0069): SGIs to self, PPIs and SPIs made pending by register, priorities and
// preemption, binary points, priority mask, groups, EOI modes, active and pending bits, spurious
// INTIDs. First with interrupts masked, by hand; then with handlers, nested.
#include "gic.h"

static void state(const char *what)
{
    print("%s: hppir %d %d", (u64)what, mrs(icc_hppir0_el1), mrs(icc_hppir1_el1));
    print(" rpr %x ap %x %x isr %x", mrs(icc_rpr_el1), mrs(icc_ap0r0_el1), mrs(icc_ap1r0_el1),
          mrs(isr_el1));
    print(" pend %x active %x\n", gic_read(SGI + ISPENDR), gic_read(SGI + ISACTIVER));
}

static u64 acknowledge(void)
{
    u64 id = mrs(icc_iar1_el1);
    isb();
    dsb();
    return id;
}

static void end(u64 id)
{
    msr(icc_eoir1_el1, id);
    isb();
}

static void registers(void)
{
    gic_reset();
    print("GICD_CTLR %x", gic_read(GICD));
    gic_write(GICD, 0x10);
    print(" %x", gic_read(GICD));
    gic_write(GICD, 0x11);
    print(" %x", gic_read(GICD));
    gic_write(GICD, 0x12);
    print(" %x\n", gic_read(GICD));
    gic_write(GICD, 0x13);
    // ITLinesNumber differs by what the boards have wired; CPUNumber is RES0 with ARE alone.
    print("GICD_PIDR2 arch %x GICR %x\n", gic_read(GICD + 0xffe8) >> 4 & 15,
          gic_read(GICR + 0xffe8) >> 4 & 15);
    print("GICR_TYPER aff %x last %d proc %x\n", gic_read(GICR + 12), gic_read(GICR + 8) >> 4 & 1,
          gic_read(GICR + 8) >> 8 & 0xffff);
    static const u16 reg[] = {IGROUPR, ISENABLER, ICENABLER, ISPENDR,
                              ICPENDR, ISACTIVER, ICACTIVER};
    for (unsigned n = 0; n < ARRAY_SIZE(reg); n++) {
        gic_write(SGI + reg[n], 0xa5a5a5a5);
        gic_write(GICD + reg[n] + 4, 0x5a5a5a5a);
        print("reg %x: %x %x %x %x", reg[n], gic_read(SGI + reg[n]), gic_read(GICD + reg[n] + 4),
              gic_read(GICD + reg[n]), gic_read(SGI + reg[n] + 4));
        gic_write(SGI + reg[n], 0x0f0f0f0f);
        gic_write(GICD + reg[n] + 4, 0xf0f0f0f0);
        print(" %x %x\n", gic_read(SGI + reg[n]), gic_read(GICD + reg[n] + 4));
    }
    gic_reset();
    for (unsigned n = 0; n < 8; n++) {
        gic_write(SGI + IPRIORITYR + 4 * n, 0x01020408u << n | 0xf0000000);
        gic_write(GICD + IPRIORITYR + 32 + 4 * n, 0x81c2e4f8u >> n);
        // QEMU's distributor keeps 8 bits of a priority, though its CPU interface has 5.
        print("prio %x %x\n", gic_read(SGI + IPRIORITYR + 4 * n) & 0xf8f8f8f8,
              gic_read(GICD + IPRIORITYR + 32 + 4 * n) & 0xf8f8f8f8);
    }
    print("prio byte %x %x\n", *(volatile u8 *)phys(SGI + IPRIORITYR + 5) & 0xf8,
          *(volatile u8 *)phys(GICD + IPRIORITYR + 37) & 0xf8);
    for (unsigned n = 0; n < 2; n++) {
        gic_write(SGI + ICFGR + 4 * n, ~0u);
        gic_write(GICD + ICFGR + 8 + 4 * n, ~0u);
        print("icfgr %x %x", gic_read(SGI + ICFGR + 4 * n), gic_read(GICD + ICFGR + 8 + 4 * n));
        gic_write(SGI + ICFGR + 4 * n, 0);
        gic_write(GICD + ICFGR + 8 + 4 * n, 0);
        print(" %x %x\n", gic_read(SGI + ICFGR + 4 * n), gic_read(GICD + ICFGR + 8 + 4 * n));
    }
    *(volatile u64 *)phys(GICD + IROUTER + 8 * 40) = 0xff00000080000003;
    print("irouter %x", *(volatile u64 *)phys(GICD + IROUTER + 8 * 40) & 0xff00ffffff);
    *(volatile u64 *)phys(GICD + IROUTER + 8 * 40) = 0;
    print(" %x\n", *(volatile u64 *)phys(GICD + IROUTER + 8 * 40));
    static const u8 bits[] = {0xff, 0xf8, 0x80, 0x0f, 0x07, 0x00};
    for (unsigned n = 0; n < ARRAY_SIZE(bits); n++) {
        msr(icc_pmr_el1, bits[n]);
        isb();
        print("pmr %x -> %x\n", bits[n], mrs(icc_pmr_el1));
    }
    for (unsigned cbpr = 0; cbpr < 2; cbpr++)
        for (unsigned n = 0; n < 8; n++) {
            msr(icc_ctlr_el1, cbpr);
            msr(icc_bpr0_el1, n);
            msr(icc_bpr1_el1, 7 - n);
            isb();
            print("cbpr %d bpr %d -> %d %d\n", cbpr, n, mrs(icc_bpr0_el1), mrs(icc_bpr1_el1));
        }
    // PRIbits, IDbits and A3V are what they are; the two controls are writable.
    for (unsigned n = 0; n < 4; n++) {
        msr(icc_ctlr_el1, n);
        isb();
        print("ctlr %d -> %x\n", n, mrs(icc_ctlr_el1) & 0x4703);
    }
    msr(icc_sre_el1, 0);
    isb();
    print("sre %x", mrs(icc_sre_el1));
    msr(icc_igrpen1_el1, ~0ull);
    msr(icc_igrpen0_el1, ~0ull);
    isb();
    print(" igrpen %x %x\n", mrs(icc_igrpen0_el1), mrs(icc_igrpen1_el1));
    msr(icc_ap1r0_el1, 0x00010100);
    isb();
    print("ap1r0 %x rpr %x\n", mrs(icc_ap1r0_el1), mrs(icc_rpr_el1));
    // The words that 5 priority bits have no use for.
    run(EL1, INSN("mrs x0, icc_ap1r1_el1"), 0, 0, 0, 0);
    report("ap1r1");
    run(EL1, INSN("mrs x0, icc_ap0r3_el1"), 0, 0, 0, 0);
    report("ap0r3");
    gic_reset();
}

static void by_hand(void)
{
    gic_reset();
    state("idle");
    print("iar idle %d %d\n", mrs(icc_iar0_el1), acknowledge());
    gic_sgi(3);
    state("sgi 3 disabled");
    gic_write(SGI + ISENABLER, 0xffff);
    state("enabled");
    u64 id = acknowledge();
    print("iar %d\n", id);
    state("active");
    print("again %d\n", acknowledge());
    gic_sgi(3);
    state("pending and active");
    end(id);
    state("ended");
    id = acknowledge();
    end(id);
    print("iar %d\n", id);
    state("idle");
    // Priorities: the highest, among equals the lowest INTID.
    for (unsigned n = 0; n < 6; n++) {
        gic_priority(n, n * 0x30 % 0x90 + 0x20);
        gic_sgi(n);
    }
    state("six");
    u64 stack[6];
    unsigned depth = 0;
    for (unsigned n = 0; n < 8; n++) {
        id = acknowledge();
        print("taken %d rpr %x\n", id, mrs(icc_rpr_el1));
        if (id < 16)
            stack[depth++] = id;
        if (id == 1023 && depth)
            end(stack[--depth]);
    }
    while (depth)
        end(stack[--depth]);
    for (unsigned n = 0; n < 8; n++) {
        id = acknowledge();
        print("rest %d\n", id);
        if (id < 1020)
            end(id);
    }
    state("done");
    // Special INTIDs and the wrong order.
    end(1023);
    end(5);
    state("ended nothing");
    gic_write(SGI + ISACTIVER, 4);
    state("made active");
    gic_sgi(2);
    state("pending while active");
    gic_write(SGI + ICACTIVER, 4);
    state("made inactive");
    gic_write(SGI + ICPENDR, 4);
    state("made idle");
    gic_write(SGI + ISPENDR, 0x10);
    state("made pending");
    gic_write(SGI + ICENABLER, 0x10);
    state("disabled");
    gic_write(SGI + ICPENDR, 0x10);
}

static void preemption(void)
{
    for (unsigned bpr = 0; bpr < 8; bpr++)
        for (unsigned cbpr = 0; cbpr < 2; cbpr++) {
            gic_reset();
            gic_write(SGI + ISENABLER, 0xffff);
            msr(icc_ctlr_el1, cbpr);
            msr(icc_bpr0_el1, bpr);
            msr(icc_bpr1_el1, bpr);
            isb();
            static const u8 prio[] = {0xf0, 0xe8, 0xc8, 0xa0, 0x98, 0x40, 0x38, 0x08, 0x00};
            print("bpr %d cbpr %d:", bpr, cbpr);
            for (unsigned n = 0; n < ARRAY_SIZE(prio); n++) {
                gic_priority(n, prio[n]);
                gic_sgi(n);
                print(" %d/%x/%x", acknowledge(), mrs(icc_rpr_el1), mrs(icc_ap1r0_el1));
            }
            print("\n");
        }
}

static void priority_mask(void)
{
    gic_reset();
    gic_write(SGI + ISENABLER, 0xffff);
    gic_priority(1, 0x80);
    gic_sgi(1);
    for (unsigned pmr = 0; pmr < 0x100; pmr += 0x18) {
        msr(icc_pmr_el1, pmr);
        isb();
        print("pmr %x: hppir %d isr %x", pmr, mrs(icc_hppir1_el1), mrs(isr_el1));
        u64 id = acknowledge();
        print(" iar %d\n", id);
        if (id == 1) {
            end(id);
            gic_sgi(1);
        }
    }
    gic_priority(1, 0xf8); // the lowest: never signalled with PMR 0xf8
    print("lowest: hppir %d iar %d\n", mrs(icc_hppir1_el1), acknowledge());
}

static void eoi_modes(void)
{
    gic_reset();
    gic_write(SGI + ISENABLER, 0xffff);
    msr(icc_ctlr_el1, 2);
    isb();
    gic_sgi(7);
    u64 id = acknowledge();
    state("mode 1 active");
    end(id);
    state("priority dropped");
    gic_sgi(7);
    state("pending again");
    print("iar %d\n", acknowledge());
    msr(icc_dir_el1, id);
    isb();
    state("deactivated");
    id = acknowledge();
    print("iar %d\n", id);
    msr(icc_dir_el1, id); // deactivated before the priority is dropped
    isb();
    state("deactivated first");
    end(id);
    state("dropped");
    msr(icc_ctlr_el1, 0);
    isb();
    gic_sgi(7);
    id = acknowledge();
    msr(icc_dir_el1, id); // without EOImode: nothing
    isb();
    state("mode 0 after dir");
    end(id);
    state("mode 0 ended");
}

static void groups(void)
{
    gic_reset();
    gic_write(SGI + ISENABLER, 0xffff);
    gic_group(4, 0);
    gic_priority(4, 0x60);
    gic_priority(5, 0x70);
    gic_sgi(4); // SGI1R reaches group 1 alone
    state("sgi1r for group 0");
    dsb();
    msr(icc_sgi0r_el1, 4ull << 24 | 1);
    isb();
    state("sgi0r");
    gic_sgi(5);
    state("both");
    print("iar1 %d iar0 %d\n", acknowledge(), mrs(icc_iar0_el1));
    isb();
    state("group 0 active");
    print("iar1 %d\n", acknowledge());
    end(4); // the wrong group's
    state("ended by the wrong register");
    msr(icc_eoir0_el1, 4);
    isb();
    state("ended");
    u64 id = acknowledge();
    print("iar1 %d\n", id);
    end(id);
    // Enables of the groups, at the CPU interface and at the distributor.
    gic_sgi(5);
    msr(icc_igrpen1_el1, 0);
    isb();
    state("igrpen1 off");
    print("iar %d\n", acknowledge());
    msr(icc_igrpen1_el1, 1);
    isb();
    gic_write(GICD, 0x11);
    state("grp1 off");
    print("iar %d\n", acknowledge());
    gic_write(GICD, 0x13);
    gic_group(5, 0);
    state("moved to group 0");
    gic_group(5, 1);
    id = acknowledge();
    print("iar %d\n", id);
    end(id);
    // Targets of SGIs: others, nobody, lists with more than this CPU.
    static const u64 sgi[] = {1ull << 40 | 6 << 24,
                              6 << 24,
                              6 << 24 | 2,
                              6 << 24 | 3,
                              6 << 24 | 1 | 1 << 16,
                              6 << 24 | 1 | 1ull << 32,
                              6 << 24 | 1 | 1ull << 48,
                              6 << 24 | 0xffff};
    for (unsigned n = 0; n < ARRAY_SIZE(sgi); n++) {
        msr(icc_sgi1r_el1, sgi[n]);
        isb();
        print("target %x: pending %d\n", sgi[n], gic_get(ISPENDR, 6));
        gic_set(ICPENDR, 6);
    }
}

static void spis(void)
{
    gic_reset();
    unsigned id = 70;
    *(volatile u64 *)phys(GICD + IROUTER + 8 * id) = 0;
    gic_set(ISPENDR, id);
    print("spi pending %d hppir %d\n", gic_get(ISPENDR, id), mrs(icc_hppir1_el1));
    gic_set(ISENABLER, id);
    print("enabled hppir %d isr %x\n", mrs(icc_hppir1_el1), mrs(isr_el1));
    *(volatile u64 *)phys(GICD + IROUTER + 8 * id) = 5; // nobody there
    dsb();
    print("routed away hppir %d\n", mrs(icc_hppir1_el1));
    *(volatile u64 *)phys(GICD + IROUTER + 8 * id) = 0;
    dsb();
    u64 got = acknowledge();
    print("iar %d pending %d active %d\n", got, gic_get(ISPENDR, id), gic_get(ISACTIVER, id));
    gic_set(ISPENDR, id);
    print("again pending %d hppir %d\n", gic_get(ISPENDR, id), mrs(icc_hppir1_el1));
    end(got);
    got = acknowledge();
    print("iar %d\n", got);
    gic_set(ICACTIVER, id); // by the back door
    print("active %d rpr %x\n", gic_get(ISACTIVER, id), mrs(icc_rpr_el1));
    end(got);
    print("rpr %x\n", mrs(icc_rpr_el1));
    // SPI 75 has the higher priority, SPI 70 the lower number.
    gic_set(ISENABLER, 75);
    gic_set(ISPENDR, id);
    gic_set(ISPENDR, 75);
    print("equal hppir %d", mrs(icc_hppir1_el1));
    gic_priority(75, 0x20);
    print(" higher hppir %d", mrs(icc_hppir1_el1));
    gic_group(75, 0);
    print(" other group %d %d\n", mrs(icc_hppir0_el1), mrs(icc_hppir1_el1));
    gic_group(75, 1);
    gic_write(GICD + ICPENDR + 8, ~0u);
    print("cleared hppir %d\n", mrs(icc_hppir1_el1));
    // INTIDs the board has no wires for (the last line) still have their bits.
    gic_set(ISPENDR, 95);
    gic_set(ISENABLER, 95);
    got = acknowledge();
    print("95: iar %d\n", got);
    end(got);
}

// With handlers ----------------------------------------------------------------------------------

static u16 events[64];
static unsigned nr_events, nested;

static void event(unsigned what)
{
    if (nr_events < ARRAY_SIZE(events))
        events[nr_events++] = (u16)what;
}

void irq_handler(u64 vector, u64 *frame)
{
    u64 spsr = mrs(spsr_el1), elr = mrs(elr_el1);
    bool fiq = (vector & 3) == 2;
    u64 id = fiq ? mrs(icc_iar0_el1) : mrs(icc_iar1_el1);
    isb();
    event((unsigned)vector << 12 | (unsigned)id);
    if (nested && id < 1020) {
        unsigned next = nested;
        nested = nested > 1 ? nested - 1 : 0;
        gic_sgi(next);
        event(0xe000 | next);
        gic_window();
        event(0xf000 | (unsigned)id);
    }
    if (id < 1020) {
        if (fiq)
            msr(icc_eoir0_el1, id);
        else
            msr(icc_eoir1_el1, id);
    }
    isb();
    msr(spsr_el1, spsr);
    msr(elr_el1, elr);
    (void)frame;
}

static void show_events(const char *what)
{
    print("%s:", (u64)what);
    for (unsigned n = 0; n < nr_events; n++)
        print(" %x", events[n]);
    print("\n");
    nr_events = 0;
}

static void handlers(void)
{
    gic_reset();
    gic_write(SGI + ISENABLER, 0xffff);
    gic_window();
    show_events("nothing");
    gic_sgi(1);
    show_events("masked");
    gic_window();
    show_events("one");
    for (unsigned n = 0; n < 8; n++) {
        gic_priority(n, (n * 5 % 8) << 4);
        gic_sgi(n);
    }
    gic_window();
    show_events("by priority");
    for (unsigned n = 1; n < 8; n++)
        gic_priority(n, n << 4);
    nested = 6;
    gic_sgi(7);
    gic_window();
    show_events("nested");
    for (unsigned n = 1; n < 8; n++)
        gic_priority(n, 0x80 - (n << 4));
    nested = 6;
    gic_sgi(7);
    gic_window();
    show_events("not nested");
    nested = 0;
    for (unsigned n = 0; n < 4; n++)
        gic_window();
    show_events("left over");
    // Group 0 is FIQ, and comes first when its priority is higher; masks are separate.
    gic_group(9, 0);
    gic_priority(9, 0x10);
    gic_priority(10, 0x20);
    msr(icc_sgi0r_el1, 9ull << 24 | 1);
    gic_sgi(10);
    asm volatile("msr daifclr, #2\n isb\n nop\n msr daifset, #2" ::: "memory");
    show_events("irq alone");
    asm volatile("msr daifclr, #1\n isb\n nop\n msr daifset, #1" ::: "memory");
    show_events("fiq alone");
    gic_window();
    show_events("both");
    // From EL1t, from EL0 (IRQ and FIQ unmasked there), and what ISR_EL1 says in between.
    gic_sgi(3);
    exc.in_spsr = 0x304;
    exc.in_sp = (u64)el0_stack_top;
    u32 nops[2] = {INSN("nop"), INSN("nop")};
    entered(code_at(EL1, nops, 2), 0, 0, 0, 0, 0, 0, 0);
    show_events("EL1t");
    gic_sgi(3);
    exc.in_spsr = 0x300;
    entered(code_at(EL0, nops, 2), 0, 0, 0, 0, 0, 0, 0);
    show_events("EL0");
    gic_sgi(3);
    exc.in_spsr = 0x3c0;
    entered(code_at(EL0, nops, 2), 0, 0, 0, 0, 0, 0, 0);
    show_events("EL0 masked");
    gic_window();
    show_events("after");
    // A spurious acknowledge: it goes before it is taken.
    gic_sgi(3);
    gic_set(ICPENDR, 3);
    gic_window();
    show_events("withdrawn");
    // WFI with something pending and masked goes on at once; with nothing it would not.
    gic_sgi(3);
    for (unsigned n = 0; n < 100; n++)
        asm volatile("wfi");
    show_events("wfi");
    gic_window();
    show_events("after wfi");
    // PMR keeps it from waking nobody: it is not signalled, so do not wait for it.
    msr(icc_pmr_el1, 0x10);
    gic_sgi(3);
    gic_window();
    show_events("below the mask");
    msr(icc_pmr_el1, 0xff);
    gic_window();
    show_events("mask opened");
    // The write to PMR itself lets it in, with interrupts open.
    asm volatile("msr daifclr, #3" ::: "memory");
    msr(icc_pmr_el1, 0x00);
    gic_sgi(3);
    event(1);
    msr(icc_pmr_el1, 0xff);
    isb();
    event(2);
    gic_set(ICENABLER, 3);
    gic_sgi(3);
    event(3);
    gic_set(ISENABLER, 3);
    isb();
    event(4);
    asm volatile("msr daifset, #3" ::: "memory");
    show_events("at once");
}

void program(void)
{
    registers();
    by_hand();
    preemption();
    priority_mask();
    eoi_modes();
    groups();
    spis();
    handlers();
}
