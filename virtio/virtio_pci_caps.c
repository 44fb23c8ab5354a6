/* Vendor capabilities of a modern function (virtio 1.3, 4.1.4): the first usable one of each kind,
 * whatever else, and whatever nonsense, stands in the list. */
#include <errno.h>

#include "pci/pci.h"
#include "virtio/virtio_pci.h"

/* More than any register that is used here, where a capability promises more than that. */
#define MAP_MAX 4096u

#define CAP_MAX 48 /* dwords from 0x40 on */

/* A structure that the transport needs. */
struct need {
    const char *name;
    uint8_t type;
    uint8_t cap_len;
    uint8_t align;
    uint32_t len_min;
};

static const struct need need_common = {"common configuration", VIRTIO_PCI_CAP_COMMON_CFG,
                                        VIRTIO_PCI_CAP_SIZE, 4, VIRTIO_PCI_COMMON_LEN_MIN};
static const struct need need_notify = {"notification", VIRTIO_PCI_CAP_NOTIFY_CFG,
                                        VIRTIO_PCI_NOTIFY_CAP_SIZE, 2, sizeof(uint16_t)};
static const struct need need_isr = {"ISR", VIRTIO_PCI_CAP_ISR_CFG, VIRTIO_PCI_CAP_SIZE, 1, 1};
static const struct need need_config = {"device configuration", VIRTIO_PCI_CAP_DEVICE_CFG,
                                        VIRTIO_PCI_CAP_SIZE, 4, 1};

/* The vendor capabilities of a function, found by one walk. */
struct caps {
    struct virtio_pci *vp;
    unsigned cnt;
    uint8_t offs[CAP_MAX];
};

static void list_caps(struct caps *caps, struct virtio_pci *vp)
{
    unsigned cap = 0;

    caps->vp = vp;
    caps->cnt = 0;
    while (caps->cnt < CAP_MAX && (cap = pci_cap_find(vp->pdev, PCI_CAP_ID_VNDR, cap)) != 0)
        caps->offs[caps->cnt++] = (uint8_t)cap;
}

/* Offset of the first capability from the *@next-th on that has type @type and is whole, or 0. */
static unsigned next_cap(const struct caps *caps, unsigned *next, uint8_t type, unsigned cap_len)
{
    const struct pci_device *pdev = caps->vp->pdev;

    while (*next < caps->cnt) {
        unsigned cap = caps->offs[(*next)++];

        if (cap + cap_len <= PCI_CFG_SPACE_LEN &&
            pci_read8(pdev, cap + VIRTIO_PCI_CAP_CFG_TYPE) == type &&
            pci_read8(pdev, cap + VIRTIO_PCI_CAP_LEN) >= cap_len)
            return cap;
    }
    return 0;
}

/*
 * Reads the capability. A length that leads beyond the BAR is cut there, as long as what is needed
 * is inside (4.1.4.1). 0, -ENXIO.
 */
static int read_place(struct virtio_pci *vp, const struct need *need, unsigned cap,
                      struct virtio_pci_place *place)
{
    const struct pci_device *pdev = vp->pdev;
    uint32_t len = pci_read32(pdev, cap + VIRTIO_PCI_CAP_LENGTH);

    place->bar = pci_read8(pdev, cap + VIRTIO_PCI_CAP_BAR);
    place->off = pci_read32(pdev, cap + VIRTIO_PCI_CAP_OFFSET);
    place->len = need->len_min;
    if (place->bar >= PCI_BAR_CNT || pdev->bars[place->bar].kind == PCI_BAR_NONE)
        return virtio_pci_refuse(vp, -ENXIO, "%s in BAR %u, which is not there", need->name,
                                 place->bar);
    if (place->off % need->align != 0 || len < need->len_min)
        return virtio_pci_refuse(vp, -ENXIO, "%s at %#llx, %#x bytes long: not usable", need->name,
                                 (unsigned long long)place->off, len);
    if (!virtio_pci_place_fits(vp, place))
        return virtio_pci_refuse(vp, -ENXIO, "%s at %#llx is beyond the end of BAR %u", need->name,
                                 (unsigned long long)place->off, place->bar);
    place->len = pdev->bars[place->bar].len - place->off;
    if (place->len > len)
        place->len = len;
    return 0;
}

