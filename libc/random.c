/* Random numbers for those who ask the C library: the CPU's generator where it has one, stirred
 * with clock jitter. */
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "arch/clock.h"
#include "arch/random.h"
#include "arch/spinlock.h"

#define JITTER_ROUNDS 64

static uint64_t state[2];
static struct spinlock lock; /* of state */

/* One round of a 64-bit mix whose every output bit depends on every input bit. */
static uint64_t mix(uint64_t x)
{
    x ^= x >> 32;
    x *= 0xd6e8feb86659fd93ull;
    x ^= x >> 32;
    x *= 0xd6e8feb86659fd93ull;
    return x ^ x >> 32;
}

/* The low bits of how long a few memory accesses take are the only chance a CPU without a generator
 * offers. */
static void stir(void)
{
    uint64_t hardware = 0;

    if (!arch_random(&hardware)) {
        for (unsigned i = 0; i < JITTER_ROUNDS; i++) {
            volatile uint64_t cell = hardware;

            hardware = mix(cell ^ clock_cycles());
        }
    }
    state[0] = mix(state[0] ^ hardware);
    state[1] += mix(clock_cycles()) | 1;
}

int getentropy(void *data, size_t len)
{
    if (len > 256) {
        errno = EIO;
        return -1;
    }
    for (size_t done = 0; done < len; done += sizeof(uint64_t)) {
        size_t step = len - done < sizeof(uint64_t) ? len - done : sizeof(uint64_t);
        uint64_t irq = spin_lock(&lock), value;

        stir();
        value = mix(state[0] + state[1]);
        spin_unlock(&lock, irq);
        memcpy((char *)data + done, &value, step);
    }
    return 0;
}
