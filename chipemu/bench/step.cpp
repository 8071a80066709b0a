// One time step of the neurons, hand-written: the same arithmetic as chipemu/kernels/block.py and substep.py, for comparison.
// Left out is the switch that keeps feedback currents from the soma.
//
// 16 neurons a block, all fields of a block together. fields.h, written by step.py, numbers the fields (enum Field, with
// N_FIELDS at its end).

#include <cmath>
#include <cstdint>
#include <cstring>

#include "fields.h"

constexpr int LANES = 16;
// as in block.py
constexpr float LARGEST_ERROR = 0.01f, LARGEST_REACH = 3.0f, SIGMOID = 3.0f, SMALL_MOVE = 0.5f, SMALL_REACH = 2.0f;
constexpr int MOST_SUBSTEPS = 100;

struct Block {
    float field[N_FIELDS][LANES];
};

static inline float larger(float a, float b) { return a > b ? a : b; }
static inline float smaller(float a, float b) { return a < b ? a : b; }

// exp(x) = 2^k exp(r), |r| <= ln2 / 2, Taylor to r^7
static inline float exponential(float x) {
    x = smaller(larger(x, -80.0f), 80.0f);
    const float shift = 12582912.0f;  // 1.5 * 2^23 leaves no fraction bits
    const float shifted = x * 1.442695041f + shift;
    int32_t bits;
    std::memcpy(&bits, &shifted, 4);
    const float k = shifted - shift;
    const float r = (x - k * 0.693359375f) + k * 2.12194440e-4f;
    const float r2 = r * r;
    const float low = (r + 1.0f) + r2 * (r * (1.0f / 6) + 0.5f);
    const float high = (r * (1.0f / 120) + 1.0f / 24) + r2 * (r * (1.0f / 5040) + 1.0f / 720);
    const int32_t power = (bits - 0x4B400000 + 127) << 23;
    float scale;
    std::memcpy(&scale, &power, 4);
    return (low + r2 * r2 * high) * scale;
}

// --- the scheme: what changes when the emulator integrates in another way -------------------------------------------

struct Net {  // current into the membrane, its slope and bend in ln(I_mem), and the argument of the feedback's sigmoid
    float net, slope, bend, steep, x;
};

static inline Net net_current(const Block &b, int l, float y, float nmda, float other, float out, float floor) {
    const float mem = exponential(y);
    const float open = mem / (mem + b.field[NMDA_THR][l]);
    const float asked = nmda * open + other;
    const float in = larger(asked, floor);
    const float gated = asked > floor ? nmda * open : 0.0f;
    const float passed = b.field[GAIN][l] / (b.field[GAIN][l] + mem);
    const float steep = mem * b.field[FB_INV_NORM][l];
    const float x = steep - b.field[FB_TH][l] * b.field[FB_INV_NORM][l];
    const float on = 1.0f / (1.0f + exponential(-x));
    const float by_input = (gated * (1.0f - open) - in * (1.0f - passed)) * passed;
    const float by_feedback = b.field[FB_GAIN][l] * on * (1.0f - on) * steep;
    return {in * passed - out + b.field[FB_GAIN][l] * on, by_input + by_feedback,
            std::fabs(by_input) + by_feedback * (1.0f + steep), steep, x};
}

static inline float move_of(float h, float net, float slope) {
    const float z = h * slope;
    return h * net / (1.0f + z * (z * (1.0f / 12) - 0.5f));
}

static inline float excess(float h, float move, const Net &n) {
    const float reach = n.steep * move;
    const float through = smaller(smaller(SIGMOID - n.x, n.x + reach + SIGMOID), reach - LARGEST_REACH);
    return larger(h * n.bend * move * move * (1.0f / 6) - LARGEST_ERROR, through);
}

static inline float crossing(float y, float after, float threshold, float start) {
    const float linear = (threshold - y) / larger(after - y, 1e-12f);
    const float s = (threshold - y) / larger(start + (after - y - start) * linear, 1e-12f);
    return smaller(larger(s, 0.0f), 1.0f);
}

static inline float at_mid(const Block &b, int l, int current, int decay, float floor) {
    const float end = b.field[current][l];
    return end > floor ? 0.5f * (end + end / larger(b.field[decay][l], 0.5f)) - floor : 0.0f;
}

// the last step of one neuron again in sub-steps; 1 if it spiked
__attribute__((noinline)) static int step_again(Block &b, int l, float before, float dead, float kick, float factor,
                                                float leak, float floor, float y_floor) {
    const float active = smaller(larger(1.0f - dead, 0.0f), 1.0f);
    const float nmda = at_mid(b, l, NMDA, DECAY_NMDA, floor) * factor;
    const float other = (at_mid(b, l, AMPA, DECAY_AMPA, floor) - at_mid(b, l, GABA_B, DECAY_GABA_B, floor) +
                         b.field[DC][l]) * factor;
    const float out = leak + at_mid(b, l, AHP, DECAY_AHP, floor) + at_mid(b, l, GABA_A, DECAY_GABA_A, floor);
    const float threshold = b.field[THRESHOLD][l], h = b.field[STEP_PER_CHARGE][l] * active;
    float y = before, rest = 1.0f;
    for (int k = 0; k < MOST_SUBSTEPS; ++k) {
        const Net n = net_current(b, l, y, nmda, other, out, floor);
        const float room = larger(std::fabs(n.x) - SIGMOID, SMALL_REACH);
        const float pace = larger(larger(std::fabs(n.net), std::fabs(n.slope)) * (1.0f / SMALL_MOVE),
                                  std::fabs(n.net) * n.steep / room);
        const float part = smaller(rest, 1.0f / larger(h * pace, 1e-9f));
        const float after = larger(y + move_of(h * part, n.net, n.slope) + part * kick, y_floor);
        if (after >= threshold) {
            const float done = 1.0f - rest + part * crossing(y, after, threshold, part * (h * n.net + kick));
            const float when = (1.0f - active) + active * done;
            b.field[AHP][l] += b.field[AHP_JUMP][l];
            b.field[Y][l] = b.field[RESET][l];
            b.field[DEAD][l] = b.field[REFRACTORY][l] - 1.0f + when;
            b.field[SPIKE][l] = 1.0f;
            b.field[FRACTION][l] = when;
            return 1;
        }
        y = after;
        rest -= part;
        if (rest <= 0.0f) break;
    }
    b.field[Y][l] = y;
    return 0;
}

