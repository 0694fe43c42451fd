// SPDX-License-Identifier: GPL-3.0-or-later
// What gcc -O3 makes of arithmetic: prints "= numbers SECTION ARGUMENT SUM" lines that are the same
// on arm64 and x86-64. Only operations with one right result: no library functions that may differ
// in the last place, no NaN signs, no conversions out of range. The 128-bit floating-point type is
// long double here and __float128 there.
#include <complex.h>
#include <fenv.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef __aarch64__
typedef long double quad;
#else
typedef __float128 quad;
#endif

#define N 512

static uint64_t sum, state;
static const char *argument;

static void start(void)
{
    sum = UINT64_C(0xcbf29ce484222325);
    state = 88172645463325252;
}

static void end(const char *section)
{
    printf("= numbers %s %s %016" PRIx64 "\n", section, argument, sum);
}

static void add(uint64_t v)
{
    for (int i = 0; i < 8; i++, v >>= 8)
        sum = (sum ^ (v & 255)) * UINT64_C(0x100000001b3);
}

static void add_bytes(const void *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sum = (sum ^ ((const uint8_t *)p)[i]) * UINT64_C(0x100000001b3);
}

static void add_f64(double d)
{
    uint64_t v;

    memcpy(&v, &d, 8);
    add(d != d ? 1 : v);
}

static void add_f32(float d)
{
    uint32_t v;

    memcpy(&v, &d, 4);
    add(d != d ? 1 : v);
}

