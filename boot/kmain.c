/* The order in which the system comes up, and nothing else: the table of contents of vring0. */
#include "boot/kmain.h"

#include "arch/clock.h"
#include "arch/cpu.h"
#include "arch/firmware.h"
#include "arch/intr.h"
#include "arch/memory.h"
#include "arch/uart.h"
#include "boot/fw_cfg.h"
#include "iommu/iommu.h"
#include "irq/irq_report.h"
#include "kernel/bootopt.h"
#include "kernel/console.h"
#include "kernel/cpus.h"
#include "kernel/fault.h"
#include "kernel/heap.h"
#include "kernel/log.h"
#include "kernel/page.h"
#include "kernel/panic.h"
#include "kernel/ready.h"
#include "kernel/thread.h"
#include "kernel/timer.h"
#include "kernel/uart_watch.h"
#include "kernel/version.h"
#include "kernel/work.h"
#include "libc/libc.h"
#include "net/net.h"
#include "pci/pci.h"
#include "virtio/virtio_pci.h"

static const struct bootopt_choice log_levels[] = {
    {"error", LOG_ERROR}, {"warn", LOG_WARN}, {"info", LOG_INFO}, {"debug", LOG_DEBUG}, {NULL, 0},
};

static void print_boot_line(const struct boot_info *info)
{
    char cpu[64];
    struct page_stats pages;

    page_stats(&pages);
    at_line("boot", "version=%s arch=%s path=%s cpus=%u mem_kib=%zu cpu=%s", VRING0_VERSION,
            cpu_arch_name(), info->path == BOOT_PATH_UEFI ? "uefi" : "pvh", cpu_count(),
            pages.total_cnt * (PAGE_SIZE / 1024), at_quote(cpu, sizeof(cpu), cpu_model()));
}

static void log_firmware_warnings(void)
{
    const struct firmware_info *firmware = firmware_get();

    for (unsigned i = 0; i < firmware->warning_cnt; i++)
        log_warn("firmware: %s", firmware->warnings[i]);
}

/* From bare CPU to memory that may be handed out. */
static void init_machine(struct boot_info *info)
{
    uart_init();
    cpu_init_boot();
    memory_init(info);
    fault_init();
    firmware_init(info->rsdp_pa);
    clock_calibrate_begin();
    pci_config_init();
    /* Devices that firmware left running may still write to memory it used: stop them before it is
     * reused. */
    pci_quiesce(virtio_pci_quiesce);
    iommu_quiesce();
    page_init(info);
    heap_init();
}

static void init_kernel(struct boot_info *info)
{
    thread_init();
    libc_init();
    fw_cfg_append_cmdline(info);
    bootopt_init(info->cmdline);
    log_set_level(bootopt_choice("loglevel", log_levels, LOG_INFO));
    intr_init();
    cpu_irq_enable();
    cpus_start(firmware_get()->cpu_cnt);
    print_boot_line(info);
    log_firmware_warnings();
    irq_init();
}

static void init_devices(const struct boot_info *info)
{
    if (pci_scan() != 0)
        log_error("pci: out of memory during the scan, some functions are missing");
    pci_report();
    /* As late as drivers allow: the scan above runs while the clock is being measured. */
    clock_calibrate_end();
    timers_init();
    cpus_start_timers();
    if (work_init() != 0)
        panic("no memory for the worker thread");
    cpu_nodes_init();
    iommu_init(info);
    pci_probe_all();
    iommu_report();
    virtio_report();
}

void kmain(struct boot_info *info)
{
    init_machine(info);
    init_kernel(info);
    init_devices(info);
    if (net_init() != 0)
        log_error("net: no memory for the IP stack, going on without it");
    app_start();
    uart_watch_start();
    if (console_start == NULL || console_start() != 0)
        system_ready();
    thread_exit();
}