// --------------------------------------------------------------------------------------------------------------------

template <bool NOISE>
static inline int advance(Block &b, float floor, float y_floor) {
    alignas(64) float before[LANES], dead_before[LANES], kicks[LANES], factors[LANES], leaks[LANES];
    alignas(64) int32_t again[LANES];
    for (int l = 0; l < LANES; ++l) {
        const float ampa = b.field[AMPA][l], nmda = b.field[NMDA][l], gaba_a = b.field[GABA_A][l];
        const float gaba_b = b.field[GABA_B][l], ahp = b.field[AHP][l];
        const float ampa1 = larger(ampa * b.field[DECAY_AMPA][l], floor);
        const float nmda1 = larger(nmda * b.field[DECAY_NMDA][l], floor);
        const float gaba_a1 = larger(gaba_a * b.field[DECAY_GABA_A][l], floor);
        const float gaba_b1 = larger(gaba_b * b.field[DECAY_GABA_B][l], floor);
        const float ahp1 = larger(ahp * b.field[DECAY_AHP][l], floor);
        float i_nmda = 0.5f * (nmda + nmda1) - floor;
        float i_other = 0.5f * ((ampa + ampa1) - (gaba_b + gaba_b1)) + b.field[DC][l];
        float leak = b.field[TAU][l], kick = 0.0f;
        const float out = (0.5f * (ahp + ahp1) - floor) + (0.5f * (gaba_a + gaba_a1) - floor);
        const float y0 = b.field[Y][l], dead = b.field[DEAD][l];
        const float active = smaller(larger(1.0f - dead, 0.0f), 1.0f);
        const float h = b.field[STEP_PER_CHARGE][l] * active;
        if (NOISE) {
            const float ou = b.field[OU][l] * b.field[OU_KEEP][l] + b.field[OU_KICK][l] * b.field[NORMAL_INPUT][l];
            const float factor = (1.0f + ou) * b.field[SLOW_INPUT][l];
            i_nmda *= factor;
            i_other *= factor;
            leak *= b.field[SLOW_LEAK][l];
            kick = b.field[KICK][l] * b.field[NORMAL_MEMBRANE][l] * active;
            b.field[OU][l] = ou;
            kicks[l] = kick;
            factors[l] = factor;
            leaks[l] = leak;
        }
        const Net n = net_current(b, l, y0, i_nmda, i_other, leak + out, floor);
        const float move = move_of(h, n.net, n.slope);
        const float y1 = larger(y0 + move + kick, y_floor);
        const float doubt = larger(y1 - b.field[THRESHOLD][l], excess(h, move, n));
        b.field[AMPA][l] = ampa1;
        b.field[NMDA][l] = nmda1;
        b.field[GABA_A][l] = gaba_a1;
        b.field[GABA_B][l] = gaba_b1;
        b.field[AHP][l] = ahp1;
        b.field[Y][l] = y1;
        b.field[DEAD][l] = larger(dead - 1.0f, 0.0f);
        before[l] = y0;
        dead_before[l] = dead;
        again[l] = doubt >= 0.0f ? 1 : 0;
    }
    int any = 0, fired = 0;
    for (int l = 0; l < LANES; ++l) any += again[l];
    if (any)
        for (int l = 0; l < LANES; ++l)
            if (again[l])
                fired += step_again(b, l, before[l], dead_before[l], NOISE ? kicks[l] : 0.0f, NOISE ? factors[l] : 1.0f,
                                    NOISE ? leaks[l] : b.field[TAU][l], floor, y_floor);
    return fired;
}

template <bool NOISE>
static int64_t run(Block *blocks, int64_t n_blocks, int64_t n_steps, float floor, float y_floor) {
    int64_t n_spikes = 0;
    for (int64_t step = 0; step < n_steps; ++step)
        for (int64_t block = 0; block < n_blocks; ++block) n_spikes += advance<NOISE>(blocks[block], floor, y_floor);
    return n_spikes;
}

extern "C" int64_t run_quiet(Block *blocks, int64_t n_blocks, int64_t n_steps, float floor, float y_floor) {
    return run<false>(blocks, n_blocks, n_steps, floor, y_floor);
}

extern "C" int64_t run_noisy(Block *blocks, int64_t n_blocks, int64_t n_steps, float floor, float y_floor) {
    return run<true>(blocks, n_blocks, n_steps, floor, y_floor);
}