static uint64_t rnd(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

// Of any size, some special.
static double rnd_f64(void)
{
    uint64_t r = rnd(), v = r;
    double d;

    switch (r >> 58 & 7) {
    case 0:
        v = (r & UINT64_C(0x800fffffffffffff)) | (r & 1023) << 52; // small
        break;
    case 1:
        return (const double[]){0.0, -0.0, 1.0, -1.0, INFINITY, -INFINITY, 0.5, 4.9e-324}[r & 7];
    case 2:
        return (double)(int64_t)(r << 32) / 65536;
    default:
        v = (r & UINT64_C(0x800fffffffffffff)) | (1003 + (r >> 52 & 31)) << 52;
    }
    memcpy(&d, &v, 8);
    return d == d ? d : 1.5;
}

#define VECTOR(name, type, bytes) typedef type name __attribute__((vector_size(bytes)))
VECTOR(v16u8, uint8_t, 16);
VECTOR(v8i16, int16_t, 16);
VECTOR(v4i32, int32_t, 16);
VECTOR(v2i64, int64_t, 16);
VECTOR(v4f32, float, 16);
VECTOR(v2f64, double, 16);

static void fill(void *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ((uint8_t *)p)[i] = (uint8_t)(rnd() >> 24);
}

static void vectors(void)
{
    start();
    for (int round = 0; round < 400; round++) {
        v16u8 a, b, pick;
        v8i16 c, d;
        v4i32 e, f;
        v2i64 g, h;
        fill(&a, 16), fill(&b, 16), fill(&pick, 16), fill(&c, 16), fill(&d, 16);
        fill(&e, 16), fill(&f, 16), fill(&g, 16), fill(&h, 16);
#define OUT(expr)                                                                                  \
    do {                                                                                           \
        __typeof__(expr) r_ = (expr);                                                              \
        add_bytes(&r_, sizeof(r_));                                                                \
    } while (0)
        OUT(a + b);
        OUT(a - b);
        OUT(a * b);
        OUT(a / (b | 1));
        OUT(a > b);
        OUT(a == b);
        OUT(a >> (b & 7));
        OUT(c + d);
        OUT(c * d);
        OUT(c / (d | 1));
        OUT(c % (d | 1));
        OUT(c < d);
        OUT(c >> (d & 15));
        OUT(c << 3);
        OUT(e + f);
        OUT(e * f);
        OUT(e / (f | 1));
        OUT(e >= f);
        OUT(e >> (f & 31));
        OUT(-e);
        OUT(~f);
        OUT(g + h);
        OUT(g * h);
        OUT(g > h);
        OUT(g >> (h & 63));
        OUT(g ^ h);
        OUT(g & ~h);
        OUT(__builtin_shuffle(a, b, pick));
        OUT(__builtin_shuffle(c, (v8i16){7, 6, 5, 4, 3, 2, 1, 0}));
        OUT(__builtin_shuffle(e, f, (v4i32){0, 4, 1, 5}));
        OUT(__builtin_shuffle(g, h, (v2i64){1, 2}));
        OUT(__builtin_convertvector(e, v4f32));
        OUT(__builtin_convertvector(g, v2f64));
        OUT((a & (v16u8)(a > b)) | (b & ~(v16u8)(a > b)));
    }
    end("vectors");
}

// Loops for the vectoriser: widening, narrowing, reductions, saturation, absolute differences.
static void loops(void)
{
    static uint8_t a8[N], b8[N], c8[N];
    static int8_t s8[N];
    static int16_t a16[N], b16[N], c16[N];
    static int32_t a32[N], b32[N], c32[N];
    static int64_t a64[N], b64[N], c64[N];

    start();
    for (int round = 0; round < 20; round++) {
        uint32_t sad = 0, dot = 0, count = 0;
        int64_t total = 0, high = INT64_MIN, product = 0;
        int32_t low = INT32_MAX, sdot = 0;
        uint8_t top = 0;
        fill(a8, N), fill(b8, N), fill(s8, N), fill(a16, sizeof(a16)), fill(b16, sizeof(b16));
        fill(a32, sizeof(a32)), fill(b32, sizeof(b32)), fill(a64, sizeof(a64)),
            fill(b64, sizeof(b64));
        for (int i = 0; i < N; i++)
            sad += (uint32_t)abs(a8[i] - b8[i]);
        for (int i = 0; i < N; i++)
            dot += a8[i] * b8[i];
        for (int i = 0; i < N; i++)
            sdot += s8[i] * s8[N - 1 - i];
        for (int i = 0; i < N; i++)
            count += (uint32_t)__builtin_popcountll((uint64_t)a64[i]) +
                     (uint32_t)__builtin_clz((uint32_t)a32[i] | 1);
        for (int i = 0; i < N; i++)
            total += (int64_t)a32[i] * b32[i] >> 7;
        for (int i = 0; i < N; i++) {
            high = a64[i] > high ? a64[i] : high;
            low = a32[i] < low ? a32[i] : low;
            top = a8[i] > top ? a8[i] : top;
        }
        for (int i = 0; i < N; i++)
            product += (int64_t)a16[i] * b16[i];
        for (int i = 0; i < N; i++) {
            int v = a8[i] + b8[i], w = a16[i] + b16[i];
            c8[i] = (uint8_t)(v > 255 ? 255 : v);
            c16[i] = (int16_t)(w > 32767 ? 32767 : w < -32768 ? -32768 : w);
        }
        add_bytes(c8, sizeof(c8)), add_bytes(c16, sizeof(c16));
        for (int i = 0; i < N; i++) {
            c8[i] = (uint8_t)((a8[i] + b8[i] + 1) >> 1);
            c16[i] = (int16_t)((a16[i] * b16[i] + 0x4000) >> 15);
            c32[i] = (int32_t)(((int64_t)a32[i] * b32[i]) >> 32);
            c64[i] = (int64_t)__builtin_bswap64((uint64_t)a64[i]) >> (b64[i] & 63);
        }
        add_bytes(c8, sizeof(c8)), add_bytes(c16, sizeof(c16)), add_bytes(c32, sizeof(c32)),
            add_bytes(c64, sizeof(c64));
        for (int i = 0; i < N / 4; i++) // interleaved: LD4, ST4, LD3, ST2
            for (int j = 0; j < 4; j++)
                c8[4 * i + j] = (uint8_t)(a8[4 * i + 3 - j] + b8[4 * i + (j + 1) % 4]);
        for (int i = 0; i < N / 3; i++)
            c16[i] = (int16_t)(a16[3 * i] - a16[3 * i + 1] + 2 * a16[3 * i + 2]);
        for (int i = 0; i < N / 2; i++) {
            c32[2 * i] = a32[2 * i + 1] - b32[2 * i];
            c32[2 * i + 1] = a32[2 * i] + b32[2 * i + 1];
        }
        add_bytes(c8, sizeof(c8)), add_bytes(c16, sizeof(c16)), add_bytes(c32, sizeof(c32));
        add(sad), add(dot), add((uint32_t)sdot), add(count), add((uint64_t)total),
            add((uint64_t)high);
        add((uint32_t)low), add(top), add((uint64_t)product);
    }
    end("loops");
}

static void floats(void)
{
    static double a[N], b[N], c[N];
    static float fa[N], fb[N], fc[N];

    start();
    for (int i = 0; i < N; i++) {
        a[i] = rnd_f64(), b[i] = rnd_f64(), c[i] = rnd_f64();
        fa[i] = (float)a[i], fb[i] = (float)b[i], fc[i] = (float)c[i];
    }
    for (int i = 0; i < N; i++) {
        add_f64(a[i] + b[i]), add_f64(a[i] - b[i]), add_f64(a[i] * b[i]), add_f64(a[i] / b[i]);
        add_f64(fma(a[i], b[i], c[i])), add_f64(fma(-a[i], b[i], c[i])), add_f64(sqrt(fabs(a[i])));
        add_f32(fa[i] + fb[i]), add_f32(fa[i] * fb[i]), add_f32(fa[i] / fb[i]),
            add_f32(sqrtf(fabsf(fa[i])));
        add_f32(fmaf(fa[i], fb[i], fc[i])), add_f32((float)a[i]), add_f64((double)fa[i]);
        add_f64(floor(a[i])), add_f64(ceil(a[i])), add_f64(trunc(a[i])), add_f64(round(a[i]));
        add_f64(rint(a[i])), add_f64(nearbyint(b[i])), add_f64(copysign(a[i], b[i])),
            add_f64(fmax(a[i], b[i]) + 0.0);
        add_f32(floorf(fa[i])), add_f32(rintf(fa[i])), add_f64(fmod(a[i], b[i])),
            add_f64(remainder(a[i], b[i]));
        add_f64(ldexp(a[i], (int)(rnd() % 200) - 100)), add_f64(nextafter(a[i], b[i]));
        add((uint64_t)(a[i] < b[i]) | (uint64_t)(a[i] <= b[i]) << 1 |
            (uint64_t)isgreater(a[i], b[i]) << 2 | (uint64_t)(a[i] != c[i]) << 3);
        if (fabs(a[i]) < 9e18)
            add((uint64_t)(int64_t)a[i]), add((uint64_t)llrint(a[i]));
        if (a[i] >= 0 && a[i] < 1.8e19)
            add((uint64_t)a[i]);
        if (fabsf(fa[i]) < 2e9f)
            add((uint32_t)(int32_t)fa[i]), add((uint32_t)lroundf(fa[i]));
        add_f64((double)rnd()), add_f64((double)(int64_t)rnd()), add_f32((float)rnd()),
            add_f32((float)(int32_t)rnd());
    }
    for (int i = 0; i < N; i++) { // for the vectoriser
        c[i] = sqrt(fabs(a[i])) * 0.5 + b[i];
        fc[i] = (fa[i] > fb[i] ? fa[i] : -fb[i]) * 3.0f;
        a[i] = (double)(int32_t)(rnd() >> 40) + (double)fc[i];
    }
    for (int i = 0; i < N; i++)
        add_f64(c[i]), add_f32(fc[i]), add_f64(a[i]);
    end("floats");
}

// All rounding modes, and the exceptions that each operation raises.
static void environment(void)
{
    static const int modes[] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};

    start();
    for (int i = 0; i < 4000; i++) {
        volatile double a = rnd_f64(), b = rnd_f64(), r;
        volatile float f = (float)a, g = (float)b, s;
        volatile int64_t k = (int64_t)rnd();
        int mode = modes[i & 3];
        fesetround(mode);
        for (int op = 0; op < 10; op++) {
            r = 0, s = 0;
            feclearexcept(FE_ALL_EXCEPT);
            switch (op) {
            case 0:
                r = a + b;
                break;
            case 1:
                r = a * b;
                break;
            case 2:
                r = a / b;
                break;
            case 3:
                r = sqrt(a < 0 ? -a : a);
                break;
            case 4:
                s = f + g;
                break;
            case 5:
                s = f / g;
                break;
            case 6:
                s = (float)a;
                break;
            case 7:
                r = fma(a, b, a);
                break;
            case 8:
                r = rint(a);
                break;
            default:
                s = (float)k;
            }
            // Underflow: arm64 looks for tininess before rounding, x86 after.
            add((uint64_t) !!fetestexcept(FE_INEXACT) |
                (uint64_t) !!fetestexcept(FE_OVERFLOW) << 1 |
                (uint64_t) !!fetestexcept(FE_DIVBYZERO) << 2 |
                (uint64_t) !!fetestexcept(FE_INVALID) << 3);
            add_f64(r), add_f32(s);
        }
        fesetround(FE_TONEAREST);
    }
    end("environment");
}

