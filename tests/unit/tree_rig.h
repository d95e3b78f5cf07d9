/*
 * tree_rig.h: for tests of file systems: the one tree that programs see, its root the sample of
 * root_sample.h, and what they do with it. What fails where it may not is the test's failure.
 */
#ifndef TEST_TREE_RIG_H
#define TEST_TREE_RIG_H

#include <stdbool.h>
#include <stdint.h>

#include "kernel/fs/walk.h"

extern bool tree_second_thread; /* number 80, beside 77: it is there */

/* A group's setup. */
int tree_open(void **state);

/* 0 or -errno. how: WALK_… */
int tree_walk(const char *path, uint32_t how, struct walked *walked);
int tree_make(const char *path, uint32_t mode, const char *target);
int tree_remove(const char *path, bool folder);
int tree_move(const char *old, const char *new, uint32_t flags);

struct place tree_find(const char *path);
struct file_stat stat_of(const char *path);
const char *path_of(const char *path);
/* All names of a folder, in their order, each with a blank behind it. */
const char *names_of(const char *path);

struct file *open_file(const char *path, uint32_t flags);
int64_t write_text(struct file *file, const char *text);
const char *read_text(struct file *file);

void expect_error(const char *path, uint32_t how, int expected);
void expect_same(const char *a, const char *b);
void expect_text(const char *path, const char *text);

#endif
