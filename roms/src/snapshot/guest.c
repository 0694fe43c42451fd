// SPDX-License-Identifier: GPL-3.0-or-later
// The guest that tests/machine/snapshot.c saves and loads. Each turn of its loop uses a bit of
// everything that is state (timer and software interrupts, UART in both directions, disk and
// entropy device, changing page tables, EL0, exclusives, FP) and prints a digest of all so far.
typedef unsigned long u64;
typedef unsigned int u32;
typedef unsigned short u16;
typedef unsigned char u8;

u64 run_user(u64 entry, u64 stack, u64 argument);
u64 fp_work(u64 seed);
u64 exclusive_add(u64 *p, u64 n);
u64 make_tables(void);
void guest_main(void);
void guest_irq(void);
void guest_fault(u64 esr, u64 far);
void guest_bad(u64 esr, u64 elr, u64 far);
extern u8 user_code[];

#define UART 0x09000000ul
#define GICD 0x08000000ul
#define GICR 0x080a0000ul
#define BLK  0x0a003e00ul // the first -device: slot 31
#define RNG  0x0a003c00ul
enum { INT_SGI = 3, INT_TIMER = 27, INT_UART = 33, INT_BLK = 32 + 16 + 31, INT_RNG = INT_BLK - 1 };

static void wr(u64 at, u32 v)
{
    *(volatile u32 *)at = v;
}
static u32 rd(u64 at)
{
    return *(volatile u32 *)at;
}

#define read_sysreg(name)                                                                          \
    ({                                                                                             \
        u64 v_;                                                                                    \
        __asm__ volatile("mrs %0, " name : "=r"(v_));                                              \
        v_;                                                                                        \
    })
#define write_sysreg(name, v) __asm__ volatile("msr " name ", %0" : : "r"((u64)(v)) : "memory")

static void barrier(void)
{
    __asm__ volatile("dsb sy; isb" : : : "memory");
}

// What interrupts and faults leave for the loop.
static volatile struct {
    u64 ticks, sgis, sent, received, faults;
    u64 where; // digest of the places that were interrupted
    u32 blk_done, rng_done;
} seen;
static u64 digest = 0x243f6a8885a308d3;

static void mix(u64 v)
{
    digest = (digest ^ v) * 0x9e3779b97f4a7c15;
    digest ^= digest >> 29;
}

static void put(char c)
{
    wr(UART, (u8)c);
}

static void put_hex(u64 v)
{
    for (int n = 60; n >= 0; n -= 4)
        put("0123456789abcdef"[v >> n & 15]);
}

// Translation: 1 GiB blocks for devices and RAM, and pages at 2 GiB whose first one moves.
enum { WINDOW = 0, USER_CODE = 1, USER_DATA = 2 };
#define PAGES 0x80000000ul
static u64 l1[512] __attribute__((aligned(4096))), l2[512] __attribute__((aligned(4096)));
static u64 l3[512] __attribute__((aligned(4096)));
static u8 moving[4][4096] __attribute__((aligned(4096)));
static u8 user_data[4096] __attribute__((aligned(4096)));

#define NORMAL (1ul << 10 | 3ul << 8 | 1ul << 2) // accessed, inner shareable, attribute 1
#define AP_EL0 (1ul << 6)
#define AP_RO  (1ul << 7)

u64 make_tables(void)
{
    l1[0] = 1ul << 54 | 1ul << 53 | 1ul << 10 | 1;
    l1[1] = 0x40000000ul | NORMAL | 1;
    l1[2] = (u64)l2 | 3;
    l2[0] = (u64)l3 | 3;
    l3[USER_CODE] = (u64)user_code | NORMAL | AP_EL0 | AP_RO | 3;
    l3[USER_DATA] = (u64)user_data | NORMAL | AP_EL0 | 3;
    return (u64)l1;
}

