/* Console command "mbx": the mailboxes between PFs and their VFs, and what makes them work or not.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/igb/igb.h"
#include "drivers/igb/igbvf.h"
#include "kernel/console.h"
#include "kernel/format.h"

#define MAC_TEXT_MAX 18
#define RACE_CNT_MAX 1000
#define RACE_STACK   (16 * 1024ul)

static const char *mac_text(const uint8_t *m, char text[MAC_TEXT_MAX])
{
    format(text, MAC_TEXT_MAX, "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
    return text;
}

/* ---- what there is ---- */

static void print_end(const char *name, const char *side, const char *dev, const struct mbx *mbx,
                      const char *state, const uint8_t *mac)
{
    const struct mbx_stats *s = &mbx->stats;
    char text[MAC_TEXT_MAX];

    at_line("mbx", "name=%s side=%s dev=%s tx=%u rx=%u reqs=%u acks=%u rsts=%u state=%s mac=%s",
            name, side, dev, s->tx_cnt, s->rx_cnt, s->req_cnt, s->ack_cnt, s->rst_cnt, state,
            mac_text(mac, text));
}

static void print_pf(struct igb *igb, void *arg)
{
    char name[8];

    (void)arg;
    mutex_lock(&igb->lock);
    for (unsigned i = 0; i < igb->vf_cnt; i++) {
        const struct igb_vf *vf = &igb->vfs[i];

        format(name, sizeof(name), "vf%u", i);
        print_end(name, "pf", igb->port.name, &vf->mbx, vf->cleared ? "cleared" : "not-cleared",
                  vf->mac);
    }
    mutex_unlock(&igb->lock);
}

static const char *vf_state(const struct igbvf *vf)
{
    if (vf->mbx.tries == 0)
        return "timed-out";
    return vf->up ? "up" : "down";
}

static void print_vf(struct igbvf *vf, void *arg)
{
    char name[8];

    (void)arg;
    mutex_lock(&vf->lock);
    format(name, sizeof(name), "vf%u", vf->pdev->vf_index);
    print_end(name, "vf", vf->port.name, &vf->mbx, vf_state(vf), vf->port.netdev.info.mac);
    mutex_unlock(&vf->lock);
}

/* ---- verbs of a VF ---- */

static int vf_reset_run(struct igbvf *vf, int argc, char **argv)
{
    int rc = igbvf_reset(vf);

    (void)argc;
    (void)argv;
    return rc != 0 ? console_fail(rc, "%s: the PF does not clear it", vf->port.name) : 0;
}

static int parse_mac(const char *text, uint8_t *mac)
{
    for (unsigned i = 0; i < 6; i++) {
        char *end;
        unsigned long byte = strtoul(text, &end, 16);

        if (end != text + 2 || byte > 0xff || *end != (i < 5 ? ':' : '\0'))
            return console_fail(-EINVAL, "a MAC address is six pairs of hexadecimal digits");
        mac[i] = (uint8_t)byte;
        text = end + 1;
    }
    return 0;
}

static int vf_mac_run(struct igbvf *vf, int argc, char **argv)
{
    uint8_t mac[6];
    int rc;

    (void)argc;
    rc = parse_mac(argv[0], mac);
    if (rc != 0)
        return rc;
    rc = igbvf_set_mac(vf, mac);
    return rc != 0 ? console_fail(rc, "%s: the PF does not take %s", vf->port.name, argv[0]) : 0;
}

static int vf_send_run(struct igbvf *vf, int argc, char **argv)
{
    uint32_t msg[MBX_DWORD_CNT] = {0};
    unsigned long long value;
    int rc;

    for (int i = 0; i < argc; i++) {
        rc = console_number(argv[i], "DWORD", &value);
        if (rc != 0)
            return rc;
        msg[i] = (uint32_t)value;
    }
    mutex_lock(&vf->lock);
    rc = igbvf_ask(vf, msg, (unsigned)argc, 1);
    mutex_unlock(&vf->lock);
    if (rc != 0)
        return console_fail(rc, "%s: no answer", vf->port.name);
    at_line("result", "name=mbx.answer value=%#x unit=dword", (unsigned)msg[0]);
    return 0;
}

/* ---- verbs of a PF ---- */

static int pf_reset_run(struct igb *igb, int argc, char **argv)
{
    int rc = igb_reset(igb);

    (void)argc;
    (void)argv;
    return rc != 0 ? console_fail(rc, "%s: does not come back", igb->port.name) : 0;
}

static int parse_vf(const char *text, unsigned *vf)
{
    unsigned long long value;
    int rc = console_number(text, "VF", &value);

    if (rc != 0)
        return rc;
    if (value >= IGB_VF_MAX)
        return console_fail(-ERANGE, "VFs are 0 to %u", IGB_VF_MAX - 1);
    *vf = (unsigned)value;
    return 0;
}

static int pf_mac_run(struct igb *igb, int argc, char **argv)
{
    uint8_t mac[6] = {0};
    unsigned vf = 0;
    int rc;

    (void)argc;
    rc = parse_vf(argv[0], &vf);
    if (rc == 0 && strcmp(argv[1], "none") != 0)
        rc = parse_mac(argv[1], mac);
    if (rc != 0)
        return rc;
    rc = igb_vf_set_admin_mac(igb, vf, mac);
    return rc != 0 ? console_fail(rc, "%s is no address of one card", argv[1]) : 0;
}

