/*
 * The line editor: keys to changes of a line, and the line's picture on the terminal. Typing at the
 * end only echoes, so that a script sees what it sent; escape sequences are sent for nothing else
 * than editing within the line.
 */
#include <string.h>

#include "kernel/console_private.h"
#include "kernel/log.h"
#include "kernel/log_line.h"

#define CTRL(letter) ((letter)&0x1f)
#define ESCAPE       0x1b
#define DELETE       0x7f
#define ERASE_TO_END "\x1b[K"
#define CLEAR_SCREEN "\x1b[H\x1b[2J"
#define BELL         "\a"

/* Where an escape sequence stands: ESC, ESC [ digits, ESC O. */
enum sequence {
    SEQ_NONE,
    SEQ_ESCAPE,
    SEQ_BRACKET,
    SEQ_LETTER
};

static char line[CONSOLE_LINE_MAX];
static size_t len, cursor;
static char typed[CONSOLE_LINE_MAX]; /* the new line, while older ones are shown */
static unsigned history_age;
static bool after_cr;
static enum sequence sequence;
static unsigned sequence_number;

static volatile bool editing; /* between edit_begin() and the line's end */
static volatile bool on_screen;

/* A message is about to be written: leave the line as it is and go below it. */
static bool leave(void)
{
    if (!on_screen)
        return false;
    on_screen = false;
    log_line_start();
    return true;
}

void edit_init(void (*wake)(void))
{
    log_line_set_hooks(leave, wake);
}

/* Shows the line anew, at the start of a terminal line. */
static void redraw(void)
{
    uint64_t state = log_line_lock();

    if (on_screen)
        log_line_write("\r" ERASE_TO_END, 1 + sizeof(ERASE_TO_END) - 1);
    else
        log_line_start();
    log_line_write(CONSOLE_PROMPT, sizeof(CONSOLE_PROMPT) - 1);
    log_line_write(line, len);
    for (size_t i = cursor; i < len; i++)
        log_line_write("\b", 1);
    on_screen = true;
    log_line_unlock(state);
}

/* Writes what turns the old picture of the line into the new one; all of it if the old one is gone.
 */
static void draw(const char *text, size_t text_len)
{
    uint64_t state = log_line_lock();

    if (on_screen)
        log_line_write(text, text_len);
    else
        redraw();
    log_line_unlock(state);
}

static void draw_text(const char *text)
{
    draw(text, strlen(text));
}

bool edit_refresh_due(void)
{
    return editing && !on_screen;
}

void edit_refresh(void)
{
    if (edit_refresh_due())
        redraw();
}

const char *edit_line(void)
{
    return line;
}

void edit_begin(void)
{
    len = cursor = 0;
    line[0] = '\0';
    history_age = 0;
    editing = true;
    redraw();
}

static void end_line(const char *text)
{
    uint64_t state = log_line_lock();

    edit_refresh();
    log_line_write(text, strlen(text));
    editing = false;
    on_screen = false;
    log_line_unlock(state);
}

static void set_line(const char *text)
{
    len = strnlen(text, sizeof(line) - 1);
    memmove(line, text, len);
    line[len] = '\0';
    cursor = len;
    redraw();
}

static void insert(const char *text, size_t cnt)
{
    bool at_end = cursor == len;

    if (cnt > sizeof(line) - 1 - len) {
        draw_text(BELL);
        return;
    }
    memmove(line + cursor + cnt, line + cursor, len - cursor + 1);
    memcpy(line + cursor, text, cnt);
    len += cnt;
    cursor += cnt;
    if (at_end)
        draw(text, cnt);
    else
        redraw();
}

/* Removes [@from, @to) and puts the cursor there. */
static void erase(size_t from, size_t to)
{
    bool last = to == len && from + 1 == to && cursor == to;

    if (from == to) {
        draw_text(BELL);
        return;
    }
    memmove(line + from, line + to, len - to + 1);
    len -= to - from;
    cursor = from;
    if (last)
        draw_text("\b \b");
    else
        redraw();
}

static void move_to(size_t position)
{
    if (cursor == position)
        return;
    cursor = position;
    redraw();
}

static size_t word_start(void)
{
    size_t i = cursor;

    while (i > 0 && line[i - 1] == ' ')
        i--;
    while (i > 0 && line[i - 1] != ' ')
        i--;
    return i;
}

static size_t word_end(void)
{
    size_t i = cursor;

    while (i < len && line[i] == ' ')
        i++;
    while (i < len && line[i] != ' ')
        i++;
    return i;
}

