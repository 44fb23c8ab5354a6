/* The SRAT: which CPU is in which proximity domain, and the nodes that follow from it. */
#include <string.h>

#include "arch/x86_64/acpi_spec.h"
#include "arch/x86_64/acpi_tables.h"
#include "arch/x86_64/text.h"

#define ENTRY_HEADER_LEN 2

/* One entry, where it begins, and the table it stands in. */
struct cursor {
    const uint8_t *entry;
    uint32_t off;
    uint8_t revision;
};

/* NULL, or what is wrong: a CPU in two domains at once. */
static const char *add_domain(struct acpi_info *info, uint32_t apic_id, uint32_t domain)
{
    for (unsigned i = 0; i < info->domain_cnt; i++)
        if (info->domains[i].apic_id == apic_id)
            return info->domains[i].domain != domain ? "a CPU in two domains" : NULL;
    if (info->domain_cnt < ACPI_DOMAIN_MAX)
        info->domains[info->domain_cnt++] = (struct acpi_domain){apic_id, domain};
    return NULL;
}

static const char *read_lapic(const struct cursor *at, struct acpi_info *info)
{
    struct acpi_srat_lapic e;
    uint32_t domain;

    memcpy(&e, at->entry, sizeof(e));
    domain = e.domain_low;
    if (at->revision >= 2)
        domain |= (uint32_t)e.domain_high[0] << 8 | (uint32_t)e.domain_high[1] << 16 |
                  (uint32_t)e.domain_high[2] << 24;
    return e.flags & ACPI_SRAT_ENABLED ? add_domain(info, e.apic_id, domain) : NULL;
}

static const char *read_x2apic(const struct cursor *at, struct acpi_info *info)
{
    struct acpi_srat_x2apic e;

    memcpy(&e, at->entry, sizeof(e));
    return e.flags & ACPI_SRAT_ENABLED ? add_domain(info, e.apic_id, e.domain) : NULL;
}

static const struct {
    uint8_t type, len_min;
    const char *(*read)(const struct cursor *at, struct acpi_info *info);
} entry_readers[] = {
    {ACPI_SRAT_LAPIC, sizeof(struct acpi_srat_lapic), read_lapic},
    {ACPI_SRAT_X2APIC, sizeof(struct acpi_srat_x2apic), read_x2apic},
};

/* @left: bytes from here to the end of the table. NULL, or what is wrong. */
static const char *read_entry(const struct cursor *at, uint32_t left, struct acpi_info *info)
{
    if (left < ENTRY_HEADER_LEN)
        return "truncated";
    if (at->entry[1] < ENTRY_HEADER_LEN || at->entry[1] > left)
        return "bad entry length";
    for (unsigned i = 0; i < sizeof(entry_readers) / sizeof(entry_readers[0]); i++) {
        if (entry_readers[i].type != at->entry[0])
            continue;
        if (at->entry[1] < entry_readers[i].len_min)
            return "entry too short";
        return entry_readers[i].read(at, info);
    }
    return NULL;
}

static void give_up(const struct acpi_reader *reader, const char *why, uint32_t off,
                    struct acpi_info *info)
{
    char buf[64];
    struct text text;

    text_init(&text, buf, sizeof(buf));
    text_add(&text, why);
    text_add(&text, " at byte ");
    text_add_decimal(&text, off);
    text_add(&text, ", one node assumed");
    reader->warn("SRAT", buf);
    info->domain_cnt = 0;
}

/* Half a table would put some CPUs on nodes and leave the rest: any doubt means one node. */
void acpi_read_srat(const struct acpi_reader *reader, const void *table, uint32_t len,
                    struct acpi_info *info)
{
    const struct acpi_header *header = table;
    struct cursor at = {.off = sizeof(struct acpi_srat), .revision = header->revision};

    while (at.off < len) {
        const char *wrong;

        at.entry = (const uint8_t *)table + at.off;
        wrong = read_entry(&at, len - at.off, info);
        if (wrong != NULL) {
            give_up(reader, wrong, at.off, info);
            return;
        }
        at.off += at.entry[1];
    }
}

/* The domain of CPU @apic_id; of one that is not listed, the lowest that is there. */
static uint32_t domain_of(const struct acpi_info *info, uint32_t apic_id, uint32_t lowest)
{
    for (unsigned i = 0; i < info->domain_cnt; i++)
        if (info->domains[i].apic_id == apic_id)
            return info->domains[i].domain;
    return lowest;
}

/* Puts @domain into the rising list, once. Returns the new length. */
static unsigned insert_domain(uint32_t *list, unsigned cnt, uint32_t domain)
{
    unsigned at = cnt;

    while (at > 0 && list[at - 1] > domain)
        at--;
    if (at > 0 && list[at - 1] == domain)
        return cnt;
    memmove(&list[at + 1], &list[at], (cnt - at) * sizeof(list[0]));
    list[at] = domain;
    return cnt + 1;
}

unsigned acpi_nodes_assign(const struct acpi_info *info, const uint32_t *apic_ids, unsigned cnt,
                           uint8_t *nodes)
{
    uint32_t domains[CPU_MAX + 1], lowest = UINT32_MAX;
    unsigned node_cnt = 0;

    for (unsigned cpu = 0; cpu < cnt; cpu++) {
        const uint32_t domain = domain_of(info, apic_ids[cpu], UINT32_MAX);

        lowest = domain < lowest ? domain : lowest;
    }
    for (unsigned cpu = 0; cpu < cnt; cpu++)
        node_cnt = insert_domain(domains, node_cnt, domain_of(info, apic_ids[cpu], lowest));
    for (unsigned cpu = 0; cpu < cnt; cpu++) {
        const uint32_t domain = domain_of(info, apic_ids[cpu], lowest);

        nodes[cpu] = 0;
        for (unsigned i = 0; i < node_cnt; i++)
            nodes[cpu] += domains[i] < domain;
    }
    return node_cnt > 0 ? node_cnt : 1;
}
