/* Spreading of vectors over CPUs: a table worked out by hand, what holds for any machine, and the
 * vectors that are not spread. */
/* sources: irq/spread.c irq/cpu_list.c kernel/format.c */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "irq/cpu_list.h"
#include "irq/spread.h"

#define VECTOR_MAX 100

/* The machine: the node of each CPU. */
static unsigned node_of[CPU_MAX], cpu_cnt, node_cnt;

unsigned cpu_count(void)
{
    return cpu_cnt;
}

unsigned cpu_node(unsigned cpu)
{
    return node_of[cpu];
}

unsigned cpu_node_count(void)
{
    return node_cnt;
}

/* A digit for each CPU: its node. */
static void machine(const char *nodes)
{
    cpu_cnt = (unsigned)strlen(nodes);
    node_cnt = 0;
    for (unsigned cpu = 0; cpu < cpu_cnt; cpu++) {
        node_of[cpu] = (unsigned)(nodes[cpu] - '0');
        if (node_of[cpu] >= node_cnt)
            node_cnt = node_of[cpu] + 1;
    }
}

/*
 * How the masks were worked out, with V vectors, and C CPUs on N nodes. S is what is written behind
 * each row: the sharing of vectors between nodes.
 *
 * V <= N: vector i has nodes i, i + V, i + 2V, ... with all their CPUs; S has the nodes.
 * V > N: nodes are taken by rising number of CPUs, of two alike the lower number first. A node with
 * c CPUs gets v = V' * c / C' vectors, rounded down, at least 1, where V' and C' are the vectors
 * and CPUs that no node before it took; S has "node: V' * c / C' = v". Its CPUs go in rising order
 * to its vectors: c / v each, and one more to each of the first c % v vectors.
 * V > C: as for V = C, then the same masks from the first on again.
 */
#define NODES_8X8 "0000000011111111222222223333333344444444555555556666666677777777"

