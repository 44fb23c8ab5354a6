/* Console command "iommu": what stands between devices and memory. */
#include "iommu/iommu.h"
#include "kernel/console.h"
#include "kernel/log.h"

static int iommu_run(int argc, char **argv)
{
    struct iommu_info info;

    (void)argv;
    if (argc != 1)
        return console_usage();
    iommu_get(&info);
    if (info.state == IOMMU_ON)
        print("%s, %u units: translates %u address bits\n", info.kind, info.unit_cnt, info.width);
    else
        print("%s, %u units: %s\n", info.kind, info.unit_cnt, info.why);
    at_line("result", "name=iommu.faults value=%lu unit=accesses", info.fault_cnt);
    return 0;
}

CONSOLE_COMMAND(iommu, .name = "iommu", .usage = "iommu",
                .summary = "what stands between devices and memory", .run = iommu_run);