static void add_quad(quad q)
{
    if (q != q)
        add(1);
    else
        add_bytes(&q, 16);
}

static void quads(void)
{
    start();
    for (int i = 0; i < 3000; i++) {
        quad p = rnd_f64(), q = rnd_f64(), r = rnd_f64(), s = (quad)rnd() / 3;
        quad a = p * q, b = r + s;
        add_quad(a + b), add_quad(a - b), add_quad(a * b), add_quad(a / b);
        add_f64((double)(a / 3)), add_f32((float)b),
            add((uint64_t)(a < b) | (uint64_t)(a >= b) << 1);
        if (b < 9e18 && b > -9e18)
            add((uint64_t)(int64_t)b);
        add_quad((quad)(int64_t)rnd()), add_quad((quad)rnd());
    }
    end("quads");
}

static void halves(void)
{
    start();
    for (int i = 0; i < 4000; i++) {
        float size = (float)(1u << (rnd() % 32)), x = (float)(int32_t)(rnd() >> 32) / size,
              y = (float)(int16_t)rnd() / 37.0f;
        volatile _Float16 a = (_Float16)x, b = (_Float16)y, r;
        r = a + b, add_f32((float)r);
        r = a * b, add_f32((float)r);
        r = a / b, add_f32((float)r);
        r = a - b, add_f32((float)r);
        add((uint64_t)(a < b) | (uint64_t)(a == b) << 1);
        if (a > -2000 && a < 2000)
            add((uint64_t)(int64_t)a);
    }
    end("halves");
}

