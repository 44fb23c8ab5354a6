/* The clocks of two CPUs compared while one of them starts: a moment that the one reads between two
 * that the other reads must lie between them. */
#include <stdbool.h>

#include "arch/clock.h"
#include "arch/cpu.h"
#include "arch/x86_64/cpu_insn.h"
#include "arch/x86_64/smp_private.h"

#define TRIES 3

enum order {
    ORDER_NONE,
    ORDER_READ,
    ORDER_MOVE
};

static unsigned order;
static uint64_t answer; /* ORDER_READ: the counter; ORDER_MOVE: by how much to move it */

void smp_clock_serve(void)
{
    switch (__atomic_load_n(&order, __ATOMIC_ACQUIRE)) {
    case ORDER_READ:
        answer = clock_cycles();
        break;
    case ORDER_MOVE:
        msr_write(MSR_TSC, clock_cycles() + answer);
        break;
    default:
        return;
    }
    __atomic_store_n(&order, ORDER_NONE, __ATOMIC_RELEASE);
}

static void give_order(enum order what)
{
    __atomic_store_n(&order, what, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&order, __ATOMIC_ACQUIRE) != ORDER_NONE)
        cpu_relax();
}

/* How far the new CPU's counter is certainly ahead of this one's; negative: behind. */
static int64_t difference(void)
{
    uint64_t before = clock_cycles(), after;

    give_order(ORDER_READ);
    after = clock_cycles();
    if ((int64_t)(answer - before) < 0)
        return (int64_t)(answer - before);
    return (int64_t)(answer - after) > 0 ? (int64_t)(answer - after) : 0;
}

bool smp_clock_match(void)
{
    for (unsigned i = 0; i < TRIES; i++) {
        int64_t ahead = difference();

        if (ahead == 0)
            return true;
        answer = (uint64_t)-ahead;
        give_order(ORDER_MOVE);
    }
    return false;
}