static const struct {
    const char *nodes;
    unsigned vectors;
    const char *masks;
} table[] = {
    /* One node. */
    {"0", 1, "0"},
    {"0", 3, "0 0 0"},
    {"00", 1, "0-1"},
    {"00", 2, "0 1"},
    {"0000", 1, "0-3"},
    {"0000", 2, "0-1 2-3"}, /* 4 / 2 each */
    {"0000", 3, "0-1 2 3"}, /* 4 / 3 = 1 each, 1 more to the first */
    {"0000", 4, "0 1 2 3"},
    {"0000", 6, "0 1 2 3 0 1"},         /* V > C */
    {"0000000", 3, "0-2 3-4 5-6"},      /* 7 / 3 = 2 each, 1 more to the first */
    {"00000000", 5, "0-1 2-3 4-5 6 7"}, /* 8 / 5 = 1 each, 1 more to three */
    {"00000000", 3, "0-2 3-5 6-7"},     /* 8 / 3 = 2 each, 1 more to two */

    /* Two nodes of one size. */
    {"0011", 1, "0-3"},                 /* 0+1 */
    {"0011", 2, "0-1 2-3"},             /* 0, 1 */
    {"0011", 3, "0-1 2 3"},             /* 0: 3*2/4 = 1; 1: 2*2/2 = 2 */
    {"0011", 4, "0 1 2 3"},             /* 0: 4*2/4 = 2; 1: 2*2/2 = 2 */
    {"0011", 5, "0 1 2 3 0"},           /* V > C */
    {"0101", 2, "0,2 1,3"},             /* 0, 1 */
    {"0101", 3, "0,2 1 3"},             /* 0: 3*2/4 = 1; 1: 2*2/2 = 2 */
    {"0101", 4, "0 2 1 3"},             /* 2 each */
    {"1100", 2, "2-3 0-1"},             /* 0, 1: CPU 0 is on node 1 */
    {"1100", 3, "2-3 0 1"},             /* 0: 3*2/4 = 1; 1: 2 */
    {"00110011", 4, "0-1 4-5 2-3 6-7"}, /* 0: 4*4/8 = 2; 1: 2 */
    {"00110011", 6, "0-1 4 5 2-3 6 7"}, /* 0: 6*4/8 = 3; 1: 3*4/4 = 3 */
    {"00110011", 7, "0-1 4 5 2 3 6 7"}, /* 0: 7*4/8 = 3; 1: 4*4/4 = 4 */

    /* Two nodes of different sizes: the smaller one first. */
    {"0001", 1, "0-3"},                 /* 0+1 */
    {"0001", 2, "0-2 3"},               /* 0, 1: whole nodes are not sorted */
    {"0001", 3, "3 0-1 2"},             /* 1: 3*1/4 = 0 -> 1; 0: 2*3/3 = 2 */
    {"0001", 4, "3 0 1 2"},             /* 1: 4*1/4 = 1; 0: 3*3/3 = 3 */
    {"0001", 9, "3 0 1 2 3 0 1 2 3"},   /* V > C */
    {"0111", 3, "0 1-2 3"},             /* 0: 3*1/4 = 0 -> 1; 1: 2*3/3 = 2 */
    {"00000011", 3, "6-7 0-2 3-5"},     /* 1: 3*2/8 = 0 -> 1; 0: 2*6/6 = 2 */
    {"00000011", 4, "6-7 0-1 2-3 4-5"}, /* 1: 4*2/8 = 1; 0: 3 */
    {"00000011", 5, "6-7 0-1 2-3 4 5"}, /* 1: 5*2/8 = 1; 0: 4, of 6 CPUs: 2 2 1 1 */
    {"00000011", 8, "6 7 0 1 2 3 4 5"}, /* 1: 8*2/8 = 2; 0: 6 */

    /* Three nodes, of 1, 2 and 5 CPUs in this order and the other. */
    {"01122222", 2, "0,3-7 1-2"},       /* 0+2, 1 */
    {"01122222", 3, "0 1-2 3-7"},       /* 0, 1, 2 */
    {"01122222", 4, "0 1-2 3-5 6-7"},   /* 0: 4*1/8 -> 1; 1: 3*2/7 -> 1; 2: 2 */
    {"01122222", 7, "0 1-2 3 4 5 6 7"}, /* 0: 7*1/8 -> 1; 1: 6*2/7 = 1; 2: 5 */
    {"00000112", 3, "0-4 5-6 7"},       /* 0, 1, 2 */
    {"00000112", 4, "7 5-6 0-2 3-4"},   /* 2: 4*1/8 -> 1; 1: 3*2/7 -> 1; 0: 2 */
    {"00000112", 6, "7 5-6 0-1 2 3 4"}, /* 2: 6*1/8 -> 1; 1: 5*2/7 = 1; 0: 4 */
    {"012", 5, "0 1 2 0 1"},            /* V > C: one each */

    /* Four nodes of two. */
    {"00112233", 1, "0-7"},             /* 0+1+2+3 */
    {"00112233", 2, "0-1,4-5 2-3,6-7"}, /* 0+2, 1+3 */
    {"00112233", 3, "0-1,6-7 2-3 4-5"}, /* 0+3, 1, 2 */
    {"00112233", 4, "0-1 2-3 4-5 6-7"}, /* 0, 1, 2, 3 */
    {"00112233", 5, "0-1 2-3 4-5 6 7"}, /* 5*2/8 = 1; 4*2/6 = 1; 3*2/4 = 1; 2 */
    {"00112233", 6, "0-1 2-3 4 5 6 7"}, /* 6*2/8 = 1; 5*2/6 = 1; 4*2/4 = 2; 2 */
    {"00112233", 7, "0-1 2 3 4 5 6 7"}, /* 7*2/8 = 1; 6*2/6 = 2; 2; 2 */
    {"00112233", 8, "0 1 2 3 4 5 6 7"}, /* 2 each */
    {"01230123", 2, "0,2,4,6 1,3,5,7"}, /* 0+2, 1+3 */

    /* As many CPUs as there can be. */
    {NODES_8X8, 3, "0-7,24-31,48-55 8-15,32-39,56-63 16-23,40-47"}, /* 0+3+6, 1+4+7, 2+5 */
    {NODES_8X8, 8, "0-7 8-15 16-23 24-31 32-39 40-47 48-55 56-63"},
    /* 9*8/64 = 1, 8*8/56 = 1, 7*8/48 = 1, ... 3*8/16 = 1, 2*8/8 = 2 */
    {NODES_8X8, 9, "0-7 8-15 16-23 24-31 32-39 40-47 48-55 56-59 60-63"},
};

