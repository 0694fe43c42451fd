// SPDX-License-Identifier: GPL-3.0-or-later
// Generic timers: CTL, CVAL, TVAL and what they mean, ISTATUS, level-sensitive interrupts through
// the GIC, access from EL0, WFI that is woken with interrupts masked and not, WFE and SEV.
//
// Times are compared with each other, never printed.
#include "gic.h"

enum { PHYS, VIRT };
static const char timer_name[2][5] = {"phys", "virt"};
#define INTID(which) ((which) ? 27u : 30u)

static u64 count(unsigned which)
{
    isb();
    return which ? mrs(cntvct_el0) : mrs(cntpct_el0);
}
static u64 ctl(unsigned which)
{
    isb();
    return which ? mrs(cntv_ctl_el0) : mrs(cntp_ctl_el0);
}
static u64 cval(unsigned which)
{
    return which ? mrs(cntv_cval_el0) : mrs(cntp_cval_el0);
}
static u64 tval(unsigned which)
{
    isb();
    return which ? mrs(cntv_tval_el0) : mrs(cntp_tval_el0);
}
static void set_ctl(unsigned which, u64 v)
{
    if (which)
        msr(cntv_ctl_el0, v);
    else
        msr(cntp_ctl_el0, v);
    isb();
}
static void set_cval(unsigned which, u64 v)
{
    if (which)
        msr(cntv_cval_el0, v);
    else
        msr(cntp_cval_el0, v);
    isb();
}
static void set_tval(unsigned which, u64 v)
{
    if (which)
        msr(cntv_tval_el0, v);
    else
        msr(cntp_tval_el0, v);
    isb();
}

static void off(void)
{
    set_ctl(PHYS, 0);
    set_ctl(VIRT, 0);
}

static void counters(void)
{
    print("frequency %d\n", mrs(cntfrq_el0));
    u64 a = count(PHYS), b = count(VIRT), c = count(PHYS), d = count(VIRT);
    print("order %d %d %d, together %d\n", a <= b, b <= c, c <= d, d - a < 62500000);
    unsigned same = 0, back = 0;
    u64 last = count(PHYS), moved = 0;
    for (unsigned n = 0; n < 100000; n++) {
        u64 now = mrs(cntpct_el0);
        same += now == last;
        back += now < last;
        moved += now != last;
        last = now;
    }
    print("backwards %d, moves %d\n", back, moved > 0);
    (void)same;
}

static void registers(unsigned which)
{
    off();
    // ISTATUS is unknown while the timer is disabled.
    for (unsigned n = 0; n < 8; n++) {
        set_cval(which, ~0ull);
        set_ctl(which, n);
        print("%s ctl %d far -> %x", (u64)timer_name[which], n, ctl(which) & (n & 1 ? 7 : 3));
        set_cval(which, 0);
        print(" past -> %x\n", ctl(which) & (n & 1 ? 7 : 3));
    }
    set_ctl(which, 3);
    static const u64 value[] = {0,
                                1,
                                0x7fffffff,
                                0x80000000,
                                0xffffffff,
                                0x100000000,
                                0x123456789abcdef0,
                                0x7fffffffffffffff,
                                0x8000000000000000,
                                ~0ull};
    for (unsigned n = 0; n < ARRAY_SIZE(value); n++) {
        set_cval(which, value[n]);
        print("cval %x -> %x istatus %d", value[n], cval(which), ctl(which) >> 2 & 1);
        // TVAL is CVAL - count in 32 bits, read as such (zero-extended).
        u64 before = count(which), t = tval(which), after = count(which);
        u32 low = (u32)(value[n] - after), high = (u32)(value[n] - before);
        print(" tval in range %d top %x\n", (u32)(t - low) <= (u32)(high - low), t >> 32);
    }
    static const u64 tvals[] = {
        0, 1, 1000, 0x7fffffff, 0x80000000, 0xffffffff, 0xffff000000000000, 0xfffffff0};
    for (unsigned n = 0; n < ARRAY_SIZE(tvals); n++) {
        u64 before = count(which);
        set_tval(which, tvals[n]);
        u64 after = count(which), c = cval(which);
        u64 wide = (u64)(int64_t)(int32_t)tvals[n];
        print("tval %x: cval in range %d", tvals[n], c - (before + wide) <= after - before);
        if (n != 1 && n != 2) // these may have passed or not
            print(" istatus %d", ctl(which) >> 2 & 1);
        print("\n");
    }
    off();
}

