/* NUMA nodes of the CPUs in use. */
#include "arch/cpu.h"

unsigned cpu_node(unsigned cpu)
{
    (void)cpu;
    return 0;
}

unsigned cpu_node_count(void)
{
    return 1;
}
