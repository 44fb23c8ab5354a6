/* The page allocator against a model that keeps one byte per page, and the heap on top of it. */
/* sources: kernel/page.c kernel/heap.c tests/host/fake/memory.c tests/host/fake/panic.c */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "arch/cpu.h"
#include "arch/memory.h"
#include "fake_panic.h"
#include "kernel/heap.h"
#include "kernel/page.h"

#define SPAN_PAGES 1024u
#define IMAGE_PAGE 20u
#define IMAGE_CNT  30u

/* What the pages of the span are, by the firmware map that setup() makes. */
static const struct {
    unsigned start, end;
    uint32_t type;
} map[] = {
    {0, 100, BOOT_MEM_USABLE}, /* the image lies in here */
    {100, 110, BOOT_MEM_ACPI},
    {110, 400, BOOT_MEM_USABLE},
    {400, 500, BOOT_MEM_USABLE}, /* adjacent: one range in effect */
    {500, 520, BOOT_MEM_RESERVED},
    {520, 521, BOOT_MEM_USABLE},
    /* a hole that firmware does not list */
    {700, 965, BOOT_MEM_USABLE},
};

static uint8_t *ram;
static uint64_t base;
static uint8_t model[SPAN_PAGES]; /* 0: not ours, 'f' free, 'a' allocated */
static struct boot_info info;

static int setup(void **state)
{
    (void)state;
    ram = mmap(NULL, SPAN_PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
               -1, 0);
    if (ram == MAP_FAILED)
        return -1;
    base = (uintptr_t)ram;
    memset(ram, 0xcc, SPAN_PAGES * PAGE_SIZE);
    memset(model, 0, sizeof(model));
    memset(&info, 0, sizeof(info));
    info.image_pa = base + IMAGE_PAGE * PAGE_SIZE;
    info.image_len = IMAGE_CNT * PAGE_SIZE;
    for (size_t i = 0; i < sizeof(map) / sizeof(map[0]); i++) {
        info.mem[info.mem_cnt++] = (struct boot_mem_range){
            .start_pa = base + map[i].start * PAGE_SIZE,
            .end_pa = base + map[i].end * PAGE_SIZE,
            .type = map[i].type,
        };
        if (map[i].type == BOOT_MEM_USABLE)
            memset(model + map[i].start, 'f', map[i].end - map[i].start);
    }
    memset(model + IMAGE_PAGE, 0, IMAGE_CNT);
    page_init(&info);
    /* The bitmap took one page from the very top. */
    model[964] = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return munmap(ram, SPAN_PAGES * PAGE_SIZE);
}

static unsigned index_of(uint64_t pa)
{
    assert_int_equal(pa % PAGE_SIZE, 0);
    assert_in_range(pa, base, base + (SPAN_PAGES - 1) * PAGE_SIZE);
    return (unsigned)((pa - base) / PAGE_SIZE);
}

static bool model_all(unsigned start, size_t cnt, uint8_t value)
{
    for (size_t i = 0; i < cnt; i++) {
        if (start + i >= SPAN_PAGES || model[start + i] != value)
            return false;
    }
    return true;
}

static size_t model_cnt(uint8_t value)
{
    size_t cnt = 0;

    for (unsigned i = 0; i < SPAN_PAGES; i++)
        cnt += model[i] == value;
    return cnt;
}

/* The address that page_alloc() must find: the highest aligned free run; 0 when there is none. */
static uint64_t model_find(size_t cnt, size_t align, uint64_t limit)
{
    for (unsigned start = SPAN_PAGES; start-- > 0;) {
        uint64_t pa = base + start * PAGE_SIZE;

        if (pa % (align * PAGE_SIZE) == 0 && (limit == 0 || pa + cnt * PAGE_SIZE <= limit) &&
            model_all(start, cnt, 'f'))
            return pa;
    }
    return 0;
}

static void check_counts(void)
{
    struct page_stats stats;

    page_stats(&stats);
    assert_int_equal(stats.free_cnt, model_cnt('f'));
    assert_int_equal(stats.total_cnt, model_cnt('f') + model_cnt('a'));
    assert_true(stats.low_water_cnt <= stats.free_cnt);
}

static void check_zeroed(const void *data, size_t len)
{
    const uint8_t *bytes = data;

    for (size_t i = 0; i < len; i++)
        assert_int_equal(bytes[i], 0);
}

struct piece {
    uint64_t pa;
    size_t cnt;
};

static void alloc_one(struct piece *piece)
{
    size_t cnt = (size_t)rand() % 8 == 0 ? 1 + (size_t)rand() % 130 : 1 + (size_t)rand() % 4;
    size_t align = 1u << rand() % 6;
    uint64_t want = model_find(cnt, align, 0);
    uint64_t pa = page_alloc(cnt, align);

    assert_int_equal(pa, want);
    if (pa == 0)
        return;
    check_zeroed(phys_to_virt(pa), cnt * PAGE_SIZE);
    memset(phys_to_virt(pa), 0xee, cnt * PAGE_SIZE);
    memset(model + index_of(pa), 'a', cnt);
    *piece = (struct piece){pa, cnt};
}