static void expect_masks(const cpu_mask_t *masks, unsigned cnt, const char *expected)
{
    char have[1024] = "", list[CPU_LIST_LEN];

    for (unsigned i = 0; i < cnt; i++) {
        strcat(have, i > 0 ? " " : "");
        strcat(have, cpu_list_format(list, sizeof(list), masks[i]));
    }
    assert_string_equal(have, expected);
}

static void test_table(void **state)
{
    cpu_mask_t masks[VECTOR_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        machine(table[i].nodes);
        assert_int_equal(irq_spread(NULL, table[i].vectors, masks), 0);
        expect_masks(masks, table[i].vectors, table[i].masks);
    }
}

/* ---- what holds for any machine ---- */

static unsigned cpus_in(cpu_mask_t mask)
{
    return (unsigned)__builtin_popcountll(mask);
}

static cpu_mask_t cpus_of_node(unsigned node)
{
    cpu_mask_t cpus = 0;

    for (unsigned cpu = 0; cpu < cpu_cnt; cpu++)
        if (node_of[cpu] == node)
            cpus |= CPU_MASK(cpu);
    return cpus;
}

static void expect_all_covered(const cpu_mask_t *masks, unsigned cnt)
{
    cpu_mask_t all = 0;

    for (unsigned i = 0; i < cnt; i++) {
        assert_int_not_equal(masks[i], 0);
        if (i < cpu_cnt)
            assert_int_equal(all & masks[i], 0);
        else
            assert_int_equal(masks[i], masks[i % cpu_cnt]);
        all |= masks[i];
    }
    assert_int_equal(all, cpu_mask_all());
}

static void expect_whole_nodes(const cpu_mask_t *masks, unsigned cnt)
{
    for (unsigned node = 0; node < node_cnt; node++)
        for (unsigned i = 0; i < cnt; i++)
            if (masks[i] & cpus_of_node(node))
                assert_int_equal(masks[i] & cpus_of_node(node), cpus_of_node(node));
}

/* Each vector within one node, none without a vector, the earlier ones no smaller and by one CPU at
 * most larger, and no node with more CPUs behind one with fewer. */
static void expect_shares(const cpu_mask_t *masks, unsigned cnt)
{
    unsigned served = 0, last_size = 0;

    for (unsigned i = 0; i < cnt;) {
        const cpu_mask_t node = cpus_of_node(node_of[__builtin_ctzll(masks[i])]);
        const unsigned largest = cpus_in(masks[i]);

        assert_true(cpus_in(node) >= last_size);
        last_size = cpus_in(node);
        served++;
        for (; i < cnt && (masks[i] & node) != 0; i++) {
            assert_int_equal(masks[i] & ~node, 0);
            assert_in_range(cpus_in(masks[i]), largest - 1, largest);
            if (i + 1 < cnt && (masks[i + 1] & node) != 0)
                assert_true(cpus_in(masks[i + 1]) <= cpus_in(masks[i]));
        }
    }
    assert_int_equal(served, node_cnt);
}

static void random_machine(void)
{
    cpu_cnt = 1 + (unsigned)rand() % CPU_MAX;
    node_cnt = 1 + (unsigned)rand() % (cpu_cnt < 8 ? cpu_cnt : 8);
    for (unsigned cpu = 0; cpu < cpu_cnt; cpu++)
        node_of[cpu] = cpu < node_cnt ? cpu : (unsigned)rand() % node_cnt;
}

static void test_any_machine(void **state)
{
    cpu_mask_t masks[VECTOR_MAX];

    (void)state;
    srand(1);
    for (unsigned run = 0; run < 20000; run++) {
        const unsigned cnt = 1 + (unsigned)rand() % VECTOR_MAX;

        random_machine();
        assert_int_equal(irq_spread(NULL, cnt, masks), 0);
        expect_all_covered(masks, cnt);
        if (cnt <= node_cnt)
            expect_whole_nodes(masks, cnt);
        else
            expect_shares(masks, cnt < cpu_cnt ? cnt : cpu_cnt);
    }
}

/* ---- pre and post vectors, sets ---- */