static int pf_ping_run(struct igb *igb, int argc, char **argv)
{
    unsigned vf = 0;
    int rc = parse_vf(argv[0], &vf);

    (void)argc;
    if (rc != 0)
        return rc;
    rc = igb_vf_ping(igb, vf);
    return rc != 0 ? console_fail(rc, "vf%u is not told", vf) : 0;
}

/* As if nobody drove the PF: its VFs' requests wait in the card. */
static int pf_mask_run(struct igb *igb, int argc, char **argv)
{
    const bool on = strcmp(argv[0], "on") == 0;

    (void)argc;
    if (!on && strcmp(argv[0], "off") != 0)
        return console_usage();
    igb_vfs_mask(igb, on);
    return 0;
}

/* ---- all VFs at once ---- */

struct racer {
    struct igbvf *vf;
    struct thread *thread;
    unsigned long long cnt, done;
    int err;
};

struct race {
    struct racer racers[IGB_VF_MAX];
    unsigned cnt;
};

static void race_add(struct igbvf *vf, void *arg)
{
    struct race *race = arg;

    if (race->cnt < IGB_VF_MAX)
        race->racers[race->cnt++].vf = vf;
}

static void race_thread(void *arg)
{
    struct racer *racer = arg;

    for (; racer->done < racer->cnt && racer->err == 0; racer->done++) {
        uint32_t msg[2] = {MBX_VF_SET_LPE, 1522};

        mutex_lock(&racer->vf->lock);
        racer->err = igbvf_ask(racer->vf, msg, 2, 1);
        mutex_unlock(&racer->vf->lock);
        if (racer->err == 0 && (msg[0] & MBX_MSG_ACK) == 0)
            racer->err = -EACCES;
    }
}

static void race_start(struct race *race, unsigned long long cnt)
{
    for (unsigned i = 0; i < race->cnt; i++) {
        struct racer *racer = &race->racers[i];

        racer->cnt = cnt;
        racer->thread = thread_create_on(i % cpu_count(), "mbx", race_thread, racer, RACE_STACK);
        if (racer->thread == NULL)
            racer->err = -ENOMEM;
    }
}

static int race_run(const char *text)
{
    static struct race race; /* one console command at a time */
    unsigned long long cnt, done = 0;
    int rc = console_number(text, "COUNT", &cnt);

    if (rc != 0)
        return rc;
    if (cnt == 0 || cnt > RACE_CNT_MAX)
        return console_fail(-ERANGE, "COUNT: 1 to %u", RACE_CNT_MAX);
    memset(&race, 0, sizeof(race));
    igbvf_for_each(race_add, &race);
    race_start(&race, cnt);
    for (unsigned i = 0; i < race.cnt; i++) {
        if (race.racers[i].thread != NULL)
            thread_join(race.racers[i].thread);
        done += race.racers[i].done;
        rc = rc != 0 ? rc : race.racers[i].err;
    }
    at_line("result", "name=mbx.exchanges value=%llu unit=exchanges", done);
    return rc != 0 ? console_fail(rc, "not every request was answered") : 0;
}

/* ---- the command ---- */

static const struct {
    const char *name;
    int arg_min, arg_max;
    int (*vf_run)(struct igbvf *vf, int argc, char **argv);
    int (*pf_run)(struct igb *igb, int argc, char **argv);
} verbs[] = {
    {"reset", 0, 0, vf_reset_run, pf_reset_run},
    {"mac", 1, 1, vf_mac_run, NULL},
    {"mac", 2, 2, NULL, pf_mac_run},
    {"send", 1, MBX_DWORD_CNT, vf_send_run, NULL},
    {"ping", 1, 1, NULL, pf_ping_run},
    {"mask", 1, 1, NULL, pf_mask_run},
};

/* @argv: verb, address, arguments. */
static int verb_run(int argc, char **argv)
{
    struct igb *igb = igb_find(argv[1]);
    struct igbvf *vf = igbvf_find(argv[1]);

    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strcmp(verbs[i].name, argv[0]) != 0 || argc - 2 < verbs[i].arg_min ||
            argc - 2 > verbs[i].arg_max)
            continue;
        if (igb == NULL && vf == NULL)
            return console_fail(-ENODEV, "%s: no function with a mailbox", argv[1]);
        if (vf != NULL && verbs[i].vf_run != NULL)
            return verbs[i].vf_run(vf, argc - 2, argv + 2);
        if (igb != NULL && verbs[i].pf_run != NULL)
            return verbs[i].pf_run(igb, argc - 2, argv + 2);
    }
    return console_usage();
}

static int mbx_run(int argc, char **argv)
{
    if (argc == 1) {
        igb_for_each(print_pf, NULL);
        igbvf_for_each(print_vf, NULL);
        return 0;
    }
    if (argc == 3 && strcmp(argv[1], "race") == 0)
        return race_run(argv[2]);
    return argc >= 3 ? verb_run(argc - 1, argv + 1) : console_usage();
}

CONSOLE_COMMAND(mbx, .name = "mbx",
                .usage = "mbx\nmbx reset ADDR\nmbx mac PF VF MAC|none\nmbx mac VF-ADDR MAC\n"
                         "mbx send VF-ADDR DWORD...\nmbx ping PF VF\nmbx mask PF on|off\n"
                         "mbx race COUNT",
                .summary = "mailboxes between physical and virtual functions (igb)",
                .run = mbx_run);
