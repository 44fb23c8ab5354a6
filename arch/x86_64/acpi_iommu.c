/* IOMMUs in ACPI tables: DMAR (VT-d), IVRS (AMD), VIOT (virtio-iommu). Which devices are behind
 * which unit is not read: all units of a machine are treated alike. */
#include <string.h>

#include "arch/x86_64/acpi_spec.h"
#include "arch/x86_64/acpi_tables.h"
#include "arch/x86_64/text.h"

#define NODE_HEADER_LEN 4

/* A table that is a row of nodes: where the length stands in each, and who reads it. */
struct node_table {
    const char *signature;
    bool wide_type; /* 16 bits, else 8 */
    /* NULL, or what is wrong. */
    const char *(*read)(const uint8_t *node, unsigned type, unsigned len, struct acpi_info *info);
};

static const char *add_unit(struct acpi_info *info, const struct firmware_iommu *unit)
{
    for (unsigned i = 0; i < info->iommu_cnt; i++) {
        const struct firmware_iommu *seen = &info->iommus[i];

        if (seen->kind == unit->kind && seen->base_pa == unit->base_pa &&
            seen->segment == unit->segment && seen->requester == unit->requester)
            return NULL;
    }
    if (info->iommu_cnt == FIRMWARE_IOMMU_MAX)
        return "more units than expected";
    info->iommus[info->iommu_cnt++] = *unit;
    return NULL;
}

/* Registers take at least a page, and address 0 is nowhere. */
static bool is_register_page(uint64_t pa)
{
    return pa != 0 && pa % 4096 == 0;
}

static const char *read_drhd(const uint8_t *node, unsigned type, unsigned len,
                             struct acpi_info *info)
{
    struct acpi_dmar_drhd e;

    if (type != ACPI_DMAR_DRHD)
        return NULL;
    if (len < sizeof(e))
        return "unit too short";
    memcpy(&e, node, sizeof(e));
    if (!is_register_page(e.base_pa))
        return "bad register address";
    return add_unit(info, &(struct firmware_iommu){.kind = FIRMWARE_IOMMU_VTD,
                                                   .segment = e.segment,
                                                   .base_pa = e.base_pa});
}

/* Newer firmware describes a unit by several types of block, one for each generation of readers. */
static const char *read_ivhd(const uint8_t *node, unsigned type, unsigned len,
                             struct acpi_info *info)
{
    struct acpi_ivrs_ivhd e;

    if (type != ACPI_IVRS_IVHD_10 && type != ACPI_IVRS_IVHD_11 && type != ACPI_IVRS_IVHD_40)
        return NULL;
    if (len < sizeof(e))
        return "unit too short";
    memcpy(&e, node, sizeof(e));
    if (!is_register_page(e.base_pa))
        return "bad register address";
    return add_unit(info, &(struct firmware_iommu){.kind = FIRMWARE_IOMMU_AMD,
                                                   .segment = e.segment,
                                                   .requester = e.device_id,
                                                   .base_pa = e.base_pa});
}

static const char *read_viot_node(const uint8_t *node, unsigned type, unsigned len,
                                  struct acpi_info *info)
{
    struct acpi_viot_virtio_pci e;

    if (type != ACPI_VIOT_VIRTIO_PCI)
        return NULL;
    if (len < sizeof(e))
        return "unit too short";
    memcpy(&e, node, sizeof(e));
    return add_unit(info, &(struct firmware_iommu){.kind = FIRMWARE_IOMMU_VIRTIO,
                                                   .segment = e.segment,
                                                   .requester = e.requester});
}

/* Reads the node at @off of a table of @len bytes. Its length, or 0 with *@wrong set. */
static uint32_t read_node(const struct node_table *kind, const uint8_t *table, uint32_t off,
                          uint32_t len, struct acpi_info *info, const char **wrong)
{
    const uint8_t *node = table + off;
    uint16_t type, node_len;

    *wrong = "truncated";
    if (len - off < NODE_HEADER_LEN)
        return 0;
    memcpy(&type, node, sizeof(type));
    memcpy(&node_len, node + 2, sizeof(node_len));
    *wrong = "bad entry length";
    if (node_len < NODE_HEADER_LEN || node_len > len - off)
        return 0;
    *wrong = kind->read(node, kind->wide_type ? type : node[0], node_len, info);
    return *wrong == NULL ? node_len : 0;
}

/* Half a table tells of half the units: what is known of them then is that nothing is. */
static void read_nodes(const struct acpi_reader *reader, const struct node_table *kind,
                       const void *table, uint32_t off, uint32_t len, struct acpi_info *info)
{
    while (off < len) {
        const char *wrong;
        uint32_t node_len = read_node(kind, table, off, len, info, &wrong);
        char buf[64];
        struct text text;

        if (node_len == 0) {
            text_init(&text, buf, sizeof(buf));
            text_add(&text, wrong);
            text_add(&text, " at byte ");
            text_add_decimal(&text, off);
            reader->warn(kind->signature, buf);
            info->iommu_unclear = true;
            return;
        }
        off += node_len;
    }
}

void acpi_read_dmar(const struct acpi_reader *reader, const void *table, uint32_t len,
                    struct acpi_info *info)
{
    static const struct node_table kind = {"DMAR", true, read_drhd};

    read_nodes(reader, &kind, table, sizeof(struct acpi_dmar), len, info);
}

void acpi_read_ivrs(const struct acpi_reader *reader, const void *table, uint32_t len,
                    struct acpi_info *info)
{
    static const struct node_table kind = {"IVRS", false, read_ivhd};

    read_nodes(reader, &kind, table, sizeof(struct acpi_ivrs), len, info);
}

void acpi_read_viot(const struct acpi_reader *reader, const void *table, uint32_t len,
                    struct acpi_info *info)
{
    static const struct node_table kind = {"VIOT", false, read_viot_node};
    struct acpi_viot viot;

    memcpy(&viot, table, sizeof(viot));
    if (viot.node_off < sizeof(viot) || viot.node_off > len) {
        reader->warn("VIOT", "bad offset of its nodes");
        info->iommu_unclear = true;
        return;
    }
    read_nodes(reader, &kind, table, viot.node_off, len, info);
}