static void map_window(unsigned n)
{
    *(volatile u64 *)&l3[WINDOW] = 0;
    __asm__ volatile("dsb sy; tlbi vae1, %0; dsb sy; isb" : : "r"(PAGES >> 12) : "memory");
    *(volatile u64 *)&l3[WINDOW] = (u64)moving[n] | NORMAL | 3;
    barrier();
}

// virtio-mmio, version 2. One descriptor chain at a time.
struct ring {
    struct {
        u64 addr;
        u32 len;
        u16 flags, next;
    } desc[8];
    u16 avail[4 + 8];
    struct {
        u16 flags, idx;
        struct {
            u32 id, len;
        } ring[8];
    } used __attribute__((aligned(4)));
} __attribute__((aligned(16)));
static struct ring blk_ring, rng_ring;
static struct {
    u32 type, reserved;
    u64 sector;
} header;
static u8 sector_data[1024], status, entropy[16];

static void virtio_start(u64 dev, struct ring *r)
{
    wr(dev + 0x70, 0);
    wr(dev + 0x70, 3);
    wr(dev + 0x24, 1);
    wr(dev + 0x20, 1); // VERSION_1 and nothing else
    wr(dev + 0x70, 11);
    wr(dev + 0x30, 0);
    wr(dev + 0x38, 8);
    wr(dev + 0x80, (u32)(u64)r->desc);
    wr(dev + 0x90, (u32)(u64)r->avail);
    wr(dev + 0xa0, (u32)(u64)&r->used);
    wr(dev + 0x44, 1);
    wr(dev + 0x70, 15);
}

static void chain(struct ring *r, unsigned n, void *p, u32 len, u16 flags)
{
    r->desc[n].addr = (u64)p;
    r->desc[n].len = len;
    r->desc[n].flags = flags;
    r->desc[n].next = (u16)(n + 1);
}

static void offer(u64 dev, struct ring *r)
{
    volatile u16 *avail = r->avail;
    avail[2 + (avail[1] & 7)] = 0;
    barrier();
    avail[1]++;
    barrier();
    // The device must not know yet: a moment in which to be saved.
    for (unsigned n = 0; n < 64; n++)
        mix(r->used.idx + n);
    wr(dev + 0x50, 0);
}

// Sleeps until *flag; interrupts are masked while it is looked at.
static void await(volatile u32 *flag)
{
    for (;;) {
        __asm__ volatile("msr daifset, #2" : : : "memory");
        u32 there = *flag;
        if (!there)
            __asm__ volatile("wfi" : : : "memory");
        __asm__ volatile("msr daifclr, #2; isb" : : : "memory");
        if (there)
            break;
    }
    *flag = 0;
}

static void disk(u32 type, u64 sector)
{
    header.type = type;
    header.sector = sector;
    chain(&blk_ring, 0, &header, sizeof header, 1);
    chain(&blk_ring, 1, sector_data, sizeof sector_data, type ? 1 : 3);
    chain(&blk_ring, 2, &status, 1, 2);
    offer(BLK, &blk_ring);
    await(&seen.blk_done);
    mix(status);
    for (unsigned n = 0; n < sizeof sector_data; n += 64)
        mix(*(u64 *)(sector_data + n));
}

static void gic_start(void)
{
    wr(GICR + 0x14, 0);
    wr(GICD, 0x12);
    wr(GICR + 0x10080, ~0u);
    wr(GICR + 0x10100, 1u << INT_TIMER | 1u << INT_SGI);
    wr(GICD + 0x80 + 4, ~0u);
    wr(GICD + 0x80 + 8, ~0u);
    wr(GICD + 0x100 + 4, 1u << (INT_UART - 32));
    wr(GICD + 0x100 + 8, 1u << (INT_BLK - 64) | 1u << (INT_RNG - 64));
    *(volatile u8 *)(GICD + 0x400 + INT_UART) = 0x40;
    *(volatile u8 *)(GICD + 0x400 + INT_BLK) = 0x80;
    write_sysreg("s3_0_c4_c6_0", 0xf0); // ICC_PMR_EL1
    write_sysreg("s3_0_c12_c12_7", 1);  // ICC_IGRPEN1_EL1
    barrier();
}

