/* CPU exceptions: the @fault line, registers, a backtrace, and the end of the run. */
#include "arch/fault.h"

#include <stdbool.h>
#include <string.h>

#include "arch/cpu.h"
#include "arch/memory.h"
#include "arch/power.h"
#include "arch/smp.h"
#include "arch/uart.h"
#include "arch/x86_64/backtrace.h"
#include "arch/x86_64/cpu_insn.h"
#include "arch/x86_64/fault_private.h"
#include "arch/x86_64/idt.h"
#include "arch/x86_64/paging.h"
#include "arch/x86_64/smp_private.h"

#define FAULT_STATUS    125
#define LINE_MAX        512
#define THREAD_NAME_LEN 48
#define NULL_AREA_LEN   0x10000u /* fields of objects behind a null pointer */

static const struct {
    const char *kind, *reason;
} exceptions[VECTOR_EXCEPTION_CNT] = {
    [0] = {"divide-error", "division by zero or overflow"},
    [1] = {"debug", "debug exception"},
    [2] = {"nmi", "non-maskable interrupt, going on"},
    [3] = {"breakpoint", "breakpoint instruction"},
    [4] = {"overflow", "overflow trap"},
    [5] = {"bound-range", "bound range exceeded"},
    [6] = {"invalid-opcode", "invalid instruction"},
    [7] = {"no-fpu", "floating-point unit not available"},
    [8] = {"double-fault", "exception while an exception was delivered"},
    [10] = {"invalid-tss", "bad task state segment"},
    [11] = {"segment-not-present", "segment not present"},
    [12] = {"stack-segment", "stack address not canonical"},
    [13] = {"general-protection", "forbidden instruction or address not canonical"},
    [14] = {"page-fault", NULL},
    [16] = {"fpu-error", "x87 floating-point exception"},
    [17] = {"alignment-check", "misaligned access"},
    [18] = {"machine-check", "hardware error"},
    [19] = {"simd-error", "vector floating-point exception"},
    [21] = {"control-protection", "control-flow violation"},
};

static const struct fault_hooks *hooks;
static unsigned depth;

void fault_set_hooks(const struct fault_hooks *h)
{
    hooks = h;
}

void fault_print(const char *text)
{
    if (hooks != NULL)
        hooks->print(text, strlen(text));
    else
        uart_write(text, strlen(text));
}

/* A report may cut in on anything. */
static void start_line(void)
{
    if (hooks != NULL)
        hooks->start_line();
}

static _Noreturn void finish(void)
{
    static const char exit_line[] = "@exit code=125\n";

    if (hooks != NULL && depth == 1)
        hooks->finish();
    uart_write(exit_line, sizeof(exit_line) - 1);
    power_off(FAULT_STATUS);
}

/* True at the first report. One that goes wrong itself is cut short, at the second attempt without
 * a word. */
static bool report_begin(uint64_t rip)
{
    char line[96];
    struct text text;

    /* Only one CPU comes back from this. */
    smp_stop_others();
    if (++depth == 1) {
        if (hooks != NULL)
            hooks->begin();
        return true;
    }
    if (depth == 2) {
        text_init(&text, line, sizeof(line));
        text_add(&text, "\n@fault kind=nested reason=\"fault while reporting a fault\" rip=");
        text_add_hex(&text, rip, 1);
        text_add(&text, "\n");
        uart_write(line, text.len);
    }
    return false;
}

static const char *page_fault_reason(const struct trap_frame *frame, uint64_t addr)
{
    if (memory_is_guard(addr) || memory_is_guard(frame->rsp))
        return "stack overflow";
    if (addr < NULL_AREA_LEN)
        return "null access";
    if (frame->error & PAGE_FAULT_RSVD)
        return "corrupt page table";
    if (!(frame->error & PAGE_FAULT_PRESENT))
        return "nothing mapped there";
    if (frame->error & PAGE_FAULT_FETCH)
        return "execution of data";
    return frame->error & PAGE_FAULT_WRITE ? "write to read-only memory" : "protected memory";
}

