/* Spreading of vectors over CPUs, NUMA nodes first. */
#include "irq/spread.h"

#include <errno.h>

#define NODE_MAX CPU_MAX /* dense numbers, each with a CPU */

struct node {
    cpu_mask_t cpus;
    unsigned cpu_cnt;
    unsigned vector_cnt;
};

/* The nodes that have CPUs in use, in order of their numbers. */
static unsigned collect_nodes(struct node *nodes)
{
    unsigned cnt = 0;

    for (unsigned id = 0; id < cpu_node_count() && cnt < NODE_MAX; id++) {
        struct node node = {0};

        for (unsigned cpu = 0; cpu < cpu_count(); cpu++) {
            if (cpu_node(cpu) != id)
                continue;
            node.cpus |= CPU_MASK(cpu);
            node.cpu_cnt++;
        }
        if (node.cpu_cnt > 0)
            nodes[cnt++] = node;
    }
    return cnt;
}

/* By rising number of CPUs; nodes of one size stay in order. */
static void sort_nodes(struct node *nodes, unsigned cnt)
{
    for (unsigned i = 1; i < cnt; i++) {
        const struct node node = nodes[i];
        unsigned at = i;

        for (; at > 0 && nodes[at - 1].cpu_cnt > node.cpu_cnt; at--)
            nodes[at] = nodes[at - 1];
        nodes[at] = node;
    }
}

/* Each node's share of @vectors, of which there are more than nodes and no more than CPUs. What is
 * rounded off stays for the larger nodes behind. */
static void share_out(struct node *nodes, unsigned node_cnt, unsigned vectors, unsigned cpus)
{
    for (unsigned i = 0; i < node_cnt; i++) {
        const unsigned share = vectors * nodes[i].cpu_cnt / cpus;

        nodes[i].vector_cnt = share > 0 ? share : 1;
        vectors -= nodes[i].vector_cnt;
        cpus -= nodes[i].cpu_cnt;
    }
}

/* Takes the @cnt lowest CPUs out of @cpus. */
static cpu_mask_t take_cpus(cpu_mask_t *cpus, unsigned cnt)
{
    cpu_mask_t taken = 0;

    for (; cnt > 0 && *cpus != 0; cnt--) {
        const cpu_mask_t lowest = *cpus & -*cpus;

        taken |= lowest;
        *cpus &= ~lowest;
    }
    return taken;
}

static void spread_node(const struct node *node, cpu_mask_t *masks)
{
    const unsigned each = node->cpu_cnt / node->vector_cnt;
    const unsigned more = node->cpu_cnt % node->vector_cnt;
    cpu_mask_t left = node->cpus;

    for (unsigned i = 0; i < node->vector_cnt; i++)
        masks[i] = take_cpus(&left, each + (i < more));
}

static void spread_set(unsigned vectors, cpu_mask_t *masks)
{
    const unsigned cpus = cpu_count();
    const unsigned distinct = vectors < cpus ? vectors : cpus;
    struct node nodes[NODE_MAX];
    const unsigned node_cnt = collect_nodes(nodes);
    unsigned at = 0;

    if (vectors == 0)
        return;
    if (vectors <= node_cnt) {
        for (unsigned i = 0; i < vectors; i++)
            masks[i] = 0;
        for (unsigned i = 0; i < node_cnt; i++)
            masks[i % vectors] |= nodes[i].cpus;
        return;
    }
    sort_nodes(nodes, node_cnt);
    share_out(nodes, node_cnt, distinct, cpus);
    for (unsigned i = 0; i < node_cnt; i++) {
        spread_node(&nodes[i], masks + at);
        at += nodes[i].vector_cnt;
    }
    for (unsigned i = distinct; i < vectors; i++)
        masks[i] = masks[i - distinct];
}

/* The sets of @spec, made definite for @vectors. 0, -EINVAL. */
static int settle_sets(struct irq_affinity_spec *spec, unsigned vectors)
{
    unsigned left = vectors;

    if (spec->calc_sets)
        spec->calc_sets(spec, vectors);
    if (spec->set_cnt > IRQ_AFFINITY_SETS_MAX)
        return -EINVAL;
    if (spec->set_cnt == 0) {
        spec->set_cnt = 1;
        spec->set_sizes[0] = vectors;
    }
    for (unsigned i = 0; i < spec->set_cnt; i++) {
        if (spec->set_sizes[i] > left)
            return -EINVAL;
        left -= spec->set_sizes[i];
    }
    return 0;
}

int irq_spread(const struct irq_affinity_spec *spec, unsigned cnt, cpu_mask_t *masks)
{
    struct irq_affinity_spec sets = {0};
    unsigned at;
    int rc;

    if (spec)
        sets = *spec;
    if (sets.pre_vectors > cnt || sets.post_vectors > cnt - sets.pre_vectors)
        return -EINVAL;
    rc = settle_sets(&sets, cnt - sets.pre_vectors - sets.post_vectors);
    if (rc)
        return rc;
    for (unsigned i = 0; i < cnt; i++)
        masks[i] = cpu_mask_all();
    at = sets.pre_vectors;
    for (unsigned i = 0; i < sets.set_cnt; i++) {
        spread_set(sets.set_sizes[i], masks + at);
        at += sets.set_sizes[i];
    }
    return 0;
}