static void claim_one(struct piece *piece)
{
    unsigned start = (unsigned)rand() % SPAN_PAGES;
    size_t cnt = 1 + (size_t)rand() % 20;
    int rc = page_claim(base + start * PAGE_SIZE, cnt);

    assert_int_equal(rc, model_all(start, cnt, 'f') ? 0 : -EBUSY);
    if (rc != 0)
        return;
    memset(model + start, 'a', cnt);
    *piece = (struct piece){base + start * PAGE_SIZE, cnt};
}

static void alloc_dma(struct piece *piece)
{
    size_t len = 1 + (size_t)rand() % 20000, cnt = (len + PAGE_SIZE - 1) / PAGE_SIZE;
    uint64_t limit = rand() % 2 ? base + (uint64_t)(rand() % SPAN_PAGES) * PAGE_SIZE : 0;
    uint64_t want = model_find(cnt, 1, limit), pa = 0;
    uint8_t *data = dma_alloc(len, limit, &pa);

    assert_int_equal(pa, want);
    assert_ptr_equal(data, (void *)(uintptr_t)want);
    if (data == NULL)
        return;
    check_zeroed(data, len);
    memset(data, 0xdd, len);
    memset(model + index_of(pa), 'a', cnt);
    *piece = (struct piece){pa, cnt};
}

static void free_one(struct piece *piece)
{
    if (rand() % 2)
        dma_free(phys_to_virt(piece->pa), piece->cnt * PAGE_SIZE);
    else
        page_free(piece->pa, piece->cnt);
    memset(model + index_of(piece->pa), 'f', piece->cnt);
    piece->cnt = 0;
}

static void test_random(void **state)
{
    static void (*const actions[])(struct piece *) = {alloc_one, alloc_one, claim_one, alloc_dma};
    struct piece pieces[100] = {0};

    (void)state;
    srand(7);
    check_counts();
    for (unsigned round = 0; round < 20000; round++) {
        struct piece *piece = &pieces[rand() % 100];

        if (piece->cnt != 0)
            free_one(piece);
        else
            actions[rand() % 4](piece);
        if (round % 64 == 0)
            check_counts();
    }
    for (unsigned i = 0; i < 100; i++) {
        if (pieces[i].cnt != 0)
            free_one(&pieces[i]);
    }
    check_counts();
    assert_int_equal(model_cnt('a'), 0);
}

static void test_all_pages_can_be_had_one_by_one(void **state)
{
    uint64_t last = UINT64_MAX, pa;
    size_t cnt = 0;

    (void)state;
    while ((pa = page_alloc(1, 1)) != 0) {
        assert_true(pa < last);
        assert_int_equal(model[index_of(pa)], 'f');
        last = pa;
        cnt++;
    }
    assert_int_equal(cnt, model_cnt('f'));
    assert_int_equal(page_alloc(1, 1), 0);
}

static void test_wrong_frees_panic(void **state)
{
    uint64_t pa = page_alloc(2, 1);

    (void)state;
    assert_true(PANICS(page_free(pa - PAGE_SIZE, 3)));
    assert_true(PANICS(page_free(pa + 1, 1)));
    assert_true(PANICS(page_free(base + IMAGE_PAGE * PAGE_SIZE, 1)));
    assert_true(PANICS(page_free(base + 600 * PAGE_SIZE, 1)));
    assert_true(PANICS(page_free(base + 520 * PAGE_SIZE, 2)));
    page_free(pa, 2);
    assert_true(PANICS(page_free(pa, 2)));
}

static void test_absurd_sizes(void **state)
{
    uint64_t pa;

    (void)state;
    assert_int_equal(page_alloc(SIZE_MAX / PAGE_SIZE, 1), 0);
    assert_int_equal(page_alloc(1, (size_t)1 << 40), 0);
    assert_null(dma_alloc(SIZE_MAX, 0, &pa));
    assert_null(dma_alloc(0, 0, &pa));
    assert_int_equal(page_claim(base + 964 * PAGE_SIZE, SIZE_MAX), -EBUSY);
    assert_int_equal(page_claim(base, 0), -EBUSY);
    assert_int_equal(page_claim(0, 1), -EBUSY);
}

static void test_largest_range(void **state)
{
    uint64_t start, end;

    (void)state;
    page_largest_range(&start, &end);
    assert_int_equal(start, base + 110 * PAGE_SIZE);
    assert_int_equal(end, base + 500 * PAGE_SIZE);
}

