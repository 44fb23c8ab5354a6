/* Console command "edu dma": memory that the device may reach, and memory that an IOMMU must keep
 * from it. */
#include "msix/edu_dma_cmd.h"

#include <errno.h>
#include <string.h>

#include "arch/memory.h"
#include "iommu/iommu.h"
#include "kernel/console.h"
#include "kernel/log.h"
#include "kernel/page.h"
#include "msix/edu.h"
#include "msix/edu_regs.h"

#define WORD_LEN 8u /* as much as is written where nothing may be */

/* Ranges come in this order: code, constants, then tables. */
struct place {
    unsigned wanted, seen;
    const void *va;
    uint64_t pa;
};

static void find(const void *va, uint64_t pa, size_t len, bool readable, void *arg)
{
    struct place *place = arg;

    (void)len;
    (void)readable;
    if (place->seen++ != place->wanted)
        return;
    place->va = va;
    place->pa = pa;
}

static int copied(struct edu *edu, const char *what, unsigned len)
{
    at_line("result", "name=%s.%s value=%u unit=bytes", edu_name(edu), what, len);
    return 0;
}

/* Through the device's buffer into the other half of the page. */
static int copy_buffer(struct edu *edu)
{
    const unsigned len = EDU_DMA_BUFFER_LEN / 2;
    uint64_t pa;
    uint8_t *buf = dma_alloc(EDU_DMA_BUFFER_LEN, EDU_DMA_END, &pa);
    bool same;
    int rc;

    if (buf == NULL)
        return console_fail(-ENOMEM, "no memory below %#llx", (unsigned long long)EDU_DMA_END);
    for (unsigned i = 0; i < len; i++)
        buf[i] = (uint8_t)(i * 7 + (i >> 8));
    rc = edu_copy(edu, pa, len, false);
    if (rc == 0)
        rc = edu_copy(edu, pa + len, len, true);
    same = memcmp(buf, buf + len, len) == 0;
    /* A device that has not ended may yet write. */
    if (rc == 0)
        dma_free(buf, EDU_DMA_BUFFER_LEN);
    if (rc != 0)
        return console_fail(rc, "%s: no end of the copy", edu_name(edu));
    return same ? copied(edu, "copied", len)
                : console_fail(-EIO, "%s: the copy differs", edu_name(edu));
}

/* The kernel lives on only if the IOMMU does its work, so there must be one. */
static int write_protected(struct edu *edu, unsigned wanted)
{
    struct place place = {.wanted = wanted};
    struct iommu_info info;
    uint64_t before;
    int rc;

    iommu_get(&info);
    if (info.state != IOMMU_ON)
        return console_fail(-EPERM, "no IOMMU would keep the device from it");
    memory_for_each_protected(find, &place);
    memcpy(&before, place.va, WORD_LEN);
    rc = edu_copy(edu, place.pa, WORD_LEN, true);
    if (rc != 0)
        return console_fail(rc, "%s: no end of the copy, or out of its reach", edu_name(edu));
    if (memcmp(&before, place.va, WORD_LEN) != 0)
        return console_fail(-EFAULT, "%s has written to %#llx", edu_name(edu),
                            (unsigned long long)place.pa);
    return copied(edu, "written", 0);
}

int edu_dma_run(struct edu *edu, const char *where)
{
    static const char *const protected[] = {"code", "constants", "tables"};

    if (strcmp(where, "buffer") == 0)
        return copy_buffer(edu);
    for (unsigned i = 0; i < sizeof(protected) / sizeof(protected[0]); i++) {
        if (strcmp(where, protected[i]) == 0)
            return write_protected(edu, i);
    }
    return console_usage();
}
