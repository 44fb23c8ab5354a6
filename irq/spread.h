/*
 * Which CPUs each of a device's vectors is for. Vectors in front (pre_vectors) and behind
 * (post_vectors) may go anywhere; those between form sets, and each set alone is spread over all
 * CPUs, so that with one set for each kind of queue every CPU has a vector of each kind.
 *
 * Within a set: no more vectors than NUMA nodes: whole nodes per vector, in turn, so that a vector
 * may span nodes. Else vectors are shared out to nodes by their number of CPUs, smallest node
 * first, at least one and at most as many as it has CPUs; within a node CPUs go to vectors in
 * order, and the earlier vectors take those left over by an uneven split. Vectors beyond the number
 * of CPUs begin again with the first vector's CPUs.
 */
#ifndef IRQ_SPREAD_H
#define IRQ_SPREAD_H

#include "arch/cpu.h"

#define IRQ_AFFINITY_SETS_MAX 4

struct irq_affinity_spec {
    unsigned pre_vectors, post_vectors; /* not spread: any CPU */
    unsigned set_cnt;                   /* 0: one set of all the others */
    unsigned set_sizes[IRQ_AFFINITY_SETS_MAX];
    /* May be NULL. Fills in set_cnt and set_sizes when the number of vectors to spread is known. */
    void (*calc_sets)(struct irq_affinity_spec *spec, unsigned vectors);
    void *arg;
};

/*
 * Fills @masks[0..@cnt - 1], none of them empty. @spec (NULL: one set of all) is copied, and the
 * hook works on the copy. Vectors that no set takes go anywhere. 0, -EINVAL: pre and post vectors
 * exceed @cnt, too many sets, or sets larger than what is left for them. Any context.
 */
int irq_spread(const struct irq_affinity_spec *spec, unsigned cnt, cpu_mask_t *masks);

#endif
