/* Wait queues of host tests, where there is one thread: while it sleeps, the other side works and
 * time passes. */
#ifndef FAKE_WAIT_H
#define FAKE_WAIT_H

/* Called each time the thread sleeps, before 100 ms pass; may be NULL. */
extern void (*fake_wait_step)(void);

#endif
