/* The console command "vport": looks at ports to the host, and uses them as a program would. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/console.h"
#include "kernel/log.h"
#include "kernel/sha256.h"
#include "vring0/port.h"

#define LINE_LEN   512
#define BUFFER_LEN 16384u
#define STEP_NS    100000000ull /* between two looks at Ctrl-C */

static const char *yes_no(bool yes)
{
    return yes ? "yes" : "no";
}

static int list_ports(void)
{
    char label[2 * PORT_LABEL_MAX + 2];
    struct port_info info;
    struct port *port;

    for (unsigned i = 0; (port = port_get(i)) != NULL; i++) {
        port_info(port, &info);
        at_line("port",
                "name=%s label=%s console=%s open=%s used=%s rx=%llu tx=%llu dropped=%llu cols=%u "
                "rows=%u",
                info.name, at_quote(label, sizeof(label), info.label), yes_no(info.is_console),
                yes_no(info.host_open), yes_no(info.opened), (unsigned long long)info.rx_bytes,
                (unsigned long long)info.tx_bytes, (unsigned long long)info.drop_bytes, info.cols,
                info.rows);
    }
    return 0;
}

/* Ports that commands opened stay open until "vport close", so that what the host sends is kept. */
static int use_port(const char *name, struct port **port)
{
    struct port_info info;

    *port = port_find(name);
    if (*port == NULL)
        return console_fail(-ENOENT, "no port %s", name);
    port_info(*port, &info);
    if (info.is_console)
        return console_fail(-EBUSY, "%s shows the console", info.name);
    if (info.stale)
        port_close(*port);
    if ((!info.opened || info.stale) && port_open(*port) != 0)
        return console_fail(-EBUSY, "%s cannot be opened", info.name);
    return 0;
}

static int fail_port(const char *name, int64_t rc)
{
    if (rc == 0)
        return console_fail(-EPIPE, "%s: the host's end is closed", name);
    return console_fail((int)rc, "%s: %s", name, strerror((int)-rc));
}

static int write_all(struct port *port, const char *name, const char *data, size_t len)
{
    while (len > 0) {
        int64_t done = port_write(port, data, len, STEP_NS);

        if (console_interrupted())
            return console_fail(-EINTR, "interrupted");
        if (done < 0 && done != -EAGAIN)
            return fail_port(name, done);
        if (done > 0) {
            data += done;
            len -= (size_t)done;
        }
    }
    return 0;
}

/* Up to @len bytes, at least one; waits for it until Ctrl-C. */
static int64_t read_some(struct port *port, const char *name, char *data, size_t len)
{
    for (;;) {
        int64_t done = port_read(port, data, len, STEP_NS);

        if (done > 0)
            return done;
        if (done != -EAGAIN)
            return fail_port(name, done);
        if (console_interrupted())
            return console_fail(-EINTR, "interrupted");
    }
}

static int send_text(struct port *port, char **argv)
{
    int rc = write_all(port, argv[2], argv[3], strlen(argv[3]));

    return rc != 0 ? rc : write_all(port, argv[2], "\n", 1);
}

/* One line, up to its newline. */
static int receive_line(struct port *port, char **argv)
{
    char line[LINE_LEN], quoted[2 * LINE_LEN + 2];
    size_t len = 0;

    while (len < sizeof(line) - 1) {
        int64_t rc = read_some(port, argv[2], &line[len], 1);

        if (rc < 0)
            return (int)rc;
        if (line[len] == '\n')
            break;
        len++;
    }
    line[len] = '\0';
    at_line("result", "name=line value=%s unit=text", at_quote(quoted, sizeof(quoted), line));
    return 0;
}

/* Sends COUNT bytes back as they come. */
static int echo(struct port *port, char **argv, char *buffer)
{
    unsigned long long left;
    char text[SHA256_TEXT_LEN];
    struct sha256 hash;
    int rc = console_number(argv[3], "COUNT", &left);

    sha256_init(&hash);
    while (rc == 0 && left > 0) {
        int64_t got =
            read_some(port, argv[2], buffer, left < BUFFER_LEN ? (size_t)left : BUFFER_LEN);

        if (got < 0)
            return (int)got;
        sha256_update(&hash, buffer, (size_t)got);
        rc = write_all(port, argv[2], buffer, (size_t)got);
        left -= (unsigned long long)got;
    }
    if (rc != 0)
        return rc;
    sha256_final_text(&hash, text);
    at_line("result", "name=sha256 value=%s unit=hex", text);
    return 0;
}

static int run_echo(struct port *port, char **argv)
{
    char *buffer = malloc(BUFFER_LEN);
    int rc = buffer != NULL ? echo(port, argv, buffer) : -ENOMEM;

    free(buffer);
    return rc;
}

static int run_open(struct port *port, char **argv)
{
    (void)port;
    (void)argv;
    return 0;
}

static int run_close(struct port *port, char **argv)
{
    (void)argv;
    port_close(port);
    return 0;
}

static const struct {
    const char *verb;
    int argc;
    int (*run)(struct port *port, char **argv);
} verbs[] = {
    {"open", 3, run_open}, {"send", 4, send_text},  {"recv", 3, receive_line},
    {"echo", 4, run_echo}, {"close", 3, run_close},
};

static int vport_run(int argc, char **argv)
{
    struct port *port;

    if (argc == 1)
        return list_ports();
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (argc == verbs[i].argc && strcmp(argv[1], verbs[i].verb) == 0) {
            int rc = use_port(argv[2], &port);

            return rc != 0 ? rc : verbs[i].run(port, argv);
        }
    }
    return console_usage();
}

CONSOLE_COMMAND(vport, .name = "vport",
                .usage = "vport\n"
                         "vport open NAME\n"
                         "vport send NAME TEXT\n"
                         "vport recv NAME\n"
                         "vport echo NAME COUNT\n"
                         "vport close NAME",
                .summary = "ports to the host, by name or label", .run = vport_run);