static void test_vectors_in_front_and_behind_go_anywhere(void **state)
{
    const struct irq_affinity_spec spec = {.pre_vectors = 1, .post_vectors = 2};
    cpu_mask_t masks[8];

    (void)state;
    machine("0011");
    assert_int_equal(irq_spread(&spec, 7, masks), 0);
    expect_masks(masks, 7, "0-3 0 1 2 3 0-3 0-3");
    assert_int_equal(irq_spread(&spec, 5, masks), 0);
    expect_masks(masks, 5, "0-3 0-1 2-3 0-3 0-3");
    assert_int_equal(irq_spread(&spec, 3, masks), 0);
    expect_masks(masks, 3, "0-3 0-3 0-3");
}

static void test_too_few_vectors(void **state)
{
    struct irq_affinity_spec spec = {.pre_vectors = 2, .post_vectors = 1};
    cpu_mask_t masks[4] = {42};

    (void)state;
    machine("0011");
    assert_int_equal(irq_spread(&spec, 2, masks), -EINVAL);
    assert_int_equal(irq_spread(&spec, 1, masks), -EINVAL);
    spec.post_vectors = ~0u;
    assert_int_equal(irq_spread(&spec, 4, masks), -EINVAL);
    assert_int_equal(masks[0], 42);
    spec = (struct irq_affinity_spec){0};
    assert_int_equal(irq_spread(&spec, 0, masks), 0);
    assert_int_equal(masks[0], 42);
}

static void test_each_set_covers_all_cpus(void **state)
{
    const struct irq_affinity_spec spec = {.pre_vectors = 1, .set_cnt = 3, .set_sizes = {4, 2, 1}};
    cpu_mask_t masks[8];

    (void)state;
    machine("0011");
    assert_int_equal(irq_spread(&spec, 8, masks), 0);
    expect_masks(masks, 8, "0-3 0 1 2 3 0-1 2-3 0-3");
}

static void test_what_no_set_takes_goes_anywhere(void **state)
{
    const struct irq_affinity_spec spec = {.post_vectors = 1, .set_cnt = 1, .set_sizes = {2}};
    cpu_mask_t masks[4];

    (void)state;
    machine("00");
    assert_int_equal(irq_spread(&spec, 4, masks), 0);
    expect_masks(masks, 4, "0 1 0-1 0-1");
}

static void test_bad_sets(void **state)
{
    struct irq_affinity_spec spec = {.pre_vectors = 1, .set_cnt = 2, .set_sizes = {2, 2}};
    cpu_mask_t masks[8] = {42};

    (void)state;
    machine("00");
    assert_int_equal(irq_spread(&spec, 4, masks), -EINVAL);
    spec.set_sizes[1] = ~0u;
    assert_int_equal(irq_spread(&spec, 4, masks), -EINVAL);
    spec.set_cnt = IRQ_AFFINITY_SETS_MAX + 1;
    assert_int_equal(irq_spread(&spec, 8, masks), -EINVAL);
    assert_int_equal(masks[0], 42);
}

/* Read queues get two thirds of what there is. */
static void two_thirds(struct irq_affinity_spec *spec, unsigned vectors)
{
    *(unsigned *)spec->arg = vectors;
    spec->set_cnt = 2;
    spec->set_sizes[0] = vectors * 2 / 3;
    spec->set_sizes[1] = vectors - spec->set_sizes[0];
}

static void too_many_sets(struct irq_affinity_spec *spec, unsigned vectors)
{
    (void)vectors;
    spec->set_cnt = IRQ_AFFINITY_SETS_MAX + 1;
}

static void test_the_hook_computes_sets_of_its_copy(void **state)
{
    unsigned seen = 0;
    struct irq_affinity_spec spec = {.pre_vectors = 1, .calc_sets = two_thirds, .arg = &seen};
    cpu_mask_t masks[8];

    (void)state;
    machine("0000");
    assert_int_equal(irq_spread(&spec, 7, masks), 0);
    assert_int_equal(seen, 6);
    assert_int_equal(spec.set_cnt, 0);
    expect_masks(masks, 7, "0-3 0 1 2 3 0-1 2-3");
    spec.calc_sets = too_many_sets;
    assert_int_equal(irq_spread(&spec, 7, masks), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_any_machine),
        cmocka_unit_test(test_vectors_in_front_and_behind_go_anywhere),
        cmocka_unit_test(test_too_few_vectors),
        cmocka_unit_test(test_each_set_covers_all_cpus),
        cmocka_unit_test(test_what_no_set_takes_goes_anywhere),
        cmocka_unit_test(test_bad_sets),
        cmocka_unit_test(test_the_hook_computes_sets_of_its_copy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
