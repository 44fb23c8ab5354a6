/* What "irq check" does. */
#ifndef IRQ_IRQ_CHECK_H
#define IRQ_IRQ_CHECK_H

#include <stdbool.h>

/* Counts of one check. */
struct irq_check {
    unsigned move_cnt, raise_cnt;
    unsigned lost_cnt;    /* raised, and no handler ran within a second */
    unsigned doubled_cnt; /* a handler ran for what had been served */
    unsigned early_cnt;   /* raised anew although its one-shot thread was not done */
};

/*
 * Raises a source without a device again and again, one interrupt at a time, while another CPU
 * moves it @move_cnt times round all CPUs; @threaded: with a one-shot thread. 0, -EINTR when @stop
 * said so, or what setting it up failed with. Thread context.
 */
int irq_check_moves(unsigned move_cnt, bool threaded, int (*stop)(void), struct irq_check *found);

#endif
