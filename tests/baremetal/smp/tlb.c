// SPDX-License-Identifier: GPL-3.0-or-later
// TLB maintenance that is broadcast: once TLBI ...IS and DSB are over, no CPU reads, writes or
// executes through the old translation (DDI 0487 section D8.14).
//
// CPU 0 maps one page (or block) after another at the same address, break before make; the others
// access it all the time. A page holds its number ("generation"); once it is unmapped everywhere it
// is poisoned, and the counters that the others write into it are noted: neither may the poison be
// seen nor a counter move. A fault is right while nothing is mapped.
#include "smp.h"
#include "tables.h"

#define VA     0x0000456780000000ull
#define FRAMES 4
#define FRAME  (ARENA + 0x400000)
#define POISON 0

// In a page:
#define CODE    64
#define SLOT(n) (512 + (n)*64)

enum op { VAE1IS, VALE1IS, VAAE1IS, VAALE1IS, ASIDE1IS, VMALLE1IS, RVAE1IS };
enum access { EL1_DATA, UNPRIVILEGED, EXECUTE };

static struct {
    struct tt t;
    enum op op;
    enum access access;
    unsigned level;
    bool ng, own_asids, read_only;
    u64 rounds;
    volatile u64 floor; // what is mapped is at least of this generation
    volatile u64 stop;
    u64 noted[FRAMES][SMP_MAX];
    struct {
        volatile u64 worked, faulted;
    } __attribute__((aligned(64))) cpu[SMP_MAX];
} s;

static struct smp_barrier barrier;

static u64 asid_of(unsigned cpu)
{
    return s.own_asids ? 7 + cpu : 7;
}

static void invalidate(u64 va)
{
    u64 arg = va >> 12 | asid_of(0) << 48;
    asm volatile("dsb ishst" ::: "memory");
    switch (s.op) {
    case VAE1IS:
        asm volatile("tlbi vae1is, %0" ::"r"(arg) : "memory");
        break;
    case VALE1IS:
        asm volatile("tlbi vale1is, %0" ::"r"(arg) : "memory");
        break;
    case VAAE1IS:
        asm volatile("tlbi vaae1is, %0" ::"r"(va >> 12) : "memory");
        break;
    case VAALE1IS:
        asm volatile("tlbi vaale1is, %0" ::"r"(va >> 12) : "memory");
        break;
    case ASIDE1IS:
        asm volatile("tlbi aside1is, %0" ::"r"(asid_of(0) << 48) : "memory");
        break;
    case VMALLE1IS:
        asm volatile("tlbi vmalle1is" ::: "memory");
        break;
    case RVAE1IS: // granule of 4K, 2 pages
        asm volatile("tlbi rvae1is, %0" ::"r"(va >> 12 | BIT(46) | asid_of(0) << 48) : "memory");
        break;
    }
    asm volatile("dsb ish\n isb" ::: "memory");
}

static u64 frame_of(u64 generation)
{
    return FRAME + generation % FRAMES * (s.level == 2 ? 0x200000 : 0x1000);
}

// A place in the page: blocks are looked at in two of their pages.
static u64 place(u64 i)
{
    return s.level == 2 && i & 1 ? 0x1f3000 : 0;
}

static void write_frame(u64 pa, u64 generation)
{
    for (unsigned i = 0; i <= (s.level == 2); i++) {
        u64 at = pa + place(i);
        *(volatile u64 *)phys(at) = generation;
        volatile u32 *code = phys(at + CODE);
        code[0] = 0xd2800000 | (generation & 0xffff) << 5; // movz x0, #generation
        code[1] = 0xd65f03c0;
        sync_code((u64)code, 8);
    }
}

static void look_at_slots(u64 pa, u64 generation, const char *what)
{
    for (unsigned cpu = 1; cpu < smp_count; cpu++) {
        u64 now = *(volatile u64 *)phys(pa + SLOT(cpu));
        if (now != s.noted[generation % FRAMES][cpu])
            smp_forbidden(what, s.op, now, s.noted[generation % FRAMES][cpu]);
    }
}