static void add_thread(struct text *text)
{
    char name[THREAD_NAME_LEN] = "";

    if (hooks != NULL && hooks->describe_thread != NULL)
        hooks->describe_thread(name, sizeof(name));
    text_add(text, " thread=");
    text_add(text, name[0] != '\0' ? name : "none");
}

static void print_fault_line(const struct trap_frame *frame, uint64_t addr)
{
    const char *kind = exceptions[frame->vector].kind, *reason = exceptions[frame->vector].reason;
    char line[LINE_MAX];
    struct text text;

    if (frame->vector == VECTOR_PAGE_FAULT)
        reason = page_fault_reason(frame, addr);
    else if (frame->vector == VECTOR_DOUBLE_FAULT && memory_is_guard(frame->rsp - 1))
        reason = "stack overflow";
    text_init(&text, line, sizeof(line));
    text_add(&text, "@fault kind=");
    text_add(&text, kind != NULL ? kind : "reserved-exception");
    text_add(&text, " reason=\"");
    text_add(&text, reason != NULL ? reason : "reserved exception");
    text_add(&text, "\" vector=");
    text_add_decimal(&text, frame->vector);
    text_add(&text, " error=");
    text_add_hex(&text, frame->error, 1);
    if (frame->vector == VECTOR_PAGE_FAULT) {
        text_add(&text, " addr=");
        text_add_hex(&text, addr, 1);
    }
    text_add(&text, " rip=");
    text_add_hex(&text, frame->rip, 16);
    text_add(&text, " func=");
    backtrace_add_function(&text, frame->rip);
    add_thread(&text);
    text_add(&text, "\n");
    start_line();
    fault_print(line);
}

static void print_registers(const struct trap_frame *frame, uint64_t addr)
{
    const struct {
        const char *name;
        uint64_t value;
    } registers[] = {
        {" rax=", frame->rax}, {" rbx=", frame->rbx},    {" rcx=", frame->rcx},
        {" rdx=", frame->rdx}, {" rsi=", frame->rsi},    {" rdi=", frame->rdi},
        {" rbp=", frame->rbp}, {" rsp=", frame->rsp},    {"  r8=", frame->r8},
        {"  r9=", frame->r9},  {" r10=", frame->r10},    {" r11=", frame->r11},
        {" r12=", frame->r12}, {" r13=", frame->r13},    {" r14=", frame->r14},
        {" r15=", frame->r15}, {" rfl=", frame->rflags}, {" cr2=", addr},
        {" cr3=", cr3_read()}, {" cr4=", cr4_read()},
    };
    char line[LINE_MAX / 2];
    struct text text;

    text_init(&text, line, sizeof(line));
    for (unsigned i = 0; i < sizeof(registers) / sizeof(registers[0]); i++) {
        text_add(&text, registers[i].name);
        text_add_hex(&text, registers[i].value, 16);
        if (i % 4 != 3)
            continue;
        text_add(&text, "\n");
        fault_print(line);
        text_init(&text, line, sizeof(line));
    }
}

static void print_place(uint64_t addr)
{
    const char *place = memory_describe(addr);

    if (place == NULL)
        return;
    fault_print(" the address lies in: ");
    fault_print(place);
    fault_print("\n");
}

void fault_handle(struct trap_frame *frame)
{
    uint64_t addr = cr2_read();

    if (frame->vector == VECTOR_NMI)
        smp_stop_if_asked();
    if (frame->vector != VECTOR_NMI && !report_begin(frame->rip))
        finish();
    print_fault_line(frame, addr);
    print_registers(frame, addr);
    if (frame->vector == VECTOR_PAGE_FAULT)
        print_place(addr);
    backtrace_print_from(frame->rip, frame->rbp);
    if (frame->vector != VECTOR_NMI)
        finish();
}

_Noreturn void fault_abort(const char *reason)
{
    const uint64_t *here = __builtin_frame_address(0);

    cpu_irq_disable();
    if (report_begin(here[1])) {
        start_line();
        fault_print("@fault kind=arch reason=\"");
        fault_print(reason);
        fault_print("\"\n");
        backtrace_print_from(here[1], here[0]);
    }
    finish();
}