static void wait_for(unsigned which, u64 ticks)
{
    u64 from = count(which);
    while (count(which) - from < ticks)
        ;
}

// The line is a level: pending as long as the condition holds and is not masked.
static void line(unsigned which)
{
    unsigned id = INTID(which);
    gic_reset();
    off();
    gic_set(ISENABLER, id);
#define SHOW(what)                                                                                 \
    print("%s line: %s: pending %d active %d hppir %d isr %x\n", (u64)timer_name[which],           \
          (u64)what, gic_get(ISPENDR, id), gic_get(ISACTIVER, id), mrs(icc_hppir1_el1),            \
          mrs(isr_el1))
    SHOW("off");
    set_cval(which, 0);
    SHOW("past, off");
    set_ctl(which, 1);
    SHOW("on");
    set_ctl(which, 3);
    SHOW("masked");
    set_ctl(which, 1);
    set_cval(which, ~0ull);
    SHOW("future");
    set_cval(which, 1);
    SHOW("past");
    u64 got = mrs(icc_iar1_el1);
    isb();
    dsb();
    print("iar %d\n", got);
    SHOW("acknowledged");
    set_ctl(which, 0);
    SHOW("off while active");
    set_ctl(which, 1);
    SHOW("on while active");
    msr(icc_eoir1_el1, got);
    isb();
    SHOW("ended");
    gic_set(ICPENDR, id); // a level cannot be cleared
    SHOW("cleared in vain");
    set_ctl(which, 0);
    SHOW("off");
    gic_set(ISPENDR, id); // but it can be set
    SHOW("set");
    set_ctl(which, 1);
    set_ctl(which, 0);
    SHOW("still set");
    gic_set(ICPENDR, id);
    SHOW("cleared");
    // Edge-triggered, the rising edge is remembered.
    gic_write(SGI + ICFGR + 4, 2u << (id - 16) * 2);
    set_ctl(which, 1);
    set_ctl(which, 0);
    SHOW("edge");
    gic_set(ICPENDR, id);
    SHOW("cleared");
    gic_write(SGI + ICFGR + 4, 0);
    // A deadline that comes true by itself.
    set_tval(which, 20000);
    set_ctl(which, 1);
    wait_for(which, 60000);
    u64 from = count(which); // the line takes a moment, a finite one
    while (!gic_get(ISPENDR, id) && count(which) - from < 62500000)
        ;
    SHOW("deadline");
    set_tval(which, 100000000);
    SHOW("moved away");
    off();
}

static unsigned interrupts;
static u64 last_id;
// Somebody waits by WFI, or is about to: he must not miss the only one, so there are always more.
static volatile bool asleep;

void irq_handler(u64 vector, u64 *frame)
{
    last_id = mrs(icc_iar1_el1);
    unsigned which = last_id == 27 ? VIRT : PHYS;
    interrupts++;
    msr(tpidrro_el0, 1);
    if (asleep)
        set_tval(which, 30000);
    else
        set_ctl(which, 2);
    msr(icc_eoir1_el1, last_id);
    isb();
    (void)vector;
    (void)frame;
}

