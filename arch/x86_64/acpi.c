/* ACPI: from the RSDP to the tables, each checked and handed to its reader. The readers are in
 * acpi_tables.c, acpi_srat.c and acpi_iommu.c. */
#include "arch/x86_64/acpi.h"

#include <string.h>

#include "arch/x86_64/acpi_spec.h"
#include "arch/x86_64/acpi_tables.h"

#define TABLE_LEN_MAX (4u << 20)
#define TABLE_CNT_MAX 256

/* Tables that have a reader, by signature. */
static const struct {
    char signature[5];
    uint32_t len_min;
    void (*read)(const struct acpi_reader *reader, const void *table, uint32_t len,
                 struct acpi_info *info);
    bool of_iommus;
} readers[] = {
    {"APIC", sizeof(struct acpi_madt), acpi_read_madt, false},
    {"MCFG", sizeof(struct acpi_mcfg), acpi_read_mcfg, false},
    {"FACP", ACPI_FADT_V1_LEN, acpi_read_fadt, false},
    {"SRAT", sizeof(struct acpi_srat), acpi_read_srat, false},
    {"DMAR", sizeof(struct acpi_dmar), acpi_read_dmar, true},
    {"IVRS", sizeof(struct acpi_ivrs), acpi_read_ivrs, true},
    {"VIOT", sizeof(struct acpi_viot), acpi_read_viot, true},
};

static bool sum_is_zero(const void *p, size_t len)
{
    const uint8_t *byte = p;
    uint8_t sum = 0;

    while (len-- > 0)
        sum += *byte++;
    return sum == 0;
}

const void *acpi_table_map(const struct acpi_reader *reader, uint64_t pa, const char *signature,
                           uint32_t len_min, uint32_t *len)
{
    const struct acpi_header *header = reader->map(pa, sizeof(*header));
    const char *why;
    bool matches;

    if (header == NULL) {
        reader->warn(signature, "cannot be read");
        return NULL;
    }
    *len = header->length;
    matches = memcmp(header->signature, signature, 4) == 0;
    reader->unmap(header, sizeof(*header));
    if (!matches) {
        reader->warn(signature, "wrong signature");
        return NULL;
    }
    if (*len < len_min || *len > TABLE_LEN_MAX) {
        reader->warn(signature, *len < len_min ? "truncated" : "bad length");
        return NULL;
    }
    header = reader->map(pa, *len);
    if (header != NULL && sum_is_zero(header, *len))
        return header;
    why = header != NULL ? "bad checksum" : "truncated";
    if (header != NULL)
        reader->unmap(header, *len);
    reader->warn(signature, why);
    return NULL;
}

static void read_table(const struct acpi_reader *reader, uint64_t pa, struct acpi_info *info)
{
    const char *signature = reader->map(pa, sizeof(struct acpi_header));
    const void *table;
    uint32_t len;

    if (signature == NULL) {
        reader->warn("table", "cannot be read");
        return;
    }
    for (unsigned i = 0; i < sizeof(readers) / sizeof(readers[0]); i++) {
        if (memcmp(signature, readers[i].signature, 4) != 0)
            continue;
        table = acpi_table_map(reader, pa, readers[i].signature, readers[i].len_min, &len);
        if (table == NULL) {
            info->iommu_unclear |= readers[i].of_iommus;
            break;
        }
        readers[i].read(reader, table, len, info);
        reader->unmap(table, len);
        break;
    }
    reader->unmap(signature, sizeof(struct acpi_header));
}

/* The XSDT has addresses of 8 bytes, the RSDT of 4. */
static bool read_root(const struct acpi_reader *reader, uint64_t pa, const char *signature,
                      unsigned width, struct acpi_info *info)
{
    uint32_t len, cnt;
    const uint8_t *root = acpi_table_map(reader, pa, signature, sizeof(struct acpi_header), &len);

    if (root == NULL)
        return false;
    cnt = (len - (uint32_t)sizeof(struct acpi_header)) / width;
    if (cnt > TABLE_CNT_MAX)
        cnt = TABLE_CNT_MAX;
    for (uint32_t i = 0; i < cnt; i++) {
        uint64_t table_pa = 0;

        memcpy(&table_pa, root + sizeof(struct acpi_header) + (size_t)i * width, width);
        if (table_pa != 0)
            read_table(reader, table_pa, info);
    }
    reader->unmap(root, len);
    return true;
}

static bool read_rsdp(const struct acpi_reader *reader, uint64_t pa, struct acpi_rsdp *rsdp)
{
    const struct acpi_rsdp *p = reader->map(pa, ACPI_RSDP_V1_LEN);
    bool valid;

    memset(rsdp, 0, sizeof(*rsdp));
    if (p == NULL) {
        reader->warn("RSDP", "cannot be read");
        return false;
    }
    memcpy(rsdp, p, ACPI_RSDP_V1_LEN);
    reader->unmap(p, ACPI_RSDP_V1_LEN);
    valid =
        memcmp(rsdp->signature, ACPI_RSDP_SIGNATURE, 8) == 0 && sum_is_zero(rsdp, ACPI_RSDP_V1_LEN);
    if (!valid) {
        reader->warn("RSDP", "bad signature or checksum");
        return false;
    }
    if (rsdp->revision < 2)
        return true;
    p = reader->map(pa, sizeof(*p));
    if (p != NULL && sum_is_zero(p, sizeof(*p)))
        *rsdp = *p;
    else
        reader->warn("RSDP", "bad checksum of its second part");
    if (p != NULL)
        reader->unmap(p, sizeof(*p));
    return true;
}

void acpi_read(const struct acpi_reader *reader, uint64_t rsdp_pa, struct acpi_info *info)
{
    struct acpi_rsdp rsdp;

    memset(info, 0, sizeof(*info));
    if (rsdp_pa == 0 || !read_rsdp(reader, rsdp_pa, &rsdp))
        return;
    if (rsdp.xsdt_pa != 0 && read_root(reader, rsdp.xsdt_pa, "XSDT", 8, info))
        return;
    if (rsdp.rsdt_pa != 0)
        read_root(reader, rsdp.rsdt_pa, "RSDT", 4, info);
}
