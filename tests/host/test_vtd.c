/* VT-d units that are nothing but registers: what is written to them and in which order, the tables
 * that they are given, and units that do not do as they are told. */
/* sources: iommu/vtd_table.c iommu/vtd_domain.c */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "arch/io.h"

/* Registers of the tested source are the unit's below. */
static uint32_t unit_read32(const volatile void *reg);
static uint64_t unit_read64(const volatile void *reg);
static void unit_write32(volatile void *reg, uint32_t value);
static void unit_write64(volatile void *reg, uint64_t value);
#define mmio_read32(reg)         unit_read32(reg)
#define mmio_read64(reg)         unit_read64(reg)
#define mmio_write32(reg, value) unit_write32(reg, value)
#define mmio_write64(reg, value) unit_write64(reg, value)
#include "iommu/vtd.c"

#include "iommu/iommu_private.h"
#include "iommu/vtd_table.h"
#include "kernel/page.h"

#define REGS_PA   0xfed90000ull
#define RAM_END   (64ull << 20)
#define CODE_PA   (16ull << 20)
#define TABLES_PA (17ull << 20)
/* Four levels, which reach all of the host's addresses. */
#define CAP_48    (0x4ull << 8 | 47ull << 16 | 0x22ull << 24 | VTD_CAP_SLLPS_2M)
#define ECAP_IRO  (0xfull << 8)
#define ARENA_LEN (32ull << 20)

static struct {
    uint64_t cap, ecap, rtaddr, ccmd, iotlb;
    uint32_t status;
    uint32_t deaf; /* bits of GSTS that do not change */
    bool ccmd_hangs;
    char trace[256];
} hw;

static struct vtd_unit unit;
static uint64_t arena, arena_next;
static uint64_t (*page_source)(void);
static char regs[0x8000];

static void note(const char *word)
{
    strncat(hw.trace, word, sizeof(hw.trace) - strlen(hw.trace) - 1);
}

static size_t off_of(const volatile void *reg)
{
    return (size_t)((const volatile char *)reg - regs);
}

static uint32_t unit_read32(const volatile void *reg)
{
    return off_of(reg) == VTD_GSTS ? hw.status : 0x10;
}

static uint64_t unit_read64(const volatile void *reg)
{
    switch (off_of(reg)) {
    case VTD_CAP:
        return hw.cap;
    case VTD_ECAP:
        return hw.ecap;
    case VTD_CCMD:
        return hw.ccmd;
    default:
        return hw.iotlb;
    }
}

static void unit_write32(volatile void *reg, uint32_t value)
{
    const uint32_t commands = VTD_G_TE | VTD_G_SRTP | VTD_G_WBF | VTD_G_QIE | VTD_G_IRE;
    const uint32_t kept = hw.status & hw.deaf;

    assert_int_equal(off_of(reg), VTD_GCMD);
    note((value & VTD_G_WBF) != 0                ? "wbf "
         : (value & VTD_G_SRTP) != 0             ? "root "
         : ((value ^ hw.status) & VTD_G_TE) != 0 ? (value & VTD_G_TE ? "on " : "off ")
                                                 : "");
    hw.status = (hw.status & VTD_G_SRTP) | (value & commands & ~VTD_G_WBF);
    hw.status = (hw.status & ~hw.deaf) | kept;
}

static void unit_write64(volatile void *reg, uint64_t value)
{
    if (off_of(reg) == VTD_RTADDR) {
        hw.rtaddr = value;
        return;
    }
    if (off_of(reg) == VTD_CCMD) {
        note("contexts ");
        hw.ccmd = hw.ccmd_hangs ? value : value & ~VTD_CCMD_ICC;
        return;
    }
    assert_int_equal(off_of(reg), 0xf8);
    note("iotlb ");
    hw.iotlb = value & ~VTD_IOTLB_IVT;
}

/* ---- the rest of the machine ---- */

void *mmio_map(uint64_t pa, size_t len)
{
    assert_int_equal(pa, REGS_PA);
    return len <= sizeof(regs) ? regs : NULL;
}

void mmio_unmap(void *va, size_t len)
{
    (void)va;
    (void)len;
}

void memory_set_page_source(uint64_t (*alloc)(void))
{
    page_source = alloc;
}

void memory_clean(const void *va, size_t len)
{
    (void)va;
    (void)len;
}