static void note_slots(u64 pa, u64 generation)
{
    for (unsigned cpu = 1; cpu < smp_count; cpu++)
        s.noted[generation % FRAMES][cpu] = *(volatile u64 *)phys(pa + SLOT(cpu));
}

// Lets the others run for a while: until one of them, each in turn, has got through (or faulted).
static void let_them(u64 generation)
{
    unsigned cpu = 1 + generation % (smp_count - 1);
    u64 was = s.cpu[cpu].worked + s.cpu[cpu].faulted;
    for (unsigned n = 0; n < 1000 && s.cpu[cpu].worked + s.cpu[cpu].faulted == was; n++)
        if (n < 200)
            yield();
        else
            asm volatile("sevl\n wfe\n wfe");
    for (u64 n = generation % 7 * 50; n; n--)
        yield();
}

static void owner(void)
{
    u64 attr = D_NORMAL | (s.ng ? D_NG : 0) | (s.access == UNPRIVILEGED ? D_USER | D_PXN : 0);
    volatile u64 *entry = tt_entry(&s.t, VA, s.level, 0);
    u64 kind = s.level == 3 ? D_PAGE : D_BLOCK;
    for (u64 g = 1; g <= s.rounds; g++) {
        u64 pa = frame_of(g);
        if (g > FRAMES)
            look_at_slots(pa, g, "written after the end");
        write_frame(pa, g);
        *entry = pa | attr | kind;
        asm volatile("dsb ishst\n isb" ::: "memory");
        store_release(&s.floor, g);
        let_them(g);
        if (s.read_only) {
            *entry = pa | attr | kind | D_RO;
            invalidate(VA);
            note_slots(pa, g);
            let_them(g + 1);
            look_at_slots(pa, g, "written though read-only");
        }
        *entry = 0;
        invalidate(VA);
        write_frame(pa, POISON);
        note_slots(pa, g);
    }
    store_release(&s.stop, 1);
    sev();
}

static bool fault_is_right(u64 esr, bool writing)
{
    unsigned status = esr & 0x3f;
    unsigned ec = s.access == EXECUTE ? 0x21 : 0x25;
    if (EC(esr) != ec)
        return false;
    // Translation fault; permission fault.
    return status == 4 + s.level || (status == 0xc + s.level && s.read_only && writing);
}

static u64 try_read(struct smp_cpu *cpu, u64 va, u64 *seen)
{
    register u64 v asm("x0") = 0;
    u64 esr;
    if (s.access == EL1_DATA)
        esr = TRY(cpu, "ldr x0, [%[va]]", : "+r"(v) : TRY_INPUT, [va] "r"(va) : "x9", "memory");
    else if (s.access == UNPRIVILEGED)
        esr = TRY(cpu, "ldtr x0, [%[va]]", : "+r"(v) : TRY_INPUT, [va] "r"(va) : "x9", "memory");
    else
        esr = TRY(cpu, "isb\n blr %[va]",
                  : "+r"(v)
                  : TRY_INPUT, [va] "r"(va + CODE)
                  : "x9", "x30", "memory");
    *seen = v;
    return esr;
}

static u64 try_write(struct smp_cpu *cpu, u64 va, u64 v)
{
    if (s.access == UNPRIVILEGED)
        return TRY(cpu, "sttr %[v], [%[va]]", ::TRY_INPUT, [va] "r"(va), [v] "r"(v)
                   : "x9", "memory");
    return TRY(cpu, "str %[v], [%[va]]", ::TRY_INPUT, [va] "r"(va), [v] "r"(v) : "x9", "memory");
}

static void hammer(unsigned n)
{
    struct smp_cpu *cpu = smp_self();
    for (u64 i = 1; !load_acquire(&s.stop); i++) {
        u64 floor = load_acquire(&s.floor), seen, va = VA + place(i);
        u64 esr = try_read(cpu, va, &seen);
        if (esr && !fault_is_right(esr, false))
            smp_forbidden("fault of a read", s.op, esr, cpu->far);
        if (!esr && (s.access == EXECUTE ? (u16)(seen - floor) > 0x7fff || !seen : seen < floor))
            smp_forbidden("old page", s.op, seen, floor);
        s.cpu[n].faulted += !!esr;
        s.cpu[n].worked += !esr;
        if (s.access == EXECUTE)
            continue;
        esr = try_write(cpu, VA + SLOT(n), i);
        if (esr && !fault_is_right(esr, true))
            smp_forbidden("fault of a write", s.op, esr, cpu->far);
    }
}