static void show_history(unsigned age)
{
    const char *text = age == 0 ? typed : history_get(age);

    if (text == NULL) {
        draw_text(BELL);
        return;
    }
    if (history_age == 0)
        memcpy(typed, line, len + 1);
    history_age = age;
    set_line(text);
}

/* Completes the command name that the cursor stands behind. */
static void complete(void)
{
    size_t start = cursor, common = 0;
    const char *first = NULL;
    unsigned cnt;

    while (start > 0 && line[start - 1] != ';')
        start--;
    while (start < cursor && line[start] == ' ')
        start++;
    if (memchr(line + start, ' ', cursor - start) != NULL) {
        draw_text(BELL);
        return;
    }
    cnt = complete_count(line + start, cursor - start, &first, &common);
    if (cnt == 0) {
        draw_text(BELL);
    } else if (common > cursor - start) {
        insert(first + (cursor - start), common - (cursor - start));
        if (cnt == 1)
            insert(" ", 1);
    } else if (cnt == 1) {
        insert(" ", 1);
    } else {
        complete_print(line + start, cursor - start);
        edit_refresh();
    }
}

/* The sequences that terminals send for Home, Delete, End: ESC [ number ~ */
static void numbered_key(unsigned number)
{
    if (number == 1 || number == 7)
        move_to(0);
    else if (number == 4 || number == 8)
        move_to(len);
    else if (number == 3 && cursor < len)
        erase(cursor, cursor + 1);
}

/* @number is 5 behind a ';' when Ctrl is held. */
static void lettered_key(char letter, unsigned number)
{
    bool by_word = number % 10 == 5;

    switch (letter) {
    case 'A':
        show_history(history_age + 1);
        break;
    case 'B':
        if (history_age > 0)
            show_history(history_age - 1);
        break;
    case 'C':
        if (cursor < len)
            move_to(by_word ? word_end() : cursor + 1);
        break;
    case 'D':
        if (cursor > 0)
            move_to(by_word ? word_start() : cursor - 1);
        break;
    case 'H':
        move_to(0);
        break;
    case 'F':
        move_to(len);
        break;
    case '~':
        numbered_key(number);
        break;
    default:
        break;
    }
}

static void sequence_key(char key)
{
    if (sequence == SEQ_ESCAPE) {
        sequence_number = 0;
        sequence = key == '[' ? SEQ_BRACKET : key == 'O' ? SEQ_LETTER : SEQ_NONE;
        return;
    }
    if (sequence == SEQ_BRACKET && ((key >= '0' && key <= '9') || key == ';')) {
        if (key != ';')
            sequence_number = (sequence_number * 10 + (unsigned)(key - '0')) % 1000;
        return;
    }
    sequence = SEQ_NONE;
    lettered_key(key, sequence_number);
}

static void control_key(char key)
{
    switch (key) {
    case ESCAPE:
        sequence = SEQ_ESCAPE;
        break;
    case CTRL('A'):
        move_to(0);
        break;
    case CTRL('B'):
        lettered_key('D', 0);
        break;
    case CTRL('D'):
        if (cursor < len)
            erase(cursor, cursor + 1);
        break;
    case CTRL('E'):
        move_to(len);
        break;
    case CTRL('F'):
        lettered_key('C', 0);
        break;
    case CTRL('H'):
    case DELETE:
        erase(cursor > 0 ? cursor - 1 : 0, cursor);
        break;
    case '\t':
        complete();
        break;
    case CTRL('K'):
        erase(cursor, len);
        break;
    case CTRL('L'):
        draw_text(CLEAR_SCREEN);
        redraw();
        break;
    case CTRL('N'):
        lettered_key('B', 0);
        break;
    case CTRL('P'):
        lettered_key('A', 0);
        break;
    case CTRL('U'):
        erase(0, cursor);
        break;
    case CTRL('W'):
        erase(word_start(), cursor);
        break;
    default:
        break;
    }
}

bool edit_key(char key)
{
    bool second_of_crlf = after_cr && key == '\n';

    after_cr = key == '\r';
    if (second_of_crlf)
        return false;
    if (sequence != SEQ_NONE && key >= ' ') {
        sequence_key(key);
        return false;
    }
    sequence = SEQ_NONE;
    if (key == '\r' || key == '\n') {
        end_line("\n");
        history_add(line);
        return true;
    }
    if (key == CTRL('C')) {
        end_line("^C\n");
        line[0] = '\0';
        return true;
    }
    if (key < ' ' || key == DELETE)
        control_key(key);
    else
        insert(&key, 1);
    return false;
}