static void complexes(void)
{
    double complex z = 0.1 + 0.2 * I;
    float complex w = 1.5f - 0.25f * I;
    char text[64];

    start();
    for (int i = 0; i < 2000; i++) {
        double re = rnd_f64() / 1e10, im = (double)(int32_t)rnd() / 1e9;
        double complex c = re + I * im;
        z = z * z + c;
        if (!(fabs(creal(z)) + fabs(cimag(z)) < 1e6))
            z = conj(c * (0.25 - I));
        w = w * (0.5f + 0.75f * I) + (float)i / 7.0f;
        add_f64(creal(z)), add_f64(cimag(z)), add_f32(crealf(w)), add_f32(cimagf(w));
        // The library's division may differ in the last place.
        im = cabs(z / (c + 1.5));
        add_bytes(text, (size_t)snprintf(text, sizeof(text), "%.9g", im != im ? 0.5 : im));
    }
    end("complexes");
}

static void integers(void)
{
    start();
    for (int i = 0; i < 5000; i++) {
        uint64_t shift = rnd() & 63, a = rnd(), b = rnd() >> shift, c = b | 1;
        int64_t s = (int64_t)a, t = (int64_t)c;
        unsigned __int128 w = (unsigned __int128)a << 64 | b,
                          x = ((unsigned __int128)(b >> 7) << 64 | a) | 1;
        __int128 sw = (__int128)w;
        int64_t r;
        add(a / c), add(a % c), add((uint64_t)(s / (t == -1 ? 3 : t))),
            add((uint64_t)(s % (t == -1 ? 3 : t)));
        add((uint64_t)(w * x)), add((uint64_t)(w * x >> 64)), add((uint64_t)(w / x)),
            add((uint64_t)(w % x));
        add((uint64_t)(sw >> (a & 127) >> 1)), add((uint64_t)(w << (b & 127) >> 64));
        add((uint64_t)__builtin_add_overflow(s, t, &r)), add((uint64_t)r);
        add((uint64_t)__builtin_mul_overflow(s >> 20, t, &r)), add((uint64_t)r);
        add((uint64_t)__builtin_clzll(c)), add((uint64_t)__builtin_ctzll(c)),
            add((uint64_t)__builtin_parityll(a));
        add(__builtin_bswap32((uint32_t)a)), add(a << (b & 63) | a >> (-b & 63)),
            add((uint32_t)a * (uint32_t)b >> 3);
        add((a >> 13 & 0x1ff) << 5 | (b & 31)), add((uint64_t)(int64_t)(int8_t)a),
            add((uint64_t)(int64_t)(int16_t)b);
        add(a < b ? a + 1 : ~b), add((a & b) == 0 ? 5 : (uint64_t) - (int64_t)b),
            add((uint32_t)a % 1000003u);
    }
    end("integers");
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

// The library's string functions at all alignments and lengths, ends of pages among them.
static void strings(void)
{
    static char a[512], b[512], text[512];
    static uint64_t values[1000];

    start();
    for (unsigned from = 0; from < 20; from++)
        for (unsigned n = 0; n < 300; n += 1 + n / 32) {
            for (unsigned i = 0; i < sizeof(a); i++)
                a[i] = (char)('a' + rnd() % 26), b[i] = '#';
            memcpy(b + 19 - from, a + from, n);
            add_bytes(b, sizeof(b));
            add((uint64_t)(memcmp(a + from, b + 19 - from, n) == 0));
            memmove(b + from, b + from / 2 + 3, n);
            memset(b + from + n, (int)n, from * 3);
            add_bytes(b, sizeof(b));
            a[from + n] = 0;
            add(strlen(a + from)), add(strnlen(a + from, 100));
            strcpy(b, a + from);
            add((uint64_t)(strcmp(a + from, b) == 0));
            b[n / 2] ^= 1;
            add((uint64_t)(strcmp(a + from, b) > 0)),
                add((uint64_t)(strncmp(a + from, b, n / 2) == 0));
            add((uint64_t)(strchr(a + from, 'q') ? strchr(a + from, 'q') - a : -1));
            add((uint64_t)(strrchr(a + from, 'z') ? strrchr(a + from, 'z') - a : -1));
            add((uint64_t)(memchr(a, 'x', from + n) ? (char *)memchr(a, 'x', from + n) - a : -1));
            add((uint64_t)(strstr(a + from, "ab") ? strstr(a + from, "ab") - a : -1)),
                add(strspn(a + from, "abcdefghijklmnop"));
        }
    for (int i = 0; i < 300; i++) {
        double d = rnd_f64();
        int64_t v = (int64_t)rnd();
        int n = snprintf(text, sizeof(text), "%.17g %a %.3f %" PRId64 " %x %s", d, d,
                         fabs(d) < 1e9 ? d : 1.0, v, (unsigned)(v >> 7), a);
        add_bytes(text, (size_t)n);
        add_f64(strtod(text, NULL));
        add((uint64_t)strtoll("-123456789012345", NULL, 10));
    }
    for (int i = 0; i < 1000; i++)
        values[i] = rnd() % 5000;
    qsort(values, 1000, 8, by_value);
    add_bytes(values, sizeof(values));
    end("strings");
}

#define ATOMICS(type)                                                                              \
    static void atomics_##type(void)                                                               \
    {                                                                                              \
        static type v;                                                                             \
        for (int i = 0; i < 300; i++) {                                                            \
            type x = (type)rnd(), old = (type)(rnd() & 1 ? v : x);                                 \
            add((uint64_t)__atomic_fetch_add(&v, x, __ATOMIC_SEQ_CST));                            \
            add((uint64_t)__atomic_sub_fetch(&v, old, __ATOMIC_RELAXED));                          \
            add((uint64_t)__atomic_fetch_or(&v, x, __ATOMIC_ACQUIRE));                             \
            add((uint64_t)__atomic_fetch_and(&v, (type)~old, __ATOMIC_RELEASE));                   \
            add((uint64_t)__atomic_fetch_xor(&v, x, __ATOMIC_ACQ_REL));                            \
            add((uint64_t)__atomic_exchange_n(&v, (type)(x + 1), __ATOMIC_SEQ_CST));               \
            add((uint64_t)__atomic_compare_exchange_n(&v, &old, x, 0, __ATOMIC_SEQ_CST,            \
                                                      __ATOMIC_RELAXED));                          \
            add((uint64_t)old), add((uint64_t)__atomic_load_n(&v, __ATOMIC_ACQUIRE));              \
            __atomic_store_n(&v, (type)(old ^ x), __ATOMIC_RELEASE);                               \
        }                                                                                          \
    }
ATOMICS(uint8_t)
ATOMICS(uint16_t)
ATOMICS(uint32_t)
ATOMICS(uint64_t)

static void atomics(void)
{
    start();
    atomics_uint8_t();
    atomics_uint16_t();
    atomics_uint32_t();
    atomics_uint64_t();
    end("atomics");
}

// Not the same to the last place everywhere; to twelve digits they must be.
static void transcendental(void)
{
    char text[64];

    start();
    for (int i = 1; i < 400; i++) {
        double x = (double)(rnd() >> 40) / 65536 + 0.001;
        double r[] = {sin(x),      cos(x),      tan(x),  exp(-x / 100), log(x),
                      pow(x, 0.3), atan2(x, i), cbrt(x), sinh(x / 50),  erf(x / 99)};
        for (unsigned j = 0; j < sizeof(r) / sizeof(r[0]); j++) {
            int n = snprintf(text, sizeof(text), "%.10g", r[j]);
            add_bytes(text, (size_t)n);
        }
    }
    end("transcendental");
}

int main(int argc, char **argv)
{
    argument = argc > 1 ? argv[1] : "";
    vectors();
    loops();
    floats();
    environment();
    quads();
    halves();
    complexes();
    integers();
    strings();
    atomics();
    transcendental();
    return 0;
}
