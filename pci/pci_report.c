/* The functions found: @pci lines, text table, JSON. */
#include "kernel/format.h"
#include "kernel/log.h"
#include "pci/pci_private.h"
#include "pci/pci_sriov_private.h"

/* Classes that machines of this kind have; an entry with subclass ANY names the rest of its base
 * class. */
#define ANY 0xff
static const struct {
    uint8_t base, sub;
    const char *text;
} classes[] = {
    {0x00, 0x00, "before classes"}, {0x01, 0x00, "SCSI storage"}, {0x01, 0x01, "IDE storage"},
    {0x01, 0x06, "SATA storage"},   {0x01, 0x08, "NVMe storage"}, {0x01, ANY, "storage"},
    {0x02, 0x00, "ethernet"},       {0x02, ANY, "network"},       {0x03, 0x00, "VGA display"},
    {0x03, ANY, "display"},         {0x04, ANY, "multimedia"},    {0x05, ANY, "memory"},
    {0x06, 0x00, "host bridge"},    {0x06, 0x01, "ISA bridge"},   {0x06, 0x04, "PCI bridge"},
    {0x06, ANY, "bridge"},          {0x07, 0x00, "serial port"},  {0x07, ANY, "communication"},
    {0x08, ANY, "system"},          {0x09, ANY, "input"},         {0x0c, 0x03, "USB controller"},
    {0x0c, 0x05, "SMBus"},          {0x0c, ANY, "serial bus"},    {0x10, ANY, "encryption"},
};

const char *pci_class_text(uint32_t class_code)
{
    const uint8_t base = (uint8_t)(class_code >> 16), sub = (uint8_t)(class_code >> 8);

    for (size_t i = 0; i < sizeof(classes) / sizeof(*classes); i++)
        if (classes[i].base == base && (classes[i].sub == sub || classes[i].sub == ANY))
            return classes[i].text;
    return "other";
}

const char *pci_bar_kind_text(const struct pci_bar *bar)
{
    static const char *const texts[][2] = {
        [PCI_BAR_NONE] = {"none", "none"},
        [PCI_BAR_IO] = {"io", "io"},
        [PCI_BAR_MEM32] = {"mem32", "mem32p"},
        [PCI_BAR_MEM64] = {"mem64", "mem64p"},
    };

    return texts[bar->kind][bar->prefetchable];
}

const char *pci_bars_text(const struct pci_device *pdev, char *buf, size_t size)
{
    size_t len = 0;

    format(buf, size, "none");
    for (unsigned i = 0; i < PCI_BAR_CNT && len < size; i++) {
        const struct pci_bar *bar = &pdev->bars[i];

        if (bar->kind != PCI_BAR_NONE)
            len += (size_t)format(buf + len, size - len, "%s%u:%s:0x%llx:0x%llx", len ? " " : "", i,
                                  pci_bar_kind_text(bar), (unsigned long long)bar->base,
                                  (unsigned long long)bar->len);
    }
    return buf;
}

const char *pci_intx_text(const struct pci_device *pdev)
{
    static const char *const pins[] = {"none", "A", "B", "C", "D"};

    return pins[pdev->intx_pin];
}

unsigned pci_msix_cnt(const struct pci_device *pdev)
{
    if (!pdev->msix_cap)
        return 0;
    return (pci_read16(pdev, pdev->msix_cap + PCI_MSIX_FLAGS) & PCI_MSIX_FLAGS_QSIZE) + 1u;
}

unsigned pci_msi_cnt(const struct pci_device *pdev)
{
    unsigned log2;

    if (!pdev->msi_cap)
        return 0;
    log2 = (pci_read16(pdev, pdev->msi_cap + PCI_MSI_FLAGS) & PCI_MSI_FLAGS_QMASK) >>
           PCI_MSI_FLAGS_QMASK_SHIFT;
    return 1u << (log2 < PCI_MSI_QMASK_MAX ? log2 : PCI_MSI_QMASK_MAX);
}

/* "N", or "none" instead of 0. */
static const char *count_text(unsigned cnt, char *buf, size_t size)
{
    if (cnt)
        format(buf, size, "%u", cnt);
    else
        format(buf, size, "none");
    return buf;
}

static const char *driver_text(const struct pci_device *pdev)
{
    return pdev->driver ? pdev->driver->name : "none";
}

/* What is behind the driver on a line: " pf=... vf=N" of a virtual function, " vfs=N/N" of one that
 * can have some. */