void memory_for_each_protected(memory_protected_fn_t fn, void *arg)
{
    fn(NULL, CODE_PA, 3 * PAGE_SIZE, false, arg);
    fn(NULL, CODE_PA + 3 * PAGE_SIZE, PAGE_SIZE, true, arg);
    fn(NULL, TABLES_PA, PAGE_SIZE, false, arg);
    fn(NULL, RAM_END + PAGE_SIZE, PAGE_SIZE, true, arg);
}

/* Upwards from the arena's beginning. */
uint64_t page_alloc(size_t cnt, size_t align)
{
    uint64_t pa = (arena_next + align * PAGE_SIZE - 1) & ~(align * PAGE_SIZE - 1);

    assert_true(pa + cnt * PAGE_SIZE <= arena + ARENA_LEN);
    arena_next = pa + cnt * PAGE_SIZE;
    return pa;
}

void page_free(uint64_t pa, size_t cnt)
{
    (void)pa;
    (void)cnt;
}

static struct boot_info info = {
    .mem_cnt = 3,
    .mem = {{0x1000, 0x9f000, BOOT_MEM_USABLE, 0},
            {0xf0000, 0x100000, BOOT_MEM_ACPI, 0},
            {0x100000, RAM_END, BOOT_MEM_USABLE, 0}},
};

static int setup(void **state)
{
    (void)state;
    memset(&hw, 0, sizeof(hw));
    hw.cap = CAP_48;
    hw.ecap = ECAP_IRO;
    arena = (uintptr_t)aligned_alloc(2ull << 20, ARENA_LEN);
    memset(phys_to_virt(arena), 0, ARENA_LEN);
    arena_next = arena;
    return vtd_open(&unit, REGS_PA);
}

static int teardown(void **state)
{
    (void)state;
    free(phys_to_virt(arena));
    return 0;
}

/* What the context of @requester leads to; the table's permissions there. */
static uint64_t reach(uint16_t requester, uint64_t pa)
{
    const struct vtd_entry *entry =
        (const struct vtd_entry *)phys_to_virt(hw.rtaddr) + (requester >> 8);
    struct vtd_table seen = {.levels = 4};

    if ((entry->lo & VTD_ENTRY_PRESENT) == 0)
        return 0;
    entry = (const struct vtd_entry *)phys_to_virt(entry->lo & VTD_SL_PA_MASK) + (requester & 0xff);
    if ((entry->lo & VTD_ENTRY_PRESENT) == 0)
        return 0;
    assert_int_equal(entry->hi & 7, 2);
    assert_int_not_equal(entry->hi >> 8 & 0xffff, 0);
    seen.root_pa = entry->lo & VTD_SL_PA_MASK;
    return vtd_table_get(&seen, pa);
}

static void test_the_order_of_commands(void **state)
{
    (void)state;
    hw.cap |= VTD_CAP_RWBF;
    vtd_open(&unit, REGS_PA);
    hw.status = VTD_G_TE | VTD_G_QIE | VTD_G_IRE;
    assert_int_equal(vtd_off(&unit), 0);
    assert_int_equal(hw.status, 0);
    assert_int_equal(vtd_on(&unit, 0x5000), 0);
    assert_int_equal(hw.rtaddr, 0x5000);
    assert_int_equal(hw.status, VTD_G_TE | VTD_G_SRTP);
    assert_string_equal(hw.trace, "off root wbf contexts iotlb on ");
}

static void test_units_that_do_not_obey(void **state)
{
    (void)state;
    hw.status = VTD_G_TE;
    hw.deaf = VTD_G_TE;
    assert_int_equal(vtd_off(&unit), -ETIMEDOUT);
    hw.status = 0;
    assert_int_equal(vtd_on(&unit, 0x5000), -ETIMEDOUT);
    hw.status = 0;
    hw.deaf = VTD_G_SRTP;
    assert_int_equal(vtd_on(&unit, 0x5000), -ETIMEDOUT);
    hw.deaf = 0;
    hw.ccmd_hangs = true;
    assert_int_equal(vtd_on(&unit, 0x5000), -ETIMEDOUT);
    assert_int_equal(hw.status & VTD_G_TE, 0);
}

static void test_nobody_there(void **state)
{
    (void)state;
    hw.cap = UINT64_MAX;
    assert_int_equal(vtd_open(&unit, REGS_PA), -ENODEV);
}

