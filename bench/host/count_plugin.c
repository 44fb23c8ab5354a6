/*
 * QEMU TCG plugin: counts what the guest executes between the markers that `bench` sets, the 7-byte
 * NOPs 0f 1f 80 ID 00 4b 4d. Each marker writes "MARK id=ID insns=N hlt=N rep=N" (totals since the
 * start) to QEMU's log.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Debian ships no qemu-plugin.h: the used part of version 1 of the plugin interface. */
typedef uint64_t qemu_plugin_id_t;
struct qemu_info_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum qemu_plugin_cb_flags {
    QEMU_PLUGIN_CB_NO_REGS
};
enum qemu_plugin_op {
    QEMU_PLUGIN_INLINE_ADD_U64
};

extern void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
                                                  void (*cb)(qemu_plugin_id_t,
                                                             struct qemu_plugin_tb *));
extern void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
                                                   void (*cb)(unsigned, void *),
                                                   enum qemu_plugin_cb_flags flags, void *arg);
extern void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn,
                                                       enum qemu_plugin_op op, void *counter,
                                                       uint64_t step);
extern size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
extern struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb,
                                                        size_t index);
extern const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
extern size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
extern void qemu_plugin_outs(const char *text);

#define EXPORT __attribute__((visibility("default")))
EXPORT int qemu_plugin_version = 1;
EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info_t *info, int argc,
                               char **argv);

static uint64_t insn_cnt, hlt_cnt, rep_cnt;

static void on_marker(unsigned cpu, void *arg)
{
    char line[128];

    (void)cpu;
    snprintf(line, sizeof(line), "MARK id=%u insns=%" PRIu64 " hlt=%" PRIu64 " rep=%" PRIu64 "\n",
             (unsigned)(uintptr_t)arg, insn_cnt, hlt_cnt, rep_cnt);
    qemu_plugin_outs(line);
}

static bool is_marker(const uint8_t *code, size_t len)
{
    static const uint8_t head[] = {0x0f, 0x1f, 0x80}, tail[] = {0x00, 0x4b, 0x4d};

    return len == 7 && memcmp(code, head, sizeof(head)) == 0 &&
           memcmp(code + 4, tail, sizeof(tail)) == 0;
}

/* A rep-prefixed string instruction runs, and counts, once an iteration. */
static bool is_rep_string(const uint8_t *code, size_t len)
{
    size_t at = code[0] == 0x66 && len > 1 ? 1 : 0;

    if (len < at + 2 || (code[at] != 0xf2 && code[at] != 0xf3))
        return false;
    at += (code[at + 1] & 0xf0) == 0x40 && len > at + 2 ? 2 : 1; /* over a REX prefix */
    return (code[at] >= 0xa4 && code[at] <= 0xa7) || (code[at] >= 0xaa && code[at] <= 0xaf) ||
           (code[at] >= 0x6c && code[at] <= 0x6f);
}

static void count(struct qemu_plugin_insn *insn, uint64_t *counter)
{
    qemu_plugin_register_vcpu_insn_exec_inline(insn, QEMU_PLUGIN_INLINE_ADD_U64, counter, 1);
}

static void on_translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    (void)id;
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        const uint8_t *code = qemu_plugin_insn_data(insn);
        size_t len = qemu_plugin_insn_size(insn);

        count(insn, &insn_cnt);
        if (len == 1 && code[0] == 0xf4)
            count(insn, &hlt_cnt);
        if (is_rep_string(code, len))
            count(insn, &rep_cnt);
        if (is_marker(code, len))
            qemu_plugin_register_vcpu_insn_exec_cb(insn, on_marker, QEMU_PLUGIN_CB_NO_REGS,
                                                   (void *)(uintptr_t)code[3]);
    }
}

int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info_t *info, int argc, char **argv)
{
    (void)info;
    (void)argc;
    (void)argv;
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
    return 0;
}