#define SRIOV_TEXT_MAX (PCI_ADDRESS_TEXT_MAX + 24)
static const char *sriov_text(const struct pci_device *pdev, char *buf, size_t size)
{
    buf[0] = '\0';
    if (pdev->pf)
        format(buf, size, " pf=%s vf=%u", pdev->pf->name, pdev->vf_index);
    else if (pdev->sriov)
        format(buf, size, " vfs=%u/%u", pdev->sriov->cnt, pdev->sriov->total);
    return buf;
}

void pci_at_line(const struct pci_device *pdev)
{
    char bars[PCI_BARS_TEXT_MAX], quoted[PCI_BARS_TEXT_MAX + 2], msix[8], msi[8];
    char sriov[SRIOV_TEXT_MAX];

    at_line("pci", "addr=%s id=%04x:%04x class=%06x bars=%s msix=%s msi=%s intx=%s driver=%s%s",
            pdev->name, pdev->vendor_id, pdev->device_id, (unsigned)pdev->class_code,
            at_quote(quoted, sizeof(quoted), pci_bars_text(pdev, bars, sizeof(bars))),
            count_text(pci_msix_cnt(pdev), msix, sizeof(msix)),
            count_text(pci_msi_cnt(pdev), msi, sizeof(msi)), pci_intx_text(pdev), driver_text(pdev),
            sriov_text(pdev, sriov, sizeof(sriov)));
}

void pci_report(void)
{
    for (struct pci_device *pdev = pci_first(); pdev; pdev = pci_next(pdev))
        pci_at_line(pdev);
}

static void row_json(const struct pci_device *pdev, report_emit_t emit, void *arg)
{
    report_printf(emit, arg,
                  "{\"address\":\"%s\",\"id\":\"%04x:%04x\",\"class\":\"%06x\",\"kind\":\"%s\","
                  "\"msix\":%u,\"msi\":%u,\"intx\":\"%s\",\"driver\":\"%s\",\"bars\":[",
                  pdev->name, pdev->vendor_id, pdev->device_id, (unsigned)pdev->class_code,
                  pci_class_text(pdev->class_code), pci_msix_cnt(pdev), pci_msi_cnt(pdev),
                  pci_intx_text(pdev), driver_text(pdev));
    for (unsigned i = 0, cnt = 0; i < PCI_BAR_CNT; i++) {
        const struct pci_bar *bar = &pdev->bars[i];

        if (bar->kind != PCI_BAR_NONE)
            report_printf(emit, arg,
                          "%s{\"bar\":%u,\"kind\":\"%s\",\"base\":\"0x%llx\",\"bytes\":%llu}",
                          cnt++ ? "," : "", i, pci_bar_kind_text(bar),
                          (unsigned long long)bar->base, (unsigned long long)bar->len);
    }
    emit(arg, "]}", 2);
}

static void row_text(const struct pci_device *pdev, report_emit_t emit, void *arg)
{
    char msix[8], msi[8], sriov[SRIOV_TEXT_MAX];

    report_printf(emit, arg, "%-12s %04x:%04x  %-14s %-5s %-5s %-5s %s%s\n", pdev->name,
                  pdev->vendor_id, pdev->device_id, pci_class_text(pdev->class_code),
                  count_text(pci_msix_cnt(pdev), msix, sizeof(msix)),
                  count_text(pci_msi_cnt(pdev), msi, sizeof(msi)), pci_intx_text(pdev),
                  driver_text(pdev), sriov_text(pdev, sriov, sizeof(sriov)));
}

/* The one behind @addr. Virtual functions come and go while a report waits for its reader. */
static struct pci_device *pci_after(struct pci_address addr)
{
    struct pci_device *pdev = pci_first();

    while (pdev && pci_address_compare(pdev->addr, addr) <= 0)
        pdev = pci_next(pdev);
    return pdev;
}

void pci_table(int json, report_emit_t emit, void *arg)
{
    unsigned cnt = 0;

    if (json)
        emit(arg, "[", 1);
    else
        report_printf(emit, arg, "%-12s %-9s  %-14s %-5s %-5s %-5s %s\n", "address", "id", "class",
                      "msix", "msi", "intx", "driver");
    for (struct pci_device *pdev = pci_first(); pdev;) {
        const struct pci_device row = *pdev;

        if (json && cnt++)
            emit(arg, ",", 1);
        if (json)
            row_json(&row, emit, arg);
        else
            row_text(&row, emit, arg);
        pdev = pci_after(row.addr);
    }
    if (json)
        emit(arg, "]", 1);
}