static void work(unsigned n, void *arg)
{
    u64 was = mrs(ttbr0_el1);
    msr(tcr_el1, tt_tcr(&s.t, 0));
    msr(ttbr0_el1, s.t.root | asid_of(n) << 48);
    isb();
    tlbi_all();
    smp_wait_all(&barrier, smp_count);
    if (n)
        hammer(n);
    else
        owner();
    smp_wait_all(&barrier, smp_count);
    msr(tcr_el1, RT_TCR);
    msr(ttbr0_el1, was);
    isb();
    tlbi_all();
}

static void test(const char *name, enum op op, enum access access, unsigned level, bool ng,
                 bool own_asids, bool read_only)
{
    s.op = op;
    s.access = access;
    s.level = level;
    s.ng = ng;
    s.own_asids = own_asids;
    s.read_only = read_only;
    s.rounds = smp_rounds(8);
    s.floor = s.stop = 0;
    tt_init(&s.t, 12, 16, ARENA + 0x1000000);
    tt_entry(&s.t, VA, level, 0); // the tables on the way stand before anybody looks
    for (unsigned f = 0; f < FRAMES; f++)
        for (unsigned cpu = 0; cpu < SMP_MAX; cpu++)
            *(volatile u64 *)phys(frame_of(f) + SLOT(cpu)) = s.noted[f][cpu] = 0;
    u64 worked = 0, faulted = 0;
    for (unsigned cpu = 0; cpu < SMP_MAX; cpu++)
        s.cpu[cpu].worked = s.cpu[cpu].faulted = 0;
    smp_run(smp_count, work, NULL);
    for (unsigned cpu = 0; cpu < SMP_MAX; cpu++) {
        worked += s.cpu[cpu].worked;
        faulted += s.cpu[cpu].faulted;
    }
    print("~%d accesses worked, %d faulted\n", worked, faulted);
    print("%s: done\n", name);
}

void program(void)
{
    smp_start();
    if (smp_count < 2)
        return;
    test("VAE1IS", VAE1IS, EL1_DATA, 3, false, false, false);
    test("VAE1IS, not global", VAE1IS, EL1_DATA, 3, true, false, false);
    test("VALE1IS, not global, read-only between", VALE1IS, EL1_DATA, 3, true, false, true);
    test("VAAE1IS, an ASID each", VAAE1IS, EL1_DATA, 3, true, true, false);
    test("VAALE1IS, an ASID each, unprivileged", VAALE1IS, UNPRIVILEGED, 3, true, true, true);
    test("ASIDE1IS", ASIDE1IS, EL1_DATA, 3, true, false, false);
    test("ASIDE1IS, unprivileged", ASIDE1IS, UNPRIVILEGED, 3, true, false, false);
    test("VMALLE1IS", VMALLE1IS, EL1_DATA, 3, false, false, true);
    test("VMALLE1IS, an ASID each, unprivileged", VMALLE1IS, UNPRIVILEGED, 3, true, true, false);
    test("VAE1IS, block", VAE1IS, EL1_DATA, 2, false, false, false);
    test("VALE1IS, block, unprivileged, not global", VALE1IS, UNPRIVILEGED, 2, true, false, true);
    test("VAE1IS, execution", VAE1IS, EXECUTE, 3, false, false, false);
    test("ASIDE1IS, execution, not global", ASIDE1IS, EXECUTE, 3, true, false, false);
    test("VMALLE1IS, execution", VMALLE1IS, EXECUTE, 3, false, false, false);
    test("VAAE1IS, execution, block", VAAE1IS, EXECUTE, 2, false, false, false);
    if ((mrs(id_aa64isar0_el1) >> 56 & 15) == 2)
        test("RVAE1IS", RVAE1IS, EL1_DATA, 3, true, false, false);
    else
        print("RVAE1IS: done\n");
}
