/* Console command "pci": the table of functions, one function in detail, or another layer's verb.
 */
#include <errno.h>
#include <string.h>

#include "kernel/console.h"
#include "kernel/log.h"
#include "pci/pci_cmd.h"
#include "pci/pci_private.h"
#include "pci/sriov.h"

struct name {
    unsigned value;
    const char *text;
};

static const struct name cap_names[] = {
    {PCI_CAP_ID_PM, "power management"},
    {PCI_CAP_ID_AGP, "AGP"},
    {PCI_CAP_ID_VPD, "vital product data"},
    {PCI_CAP_ID_SLOTID, "slot identification"},
    {PCI_CAP_ID_MSI, "MSI"},
    {PCI_CAP_ID_CHSWP, "CompactPCI hot swap"},
    {PCI_CAP_ID_PCIX, "PCI-X"},
    {PCI_CAP_ID_HT, "HyperTransport"},
    {PCI_CAP_ID_VNDR, "vendor specific"},
    {PCI_CAP_ID_DBG, "debug port"},
    {PCI_CAP_ID_CCRC, "CompactPCI resource control"},
    {PCI_CAP_ID_SHPC, "hot-plug controller"},
    {PCI_CAP_ID_SSVID, "bridge subsystem id"},
    {PCI_CAP_ID_AGP3, "AGP 8x"},
    {PCI_CAP_ID_SECDEV, "secure device"},
    {PCI_CAP_ID_EXP, "PCI Express"},
    {PCI_CAP_ID_MSIX, "MSI-X"},
    {PCI_CAP_ID_SATA, "SATA"},
    {PCI_CAP_ID_AF, "advanced features"},
    {PCI_CAP_ID_EA, "enhanced allocation"},
    {0, NULL},
};

static const struct name ext_cap_names[] = {
    {PCI_EXT_CAP_ID_ERR, "advanced error reporting"},
    {PCI_EXT_CAP_ID_VC, "virtual channel"},
    {PCI_EXT_CAP_ID_DSN, "serial number"},
    {PCI_EXT_CAP_ID_VNDR, "vendor specific"},
    {PCI_EXT_CAP_ID_ACS, "access control"},
    {PCI_EXT_CAP_ID_ARI, "alternative routing id"},
    {PCI_EXT_CAP_ID_ATS, "address translation"},
    {PCI_EXT_CAP_ID_SRIOV, "SR-IOV"},
    {PCI_EXT_CAP_ID_LTR, "latency tolerance"},
    {0, NULL},
};

static const struct name command_bits[] = {
    {PCI_COMMAND_IO, "io"},
    {PCI_COMMAND_MEMORY, "memory"},
    {PCI_COMMAND_MASTER, "master"},
    {PCI_COMMAND_SPECIAL, "special"},
    {PCI_COMMAND_INVALIDATE, "invalidate"},
    {PCI_COMMAND_VGA_PALETTE, "vga-palette"},
    {PCI_COMMAND_PARITY, "parity"},
    {PCI_COMMAND_SERR, "serr"},
    {PCI_COMMAND_FAST_BACK, "fast-back"},
    {PCI_COMMAND_INTX_DISABLE, "intx-disable"},
    {0, NULL},
};

static const struct name status_bits[] = {
    {PCI_STATUS_INTERRUPT, "interrupt"},
    {PCI_STATUS_CAP_LIST, "capabilities"},
    {PCI_STATUS_66MHZ, "66mhz"},
    {PCI_STATUS_FAST_BACK, "fast-back"},
    {PCI_STATUS_PARITY, "parity"},
    {PCI_STATUS_SIG_TARGET_ABORT, "signaled-target-abort"},
    {PCI_STATUS_REC_TARGET_ABORT, "received-target-abort"},
    {PCI_STATUS_REC_MASTER_ABORT, "received-master-abort"},
    {PCI_STATUS_SIG_SYSTEM_ERROR, "system-error"},
    {PCI_STATUS_DETECTED_PARITY, "parity-error"},
    {0, NULL},
};

static const char *name_of(const struct name *names, unsigned value)
{
    for (; names->text; names++)
        if (names->value == value)
            return names->text;
    return "unknown";
}

static void print_bits(const char *label, unsigned value, const struct name *names)
{
    print("  %-10s 0x%04x", label, value);
    for (; names->text; names++)
        if (value & names->value)
            print(" %s", names->text);
    print("\n");
}

