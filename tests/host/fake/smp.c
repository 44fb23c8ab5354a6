/* arch/smp.h for host tests. */
#include "arch/smp.h"

#include "fake_smp.h"

unsigned fake_cpu_cnt = 1, fake_sync_cnt;

unsigned cpu_count(void)
{
    return fake_cpu_cnt;
}

void smp_sync(cpu_mask_t mask)
{
    (void)mask;
    fake_sync_cnt++;
}