static void test_odd_ranges(void **state)
{
    struct boot_info odd = {.mem_cnt = 3};
    struct page_stats stats;

    (void)state;
    /* Parts of pages are lost, whatever the map says; page 0 never counts. */
    odd.mem[0] = (struct boot_mem_range){0, PAGE_SIZE, BOOT_MEM_USABLE, 0};
    odd.mem[1] = (struct boot_mem_range){base + 1, base + 5 * PAGE_SIZE - 1, BOOT_MEM_USABLE, 0};
    odd.mem[2] =
        (struct boot_mem_range){base + 6 * PAGE_SIZE + 1, base + 7 * PAGE_SIZE, BOOT_MEM_USABLE, 0};
    page_init(&odd);
    page_stats(&stats);
    /* One of the three went for the bitmap. */
    assert_int_equal(stats.total_cnt, 2);
    assert_int_equal(stats.free_cnt, 2);
    odd.mem_cnt = 1;
    assert_true(PANICS(page_init(&odd)));
}

static void test_heap_grows_upwards_and_is_zeroed(void **state)
{
    uint8_t *start, *more;
    struct page_stats stats;
    size_t free_cnt;

    (void)state;
    page_stats(&stats);
    free_cnt = stats.free_cnt;
    heap_init();
    start = heap_sbrk(0);
    assert_ptr_equal(start, ram + 110 * PAGE_SIZE);
    assert_ptr_equal(heap_sbrk(100), start);
    check_zeroed(start, 100);
    memset(start, 1, 100);
    more = heap_sbrk(3 * PAGE_SIZE);
    assert_ptr_equal(more, start + 100);
    check_zeroed(more, 3 * PAGE_SIZE);
    memset(more, 2, 3 * PAGE_SIZE);
    assert_int_equal(heap_len(), 3 * PAGE_SIZE + 100);
    page_stats(&stats);
    assert_int_equal(stats.free_cnt, free_cnt - 4);

    /* What was given back and is taken again is zeroed again, within a page too. */
    assert_ptr_equal(heap_sbrk(-(ptrdiff_t)(2 * PAGE_SIZE + 50)), more + 3 * PAGE_SIZE);
    page_stats(&stats);
    assert_int_equal(stats.free_cnt, free_cnt - 2);
    assert_ptr_equal(heap_sbrk(200), start + PAGE_SIZE + 50);
    check_zeroed(start + PAGE_SIZE + 50, 200);
    assert_int_equal(start[PAGE_SIZE + 49], 2);
}

static void test_heap_ends_where_pages_are_taken(void **state)
{
    uint8_t *brk;

    (void)state;
    heap_init();
    assert_int_equal(page_claim(base + 120 * PAGE_SIZE, 1), 0);
    assert_non_null(heap_sbrk(10 * PAGE_SIZE));
    brk = heap_sbrk(0);
    assert_null(heap_sbrk(1));
    assert_ptr_equal(heap_sbrk(0), brk);
    page_free(base + 120 * PAGE_SIZE, 1);
    assert_ptr_equal(heap_sbrk(1), brk);
    assert_null(heap_sbrk(PTRDIFF_MAX));
    assert_null(heap_sbrk(PTRDIFF_MIN));
    assert_null(heap_sbrk(-(ptrdiff_t)(10 * PAGE_SIZE + 2)));
    assert_non_null(heap_sbrk(-(ptrdiff_t)(10 * PAGE_SIZE + 1)));
    assert_int_equal(heap_len(), 0);
}

/* Pages that somebody holds and can do without, the last one first. */
static uint64_t held[SPAN_PAGES];
static unsigned held_cnt, reclaim_calls;

static size_t give_back(size_t cnt)
{
    size_t given = 0;

    reclaim_calls++;
    for (; given < cnt && held_cnt > 0; given++)
        page_free(held[--held_cnt], 1);
    return given;
}

static void test_full_memory_is_reclaimed(void **state)
{
    uint64_t start_pa, end_pa, pa, dma_pa;
    void *dma;

    (void)state;
    page_largest_range(&start_pa, &end_pa);
    assert_int_equal(page_claim(start_pa, 4), 0);
    held_cnt = reclaim_calls = 0;
    while ((pa = page_alloc(1, 1)) != 0)
        held[held_cnt++] = pa;
    page_set_reclaim(give_back);
    pa = page_alloc(1, 1);
    assert_true(pa != 0);
    assert_int_equal(reclaim_calls, 1);
    page_free(pa, 1);
    dma = dma_alloc(3 * PAGE_SIZE, 0, &dma_pa);
    assert_non_null(dma);
    dma_free(dma, 3 * PAGE_SIZE);
    /* A place that only comes free when others have. */
    assert_int_equal(page_claim(start_pa + 4 * PAGE_SIZE, 8), 0);
    assert_true(held_cnt > 0);
    reclaim_calls = 0;
    assert_int_equal(page_claim(start_pa, 1), -EBUSY); /* never, and that is found out */
    assert_int_equal(held_cnt, 0);
    assert_int_equal(page_alloc(SPAN_PAGES, 1), 0);
    page_set_reclaim(NULL);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_random),
        TEST(test_all_pages_can_be_had_one_by_one),
        TEST(test_wrong_frees_panic),
        TEST(test_absurd_sizes),
        TEST(test_largest_range),
        TEST(test_odd_ranges),
        TEST(test_heap_grows_upwards_and_is_zeroed),
        TEST(test_full_memory_is_reclaimed),
        TEST(test_heap_ends_where_pages_are_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
