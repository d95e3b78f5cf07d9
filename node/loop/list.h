/*
 * list.h: doubly linked lists whose links live in the members. A link that is in
 * no list points at itself, so removing it again does no harm. A list is one thread's.
 */
#ifndef MF_NODE_LOOP_LIST_H
#define MF_NODE_LOOP_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct link {
    struct link *next, *prev;
};

/* The member that holds a link: list_of(link, struct call, waiting). */
#define list_of(link_, type, member) ((type *)(void *)((char *)(link_) - offsetof(type, member)))

/* Of a list's head, and of a link before its first use. */
static inline void link_init(struct link *link)
{
    link->next = link->prev = link;
}

static inline bool list_empty(const struct link *list)
{
    return list->next == list;
}

static inline void list_remove(struct link *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    link_init(link);
}

/* Both leave the list that the link is in, if it is in one. */
static inline void list_append(struct link *list, struct link *link)
{
    list_remove(link);
    link->prev = list->prev;
    link->next = list;
    list->prev->next = link;
    list->prev = link;
}

static inline void list_prepend(struct link *list, struct link *link)
{
    list_append(list->next, link);
}

#define list_each(at, list) for (struct link *at = (list)->next; at != (list); at = at->next)

/* The same where the body may remove `at`. */
#define list_each_safe(at, list)                                                  \
    for (struct link *at = (list)->next, *at##_next = at->next; at != (list); \
         at = at##_next, at##_next = at->next)

#endif