static void deadlines(unsigned which)
{
    gic_reset();
    off();
    gic_set(ISENABLER, INTID(which));
    // Unmasked and busy.
    for (unsigned n = 0; n < 5; n++) {
        u64 from = count(which), due;
        interrupts = 0;
        set_tval(which, 10000 + n * 7000);
        due = cval(which);
        set_ctl(which, 1);
        asm volatile("msr daifclr, #2" ::: "memory");
        while (!*(volatile unsigned *)&interrupts && count(which) - from < 62500000)
            ;
        asm volatile("msr daifset, #2" ::: "memory");
        print("busy: %d interrupts, id %d, not early %d\n", interrupts, last_id,
              count(which) >= due);
    }
    // Asleep with interrupts open.
    for (unsigned n = 0; n < 3; n++) {
        interrupts = 0;
        asleep = true;
        set_tval(which, 30000);
        u64 due = cval(which);
        set_ctl(which, 1);
        asm volatile("msr daifclr, #2" ::: "memory");
        for (unsigned i = 0; i < 100000 && !*(volatile unsigned *)&interrupts; i++)
            asm volatile("wfi");
        asm volatile("msr daifset, #2" ::: "memory");
        set_ctl(which, 2);
        asleep = false;
        print("wfi open: interrupts %d, not early %d\n", interrupts > 0, count(which) >= due);
    }
    // Asleep with interrupts masked: WFI returns, nothing is taken until it is let in.
    interrupts = 0;
    set_tval(which, 30000);
    u64 due = cval(which);
    set_ctl(which, 1);
    while (!(ctl(which) & 4))
        asm volatile("wfi");
    print("wfi masked: %d interrupts, not early %d isr %x", interrupts, count(which) >= due,
          mrs(isr_el1));
    gic_window();
    print(" then %d\n", interrupts);
    // From EL0.
    // A WFI may end for no reason, so until the handler has left its word.
    u32 wfi[] = {INSN("wfi"), INSN("mrs x0, tpidrro_el0"), INSN("cbz x0, .-8"), INSN("nop")};
    msr(cntkctl_el1, 0x300);
    msr(tpidrro_el0, 0);
    interrupts = 0;
    asleep = true;
    set_tval(which, 30000);
    set_ctl(which, 1);
    exc.in_spsr = 0x340;
    exc.in_sp = (u64)el0_stack_top;
    entered(code_at(EL0, wfi, ARRAY_SIZE(wfi)), 0, 0, 0, 0, 0, 0, 0);
    set_ctl(which, 2);
    asleep = false;
    print("EL0 wfi: interrupts %d esr %x\n", interrupts > 0, exc.esr);
    msr(cntkctl_el1, 0);
    off();
}

static void both(void)
{
    gic_reset();
    off();
    gic_set(ISENABLER, 27);
    gic_set(ISENABLER, 30);
    gic_priority(30, 0x40);
    set_cval(PHYS, 0);
    set_cval(VIRT, 0);
    set_ctl(PHYS, 1);
    set_ctl(VIRT, 1);
    interrupts = 0;
    gic_window();
    print("both: %d interrupts, last %d\n", interrupts, last_id);
    off();
}

static void el0(void)
{
    msr(cntkctl_el1, 0x303);
    isb();
    run(EL0, INSN("mrs x0, cntfrq_el0"), 0, 0, 0, 0);
    print("EL0 frequency %d\n", exc.x[0]);
    u64 before = count(VIRT);
    run(EL0, INSN("mrs x0, cntvct_el0"), 0, 0, 0, 0);
    print("EL0 count in order %d\n", exc.x[0] >= before && exc.x[0] <= count(VIRT));
    run2(EL0, INSN("msr cntv_cval_el0, x0"), INSN("mrs x1, cntv_cval_el0"), 0x123456789, 0, 0, 0);
    print("EL0 cval %x %x\n", exc.x[1], cval(VIRT));
    run2(EL0, INSN("msr cntp_ctl_el0, x0"), INSN("mrs x1, cntp_ctl_el0"), 2, 0, 0, 0);
    print("EL0 ctl %x %x\n", exc.x[1] & 3, ctl(PHYS) & 3);
    msr(cntkctl_el1, 0);
    off();
}

// The event register: set by SEV, SEVL, an exception return; WFE clears it and goes on. Every WFE
// here has an event, so nothing can sleep for ever.
static void events(void)
{
    for (unsigned n = 0; n < 1000; n++) {
        asm volatile("sev\n wfe");
        asm volatile("sevl\n wfe");
    }
    u32 wfe[2] = {INSN("wfe"), INSN("nop")};
    for (unsigned n = 0; n < 100; n++)
        run_n(EL0, wfe, 2, 0, 0, 0, 0);
    // The monitor cleared by a store of this CPU's own is an event as well, in a lock's way: the
    // armed monitor, the value not as wished, and a timer to fall back on.
    u64 cell = 0, old;
    asm volatile("ldaxr %0, [%1]\n stlr xzr, [%1]\n sevl\n wfe"
                 : "=&r"(old)
                 : "r"(&cell)
                 : "memory");
    print("events: no hang\n");
}

void program(void)
{
    counters();
    for (unsigned which = 0; which < 2; which++) {
        registers(which);
        line(which);
        deadlines(which);
    }
    both();
    el0();
    events();
}