static void timer_next(void)
{
    write_sysreg("cntv_tval_el0", 150 + (digest & 511));
    write_sysreg("cntv_ctl_el0", 1);
}

void guest_irq(void)
{
    u64 intid = read_sysreg("s3_0_c12_c12_0"); // ICC_IAR1_EL1
    seen.where = seen.where * 0x9e3779b97f4a7c15 + read_sysreg("elr_el1");
    switch (intid) {
    case INT_TIMER:
        seen.ticks++;
        timer_next();
        break;
    case INT_SGI:
        seen.sgis++;
        break;
    case INT_UART:
        while (!(rd(UART + 0x18) & 1 << 4)) {
            seen.received++;
            mix(rd(UART));
        }
        seen.sent++;
        wr(UART + 0x44, 0x7ff);
        break;
    case INT_BLK:
        wr(BLK + 0x64, rd(BLK + 0x60));
        seen.blk_done = 1;
        break;
    case INT_RNG:
        wr(RNG + 0x64, rd(RNG + 0x60));
        seen.rng_done = 1;
        break;
    default:
        break;
    }
    if (intid < 1020)
        write_sysreg("s3_0_c12_c12_1", intid); // ICC_EOIR1_EL1
    barrier();
}

void guest_fault(u64 esr, u64 far)
{
    seen.faults++;
    mix(esr ^ far);
}

void guest_bad(u64 esr, u64 elr, u64 far)
{
    put('!');
    put_hex(esr);
    put_hex(elr);
    put_hex(far);
    put('\n');
}

static void turn(u64 i)
{
    static u64 counters[8] __attribute__((aligned(64)));
    map_window(i & 3);
    *(u64 *)(PAGES + (digest & 0xff0) + (i & 7)) = digest; // mostly unaligned
    mix(*(volatile u32 *)(PAGES + (digest >> 9 & 0xffc)));
    mix(fp_work(digest));
    mix(exclusive_add(counters, digest));
    mix(run_user(PAGES + 4096, PAGES + 3 * 4096, digest));
    mix(read_sysreg("cntvct_el0"));
    if (i % 5 == 0)
        (void)*(volatile u32 *)(0x0bad0000ul + i % 64); // nobody answers, or misaligned
    if (i % 3 == 0)
        write_sysreg("s3_0_c12_c11_5", (u64)INT_SGI << 24 | 1); // ICC_SGI1R_EL1, to itself
    if (i % 4 == 0) {
        for (unsigned n = 0; n < sizeof sector_data; n += 8)
            *(u64 *)(sector_data + n) = digest + n * i;
        disk(1, digest % 100);
        disk(0, (digest >> 20) % 100);
    }
    if (i % 8 == 7) {
        chain(&rng_ring, 0, entropy, sizeof entropy, 2);
        offer(RNG, &rng_ring);
        await(&seen.rng_done);
        mix(*(u64 *)entropy);
    }
    mix(seen.where);
    mix(seen.ticks << 48 ^ seen.sgis << 32 ^ seen.sent << 16 ^ seen.faults);
}

void guest_main(void)
{
    gic_start();
    wr(UART + 0x2c, 0x70); // 8 bits, FIFO
    wr(UART + 0x30, 0x301);
    wr(UART + 0x38, 0x70); // interrupts: receive, time-out, and one after each character sent
    virtio_start(BLK, &blk_ring);
    virtio_start(RNG, &rng_ring);
    timer_next();
    __asm__ volatile("msr daifclr, #2" : : : "memory");
    for (u64 i = 0;; i++) {
        turn(i);
        put_hex(digest);
        put(' ');
        put_hex(seen.received);
        put('\n');
    }
}
