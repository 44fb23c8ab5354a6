/* The boot command line: splitting it into options, and looking values up with their errors
 * reported. */
#include "kernel/bootopt.h"

#include <string.h>

#include "boot/boot_info.h"
#include "kernel/format.h"
#include "kernel/log.h"

#define QUOTED_MAX 320
#define WANTED_MAX 200

struct option {
    const char *key;
    char *value; /* NULL: not given, or reported as bad */
};

static struct option options[] = {
    {"irq", NULL},      {"transport", NULL}, {"ring", NULL}, {"cpus", NULL},
    {"loglevel", NULL}, {"ip", NULL},        {"run", NULL},  {"iommu", NULL},
};
#define OPTION_CNT (sizeof(options) / sizeof(options[0]))

static char line[BOOT_CMDLINE_MAX];
static char words[BOOT_CMDLINE_MAX]; /* the line, cut into keys and unquoted values */

static struct option *find(const char *key, size_t len)
{
    for (size_t i = 0; i < OPTION_CNT; i++) {
        if (strlen(options[i].key) == len && memcmp(options[i].key, key, len) == 0)
            return &options[i];
    }
    return NULL;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/*
 * Unquotes the word at @from in place: quotes group and go away, a backslash inside them takes the
 * next character as it is. Ends it with a NUL; *@closed tells whether the last quote was. Returns
 * where to go on.
 */
static char *cut_word(char *from, bool *closed)
{
    char *to = from;
    bool quoted = false;

    for (; *from != '\0' && (quoted || !is_space(*from)); from++) {
        if (*from == '"') {
            quoted = !quoted;
            continue;
        }
        if (quoted && *from == '\\' && from[1] != '\0')
            from++;
        *to++ = *from;
    }
    *closed = !quoted;
    if (*from != '\0')
        from++;
    *to = '\0';
    return from;
}

/* Words without '=' are the application's, except for those that look like an option with its value
 * forgotten. */
static void take_word(char *word, bool closed)
{
    char quoted[QUOTED_MAX];
    char *equals = strchr(word, '=');
    size_t key_len = equals != NULL ? (size_t)(equals - word) : strlen(word);
    struct option *option = find(word, key_len);

    if (!closed) {
        log_error("boot option %s: the quote is not closed; option ignored",
                  at_quote(quoted, sizeof(quoted), word));
        return;
    }
    if (option == NULL) {
        word[key_len] = '\0';
        if (equals != NULL)
            log_warn("boot option \"%s\": unknown, ignored",
                     at_escape(quoted, sizeof(quoted), word));
        return;
    }
    if (equals == NULL) {
        log_error("boot option \"%s\": no value, want %s=...; option ignored", word, word);
        return;
    }
    option->value = equals + 1;
}

void bootopt_init(const char *cmdline)
{
    size_t len = strnlen(cmdline, sizeof(line));
    char *next = words;

    for (size_t i = 0; i < OPTION_CNT; i++)
        options[i].value = NULL;
    /* What brought it here had no more room either, so a full line is taken for a cut one. */
    if (len >= sizeof(line) - 1) {
        len = sizeof(line) - 1;
        log_error("boot command line: longer than %zu bytes, the rest is ignored", len - 1);
    }
    memcpy(line, cmdline, len);
    line[len] = '\0';
    memcpy(words, line, len + 1);
    while (*next != '\0') {
        char *word = next;
        bool closed;

        if (is_space(*word)) {
            next++;
            continue;
        }
        next = cut_word(word, &closed);
        take_word(word, closed);
    }
}

const char *bootopt_get(const char *key)
{
    const struct option *option = find(key, strlen(key));

    return option != NULL ? option->value : NULL;
}

/* Reports @option's value and forgets it, so that the report comes once. */
static void reject(struct option *option, const char *wanted)
{
    char quoted[QUOTED_MAX];

    log_error("boot option %s=\"%s\": want %s; default stands", option->key,
              at_escape(quoted, sizeof(quoted), option->value), wanted);
    option->value = NULL;
}

int bootopt_choice(const char *key, const struct bootopt_choice *choices, int fallback)
{
    struct option *option = find(key, strlen(key));
    char wanted[WANTED_MAX] = "one of ";
    size_t len = strlen(wanted);

    if (option == NULL || option->value == NULL)
        return fallback;
    for (const struct bootopt_choice *c = choices; c->name != NULL; c++) {
        if (strcmp(c->name, option->value) == 0)
            return c->value;
        len += (size_t)format(wanted + len, sizeof(wanted) - len, "%s%s", c->name,
                              c[1].name != NULL ? ", " : "");
        if (len >= sizeof(wanted))
            len = sizeof(wanted) - 1;
    }
    reject(option, wanted);
    return fallback;
}

/* Decimal digits only; anything that does not fit is too large for every caller. */
static bool parse_number(const char *text, unsigned long *value)
{
    if (*text == '\0')
        return false;
    for (*value = 0; *text != '\0'; text++) {
        if (*text < '0' || *text > '9' || *value > 1000000000000ul)
            return false;
        *value = *value * 10 + (unsigned long)(*text - '0');
    }
    return true;
}

unsigned long bootopt_number(const char *key, unsigned long min, unsigned long max,
                             unsigned long fallback)
{
    struct option *option = find(key, strlen(key));
    char wanted[WANTED_MAX];
    unsigned long value;

    if (option == NULL || option->value == NULL)
        return fallback;
    if (parse_number(option->value, &value) && value >= min && value <= max)
        return value;
    format(wanted, sizeof(wanted), "a number from %lu to %lu", min, max);
    reject(option, wanted);
    return fallback;
}

const char *bootopt_line(void)
{
    return line;
}
