/* kernel/work.h for host tests: work waits until the test lets it run. Link
 * tests/host/fake/work.c. */
#ifndef FAKE_WORK_H
#define FAKE_WORK_H

/* Runs what is queued, and what that queues; how many it were. */
unsigned fake_work_run(void);

#endif
