/* "selftest virtio": runs the checks on all devices and prints what came of each. */
#include "virtio/virtio_check.h"

#include <errno.h>

#include "kernel/console.h"
#include "kernel/format.h"
#include "kernel/log.h"
#include "kernel/selftest.h"

extern const struct virtio_check_set __start_virtio_checks[], __stop_virtio_checks[];

/* One check's way over the devices. */
struct run {
    const struct virtio_check *check;
    uint32_t device_id;
    enum virtio_verdict verdict;
    const char *why, *where;
};

/* The worse verdict stays; of equal ones the first. */
static void check_device(struct virtio_device *dev, void *arg)
{
    struct run *run = arg;
    const char *why = NULL;
    enum virtio_verdict verdict;

    if (dev->dead != NULL || (run->device_id != 0 && run->device_id != dev->device_id))
        return;
    verdict = run->check->fn(dev, &why);
    if (run->where != NULL && verdict <= run->verdict)
        return;
    run->verdict = verdict;
    run->why = why;
    run->where = dev->name;
}

static void print_verdict(const struct run *run)
{
    static const char *const names[] = {"SKIP", "PASS", "FAIL"};
    const char *name = names[run->verdict];
    char reason[128], quoted[160];

    if (run->verdict == VIRTIO_CHECK_PASS) {
        at_line("check", "id=%u section=%s verdict=%s", run->check->id, run->check->section, name);
        return;
    }
    format(reason, sizeof(reason), "%s%s%s", run->where != NULL ? run->where : "no such device",
           run->where != NULL ? ": " : "", run->where != NULL ? run->why : "");
    at_line("check", "id=%u section=%s verdict=%s reason=%s", run->check->id, run->check->section,
            name, at_quote(quoted, sizeof(quoted), reason));
}

static bool run_check(const struct virtio_check *check, uint32_t device_id)
{
    struct run run = {.check = check, .device_id = device_id};

    virtio_for_each(check_device, &run);
    print_verdict(&run);
    return run.verdict == VIRTIO_CHECK_FAIL;
}

unsigned virtio_checks_run(const struct virtio_check_set *sets, size_t cnt)
{
    unsigned failed = 0;

    for (unsigned id = 1; id <= VIRTIO_CHECK_ID_MAX; id++) {
        for (size_t i = 0; i < cnt; i++) {
            for (const struct virtio_check *check = sets[i].checks; check->id != 0; check++)
                failed += check->id == id && run_check(check, sets[i].device_id);
        }
    }
    return failed;
}

static int run_all(void)
{
    size_t cnt = (size_t)(__stop_virtio_checks - __start_virtio_checks);
    unsigned failed = virtio_checks_run(__start_virtio_checks, cnt);

    return failed == 0 ? 0 : console_fail(-EIO, "%u checks failed", failed);
}

SELFTEST_SUITE(virtio, .name = "virtio", .run = run_all);