static void test_devices_reach_memory_but_not_the_kernel(void **state)
{
    const uint64_t rw = VTD_SL_READ | VTD_SL_WRITE;

    (void)state;
    assert_null(vtd_domain_start(&unit, 1, &info));
    assert_int_equal(vtd_domain_width(), 48);
    assert_int_equal(reach(0x18, 0x200000), 0); /* nobody is attached yet */
    assert_int_equal(vtd_domain_attach(0x18), 0);
    assert_int_equal(reach(0x18, 0x1000), rw);
    assert_int_equal(reach(0x18, 0), 0);
    assert_int_equal(reach(0x18, 0x9f000), 0);
    assert_int_equal(reach(0x18, 0xf0000), 0);
    assert_int_equal(reach(0x18, RAM_END - PAGE_SIZE), rw);
    assert_int_equal(reach(0x18, RAM_END), 0);
    assert_int_equal(reach(0x18, RAM_END + PAGE_SIZE), 0);
    assert_int_equal(reach(0x18, CODE_PA - PAGE_SIZE), rw);
    assert_int_equal(reach(0x18, CODE_PA), 0);
    assert_int_equal(reach(0x18, CODE_PA + 2 * PAGE_SIZE), 0);
    assert_int_equal(reach(0x18, CODE_PA + 3 * PAGE_SIZE), VTD_SL_READ);
    assert_int_equal(reach(0x18, CODE_PA + 4 * PAGE_SIZE), rw);
    assert_int_equal(reach(0x18, TABLES_PA), 0);
}

static void test_functions_come_and_go(void **state)
{
    (void)state;
    assert_null(vtd_domain_start(&unit, 1, &info));
    assert_int_equal(vtd_domain_attach(0x0118), 0);
    hw.trace[0] = '\0';
    assert_int_equal(vtd_domain_attach(0x0120), 0);
    assert_string_equal(hw.trace, "contexts iotlb ");
    assert_int_not_equal(reach(0x0118, 0x200000), 0);
    assert_int_not_equal(reach(0x0120, 0x200000), 0);
    assert_int_equal(reach(0x0121, 0x200000), 0);
    hw.trace[0] = '\0';
    vtd_domain_detach(0x0118);
    assert_string_equal(hw.trace, "contexts iotlb ");
    assert_int_equal(reach(0x0118, 0x200000), 0);
    assert_int_not_equal(reach(0x0120, 0x200000), 0);
    vtd_domain_detach(0x4000);
}

/* What CPUs take for their own tables later is out of reach as well, also when the first block of
 * pages is used up; what lies beside it is not. */
static void test_later_page_tables_are_out_of_reach(void **state)
{
    static struct boot_info all;
    uint64_t highest = 0;

    (void)state;
    all = info;
    all.mem[2].start_pa = arena;
    all.mem[2].end_pa = arena + ARENA_LEN;
    assert_null(vtd_domain_start(&unit, 1, &all));
    assert_int_equal(vtd_domain_attach(0x18), 0);
    assert_int_equal(reach(0x18, arena), 0);
    for (unsigned i = 0; i < 300; i++) {
        uint64_t pa = page_source();

        assert_in_range(pa, arena, arena + ARENA_LEN - 1);
        assert_int_equal(reach(0x18, pa), 0);
        highest = pa > highest ? pa : highest;
    }
    assert_int_equal(reach(0x18, highest + 64 * PAGE_SIZE), VTD_SL_READ | VTD_SL_WRITE);
    assert_int_equal(reach(0x18, arena + ARENA_LEN - PAGE_SIZE), VTD_SL_READ | VTD_SL_WRITE);
}

static void test_what_all_units_can_do(void **state)
{
    (void)state;
    unit.cap &= ~(0x1full << 8);
    assert_string_equal(vtd_domain_start(&unit, 1, &info), "it does not translate");
    unit.cap = CAP_48;
    info.mem[2].end_pa = (1ull << 48) + PAGE_SIZE;
    assert_string_equal(vtd_domain_start(&unit, 1, &info), "memory reaches beyond its addresses");
    info.mem[2].end_pa = RAM_END;
    hw.deaf = VTD_G_TE;
    assert_string_equal(vtd_domain_start(&unit, 1, &info), "it does not begin to translate");
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_order_of_commands),
        TEST(units_that_do_not_obey),
        TEST(nobody_there),
        TEST(what_all_units_can_do),
        TEST(devices_reach_memory_but_not_the_kernel),
        TEST(functions_come_and_go),
        TEST(later_page_tables_are_out_of_reach),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
