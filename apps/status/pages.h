/* What is served: the page for people and the same as JSON. */
#ifndef STATUS_PAGES_H
#define STATUS_PAGES_H

#include <stddef.h>

struct page {
    const char *type;
    const char *body;
    size_t len;
    char *owned; /* to be freed once sent; NULL for a page that is constant */
};

/* Makes the page at @path. HTTP status: 200, 404, 503 when memory is short. */
int page_make(const char *path, struct page *page);

/* A short page that says what went wrong. */
void page_error(int status, struct page *page);

/* page.c: the page's text. */
extern const char page_html[];
extern const size_t page_html_len;

#endif