static void print_bars(const struct pci_device *pdev)
{
    for (unsigned i = 0; i < PCI_BAR_CNT; i++) {
        const struct pci_bar *bar = &pdev->bars[i];

        if (bar->kind == PCI_BAR_NONE)
            continue;
        print("  BAR %u      %-6s ", i, pci_bar_kind_text(bar));
        if (bar->base)
            print("at 0x%llx", (unsigned long long)bar->base);
        else
            print("without an address");
        print(", 0x%llx bytes\n", (unsigned long long)bar->len);
    }
}

static void print_window(const char *label, struct pci_window window)
{
    if (window.base)
        print("  %-10s 0x%llx-0x%llx\n", label, (unsigned long long)window.base,
              (unsigned long long)window.end - 1);
    else
        print("  %-10s closed\n", label);
}

static void print_bridge(const struct pci_device *pdev)
{
    print("  buses      %u-%u behind this bridge\n", pci_read8(pdev, PCI_SECONDARY_BUS),
          pci_read8(pdev, PCI_SUBORDINATE_BUS));
    print_window("I/O", pci_space_io.read(pdev));
    print_window("memory", pci_space_memory.read(pdev));
    print_window("prefetch", pci_prefetch_window(pdev));
}

static void print_caps(const struct pci_device *pdev)
{
    struct pci_cap_walk walk;
    struct pci_ext_cap_walk ext_walk;
    unsigned cap;

    pci_cap_walk_begin(&walk, pdev);
    while ((cap = pci_cap_next(&walk)) != 0) {
        const unsigned id = pci_read8(pdev, cap);

        print("  cap  0x%02x  id 0x%02x %s\n", cap, id, name_of(cap_names, id));
    }
    pci_ext_cap_walk_begin(&ext_walk, pdev);
    while ((cap = pci_ext_cap_next(&ext_walk)) != 0) {
        const unsigned id = PCI_EXT_CAP_ID(pci_read32(pdev, cap));

        print("  cap  0x%03x id 0x%04x %s\n", cap, id, name_of(ext_cap_names, id));
    }
}

static void print_details(const struct pci_device *pdev)
{
    print("%s  %04x:%04x revision 0x%02x, %s (class %06x)\n", pdev->name, pdev->vendor_id,
          pdev->device_id, pdev->revision, pci_class_text(pdev->class_code),
          (unsigned)pdev->class_code);
    if (pdev->header_type == PCI_HEADER_TYPE_NORMAL)
        print("  subsystem  %04x:%04x\n", pdev->subsystem_vendor_id, pdev->subsystem_id);
    print_bits("command", pci_read16(pdev, PCI_COMMAND), command_bits);
    print_bits("status", pci_read16(pdev, PCI_STATUS), status_bits);
    print("  interrupt  pin %s, line %u, MSI-X vectors %u%s, MSI vectors %u%s\n",
          pci_intx_text(pdev), pdev->intx_line, pci_msix_cnt(pdev), pdev->msix ? " (enabled)" : "",
          pci_msi_cnt(pdev), pdev->msi ? " (enabled)" : "");
    if (pdev->sriov)
        print("  SR-IOV     %u of %u virtual functions\n", pci_sriov_cnt(pdev),
              pci_sriov_total(pdev));
    if (pdev->pf)
        print("  SR-IOV     virtual function %u of %s\n", pdev->vf_index, pdev->pf->name);
    print("  driver     %s\n", pdev->driver ? pdev->driver->name : "none");
    print_bars(pdev);
    if (pci_is_bridge(pdev))
        print_bridge(pdev);
    print_caps(pdev);
}

static int show(const char *name)
{
    const struct pci_device *pdev = pci_find(name);

    if (!pdev)
        return console_fail(-ENOENT, "no PCI function %s", name);
    print_details(pdev);
    pci_at_line(pdev);
    return 0;
}

static int pci_run(int argc, char **argv)
{
    struct pci_device *pdev;

    if (argc == 1) {
        pci_table(0, report_emit_print, NULL);
        return 0;
    }
    if (argc == 2)
        return show(argv[1]);
    for (const struct pci_verb *verb = __start_pci_verbs; verb < __stop_pci_verbs; verb++) {
        if (strcmp(verb->name, argv[1]) != 0)
            continue;
        pdev = pci_find(argv[2]);
        if (!pdev)
            return console_fail(-ENOENT, "no PCI function %s", argv[2]);
        return verb->run(pdev, argc - 3, argv + 3);
    }
    return console_usage();
}

CONSOLE_COMMAND(pci, .name = "pci",
                .usage = "pci\npci ADDR\npci enable ADDR intx|msi|msix [VECTORS]\n"
                         "pci disable ADDR intx|msi|msix\npci enable|disable ADDR memory\n"
                         "pci state ADDR\npci sriov ADDR N",
                .summary = "PCI functions, one of them in detail, and how it interrupts",
                .run = pci_run);
