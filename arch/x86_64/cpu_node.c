/* NUMA nodes of the CPUs in use. */
#include "arch/cpu.h"
#include "arch/x86_64/acpi.h"
#include "arch/x86_64/cpu_private.h"
#include "arch/x86_64/firmware_private.h"

static uint8_t nodes[CPU_MAX];
static unsigned node_cnt = 1;

void cpu_nodes_init(void)
{
    uint32_t apic_ids[CPU_MAX];

    for (unsigned cpu = 0; cpu < cpu_count(); cpu++)
        apic_ids[cpu] = cpu_by_id(cpu)->hw_id;
    node_cnt = acpi_nodes_assign(firmware_acpi(), apic_ids, cpu_count(), nodes);
}

unsigned cpu_node(unsigned cpu)
{
    return cpu < CPU_MAX ? nodes[cpu] : 0;
}

unsigned cpu_node_count(void)
{
    return node_cnt;
}
