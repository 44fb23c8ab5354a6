/* Intrusive doubly linked list with a sentinel head. */
#ifndef KERNEL_LIST_H
#define KERNEL_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next, *prev;
};

/* Loop variables cannot stand in parentheses. NOLINTBEGIN(bugprone-macro-parentheses) */
#define LIST_INIT(l) \
    {                \
        &(l), &(l)   \
    }
#define CONTAINER_OF(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))
#define LIST_FOR_EACH(it, head)         for (struct list *it = (head)->next; it != (head); it = it->next)
/* The body may remove @it. */
#define LIST_FOR_EACH_SAFE(it, tmp, head) \
    for (struct list *it = (head)->next, *tmp = it->next; it != (head); it = tmp, tmp = tmp->next)
/* NOLINTEND(bugprone-macro-parentheses) */

static inline void list_init(struct list *l)
{
    l->next = l->prev = l;
}

static inline bool list_empty(const struct list *l)
{
    return l->next == l;
}

static inline void list_insert_before(struct list *pos, struct list *item)
{
    struct list *prev = pos->prev;

    item->prev = prev;
    item->next = pos;
    prev->next = item;
    pos->prev = item;
}

static inline void list_append(struct list *head, struct list *item)
{
    list_insert_before(head, item);
}

/* Leaves @item empty, so that removing twice is harmless. */
static inline void list_remove(struct list *item)
{
    struct list *prev = item->prev, *next = item->next;

    prev->next = next;
    next->prev = prev;
    list_init(item);
}

#endif
