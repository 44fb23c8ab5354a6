/* The status server's HTTP: requests whole, in parts, wrong and hostile. */
/* sources: apps/status/http.c */
/* cflags: -Iapps/status */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "apps/status/http.h"

static int parse(const char *text, struct http_request *request)
{
    return http_parse(text, strlen(text), request);
}

static void test_plain(void **state)
{
    static const char text[] = "GET /json?x=1 HTTP/1.1\r\nHost: a\r\n\r\n";
    struct http_request request;

    (void)state;
    assert_int_equal(parse(text, &request), sizeof(text) - 1);
    assert_string_equal(request.path, "/json");
    assert_true(request.keep_alive);
    assert_false(request.head || request.has_body);
}

static void test_every_prefix_is_incomplete(void **state)
{
    static const char text[] = "HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    struct http_request request;

    (void)state;
    for (size_t len = 0; len < sizeof(text) - 1; len++)
        assert_int_equal(http_parse(text, len, &request), 0);
    assert_int_equal(http_parse(text, sizeof(text) - 1, &request), sizeof(text) - 1);
    assert_true(request.head);
    assert_false(request.keep_alive);
}

static void test_forms(void **state)
{
    struct http_request request;

    (void)state;
    assert_true(parse("GET http://a.b:80/json HTTP/1.1\nHost:a\n\n", &request) > 0);
    assert_string_equal(request.path, "/json");
    assert_true(parse("GET / HTTP/1.0\r\n\r\n", &request) > 0);
    assert_false(request.keep_alive);
    assert_true(parse("GET / HTTP/1.0\r\nConnection: x, Keep-Alive\r\n\r\n", &request) > 0);
    assert_true(request.keep_alive);
    assert_true(parse("GET / HTTP/1.0\r\nContent-Length: 5\r\n\r\n", &request) > 0);
    assert_true(request.has_body);
    assert_true(parse("GET / HTTP/1.0\r\nContent-Length:  0\r\n\r\n", &request) > 0);
    assert_false(request.has_body);
    assert_int_equal(parse("GET / HTTP/1.0\r\n\r\nGET", &request), 18);
}

static void test_long_path(void **state)
{
    char text[200] = "GET /";
    struct http_request request;

    (void)state;
    memset(text + 5, 'x', 120);
    strcat(text, " HTTP/1.0\r\n\r\n");
    assert_true(parse(text, &request) > 0);
    assert_string_equal(request.path, "");
}

static void test_wrong(void **state)
{
    static const struct {
        const char *text;
        int status;
    } cases[] = {
        {"\r\n\r\n", -400},
        {"GET\r\n\r\n", -400},
        {"GET / FTP/1.1x\r\n\r\n", -400},
        {"get / HTTP/1.1\r\nHost: a\r\n\r\n", -400},
        {"GET json HTTP/1.1\r\nHost: a\r\n\r\n", -400},
        {"GET http://a HTTP/1.1\r\nHost: a\r\n\r\n", -400},
        {"GET / HTTP/1.1\r\n\r\n", -400},
        {"GET / HTTP/1.1\r\nHost\r\n\r\n", -400},
        {"GET / HTTP/1.1\r\nHo st: a\r\n\r\n", -400},
        {"GET / HTTP/1.1\r\n: a\r\n\r\n", -400},
        {"GET /\x01", -400},
        {"POST / HTTP/1.1\r\nHost: a\r\n\r\n", -405},
        {"GET / HTTP/2.0\r\n\r\n", -505},
    };
    struct http_request request;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(parse(cases[i].text, &request), cases[i].status);
    assert_int_equal(http_parse("GET \0 ", 6, &request), -400);
}

/* Mutations of a good request: whatever comes out, nothing is read or written out of bounds. */
static void test_mutations(void **state)
{
    static const char good[] =
        "GET /json?a=b HTTP/1.1\r\nHost: h\r\nConnection: a,b , close\r\n\r\n";
    static const char bytes[] = "\r\n :/?,\tG0";
    struct http_request request;
    unsigned seed = 1;

    (void)state;
    for (unsigned round = 0; round < 20000; round++) {
        size_t len = sizeof(good) - 1;
        char *text = malloc(len); /* exact, so that the sanitizer sees a read past the end */
        int taken;

        memcpy(text, good, len);
        for (unsigned i = 0; i < 4; i++) {
            seed = seed * 1103515245 + 12345;
            text[(seed >> 16) % len] = bytes[(seed >> 8) % (sizeof(bytes) - 1)];
        }
        taken = http_parse(text, len, &request);
        assert_true(taken <= (int)len);
        assert_true(strlen(request.path) < HTTP_PATH_MAX);
        free(text);
    }
}

static void test_head(void **state)
{
    char buf[320];
    size_t len = http_head(buf, sizeof(buf), 431, "text/plain; charset=utf-8", SIZE_MAX, true);

    (void)state;
    assert_true(len < sizeof(buf) - 1);
    assert_int_equal(strlen(buf), len);
    assert_string_equal(buf + len - 4, "\r\n\r\n");
    http_head(buf, sizeof(buf), 405, "text/plain", 0, false);
    assert_non_null(strstr(buf, "Allow: GET, HEAD\r\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain), cmocka_unit_test(test_every_prefix_is_incomplete),
        cmocka_unit_test(test_forms), cmocka_unit_test(test_long_path),
        cmocka_unit_test(test_wrong), cmocka_unit_test(test_mutations),
        cmocka_unit_test(test_head),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
