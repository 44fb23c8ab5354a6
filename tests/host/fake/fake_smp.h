/* Several CPUs of host tests: a number, and none of them runs. Link tests/host/fake/smp.c. */
#ifndef FAKE_SMP_H
#define FAKE_SMP_H

extern unsigned fake_cpu_cnt;
extern unsigned fake_sync_cnt; /* calls of smp_sync() */

#endif
