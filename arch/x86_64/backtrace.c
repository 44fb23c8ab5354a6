/* Backtraces along frame pointers, with names from the table that the build links in (offsets from
 * _text_start). */
#include "arch/x86_64/backtrace.h"

#include <stdbool.h>
#include <stddef.h>

#include "arch/context.h"
#include "arch/x86_64/fault_private.h"
#include "arch/x86_64/paging.h"

#define BACKTRACE_MAX 32
#define LINE_MAX      160

extern const uint32_t ksyms_count;
extern const struct ksym {
    uint32_t text_off, name_off;
} ksyms[];
extern const char ksyms_names[];

extern char _text_start[], _text_end[], _image_end[], _data_start[];

/* The last symbol at or before @off, or NULL. */
static const struct ksym *find_symbol(uint32_t off)
{
    uint32_t low = 0, high = ksyms_count;

    while (low < high) {
        uint32_t mid = low + (high - low) / 2;

        if (ksyms[mid].text_off <= off)
            low = mid + 1;
        else
            high = mid;
    }
    return low > 0 ? &ksyms[low - 1] : NULL;
}

/* @back is 1 for return addresses: behind a call that never returns may begin the next function. */
static void add_function(struct text *text, uint64_t rip, unsigned back)
{
    uint64_t off = rip - (uintptr_t)_text_start;
    const struct ksym *symbol = NULL;

    if (off - back < (uint64_t)(_text_end - _text_start))
        symbol = find_symbol((uint32_t)off - back);
    if (symbol == NULL) {
        text_add(text, "?");
        return;
    }
    text_add(text, ksyms_names + symbol->name_off);
    text_add(text, "+");
    text_add_hex(text, off - symbol->text_off, 1);
}

void backtrace_add_function(struct text *text, uint64_t rip)
{
    add_function(text, rip, 0);
}

static void print_frame(unsigned n, uint64_t rip)
{
    char line[LINE_MAX];
    struct text text;

    text_init(&text, line, sizeof(line));
    text_add(&text, n < 10 ? "  #" : " #");
    text_add_decimal(&text, n);
    text_add(&text, " ");
    text_add_hex(&text, rip, 16);
    text_add(&text, " ");
    add_function(&text, rip, n > 0);
    text_add(&text, "\n");
    fault_print(line);
}

/* Frames lie in the image's stacks or in mapped memory; 16 bytes of each are read. */
static bool frame_is_readable(uint64_t rbp)
{
    if ((rbp & 7) != 0)
        return false;
    if (rbp >= (uintptr_t)_data_start && rbp < (uintptr_t)_image_end - 16 && !memory_is_guard(rbp))
        return true;
    return paging_lookup(rbp) != UINT64_MAX && paging_lookup(rbp + 8) != UINT64_MAX;
}

void backtrace_print_from(uint64_t rip, uint64_t rbp)
{
    for (unsigned n = 0; n < BACKTRACE_MAX; n++) {
        const uint64_t *frame = (const uint64_t *)(uintptr_t)rbp;

        print_frame(n, rip);
        if (rbp == 0 || !frame_is_readable(rbp))
            return;
        /* Callers lie higher; only an interrupted stack may lie anywhere. */
        if (frame[0] == rbp || frame[1] == 0)
            return;
        rip = frame[1];
        rbp = frame[0];
    }
}

__attribute__((noinline)) void backtrace_print(void)
{
    const uint64_t *frame = __builtin_frame_address(0);

    backtrace_print_from(frame[1], frame[0]);
}