/* Tries one capability; @place keeps its whole length, of which @region opens what may be used. */
static int try_cap(struct virtio_pci *vp, const struct need *need, unsigned cap, bool by_window,
                   struct virtio_pci_place *place, struct virtio_pci_region *region)
{
    struct virtio_pci_place used;
    int err = read_place(vp, need, cap, place);

    if (err != 0)
        return err;
    place->by_window = by_window;
    used = *place;
    if (used.len > MAP_MAX)
        used.len = MAP_MAX;
    err = virtio_pci_region_open(vp, &used, region);
    if (err != 0)
        virtio_pci_refuse(vp, err, "%s in BAR %u cannot be reached", need->name, place->bar);
    return err;
}

/* The first capability that can be used, or a negative errno. */
static int find_by(const struct caps *caps, const struct need *need, bool by_window,
                   struct virtio_pci_place *place, struct virtio_pci_region *region)
{
    unsigned next = 0, cap;

    while ((cap = next_cap(caps, &next, need->type, need->cap_len)) != 0) {
        if (try_cap(caps->vp, need, cap, by_window, place, region) == 0)
            return (int)cap;
    }
    return -ENXIO;
}

/* The window is slow, and so comes last. */
static int find(const struct caps *caps, const struct need *need, struct virtio_pci_place *place,
                struct virtio_pci_region *region)
{
    int cap;

    virtio_pci_refuse(caps->vp, -ENXIO, "no %s capability", need->name);
    cap = find_by(caps, need, false, place, region);
    if (cap < 0 && caps->vp->modern.window != 0)
        cap = find_by(caps, need, true, place, region);
    return cap;
}

/* A notification's place depends on its queue, and is opened with that. */
static int find_notify(const struct caps *caps)
{
    struct virtio_pci_modern *modern = &caps->vp->modern;
    struct virtio_pci_region region;
    int cap = find(caps, &need_notify, &modern->notify, &region);

    if (cap < 0)
        return cap;
    virtio_pci_region_close(&region);
    modern->notify_multiplier = pci_read32(caps->vp->pdev, (unsigned)cap + VIRTIO_PCI_NOTIFY_MULT);
    return 0;
}

/* Whether the function means to have a modern interface. */
static bool is_modern(const struct caps *caps)
{
    if (caps->vp->pdev->device_id >= VIRTIO_PCI_DEVICE_ID_MODERN)
        return true;
    for (uint8_t type = VIRTIO_PCI_CAP_COMMON_CFG; type <= VIRTIO_PCI_CAP_PCI_CFG; type++) {
        unsigned next = 0;

        if (next_cap(caps, &next, type, VIRTIO_PCI_CAP_SIZE) != 0)
            return true;
    }
    return false;
}

/* A device without configuration need not have the structure (4.1.4.6.1): virtio-rng has none. */
static bool find_config(const struct caps *caps)
{
    struct virtio_pci_place place;
    unsigned next = 0;

    if (next_cap(caps, &next, need_config.type, need_config.cap_len) == 0)
        return true;
    return find(caps, &need_config, &place, &caps->vp->modern.config) > 0;
}

int virtio_pci_modern_open(struct virtio_pci *vp)
{
    struct virtio_pci_modern *modern = &vp->modern;
    struct virtio_pci_place place;
    struct caps caps;
    unsigned next = 0;

    list_caps(&caps, vp);
    if (!is_modern(&caps))
        return virtio_pci_refuse(vp, -ENODEV, "the device has no virtio capabilities");
    modern->window =
        (uint16_t)next_cap(&caps, &next, VIRTIO_PCI_CAP_PCI_CFG, VIRTIO_PCI_CFG_CAP_SIZE);
    if (find(&caps, &need_common, &place, &modern->common) > 0 && find_notify(&caps) == 0 &&
        find(&caps, &need_isr, &place, &modern->isr) > 0 && find_config(&caps))
        return 0;
    virtio_pci_modern_close(vp);
    return -ENXIO;
}

void virtio_pci_modern_close(struct virtio_pci *vp)
{
    for (unsigned i = 0; i < VIRTIO_QUEUE_MAX; i++)
        virtio_pci_region_close(&vp->modern.doorbells[i]);
    virtio_pci_region_close(&vp->modern.config);
    virtio_pci_region_close(&vp->modern.isr);
    virtio_pci_region_close(&vp->modern.common);
}
