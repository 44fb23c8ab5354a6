/* Threads of host tests: run by the test, each time from the start of its function up to where it
 * sleeps or ends. For functions that keep nothing on their stack meanwhile. Link
 * tests/host/fake/fake_thread.c and wait.c. */
#ifndef FAKE_THREAD_H
#define FAKE_THREAD_H

#include <stdbool.h>

#include "kernel/thread.h"

/* Threads made and not joined yet. */
unsigned fake_thread_cnt(void);

/* NULL when there is none of that name. */
struct thread *fake_thread_find(const char *name);

/* True when it ended, false when it sleeps. */
bool fake_thread_run(struct thread *thread);

/* thread_create_on() fails from now on. */
extern bool fake_thread_none_left;

void fake_thread_reset(void);

#endif
