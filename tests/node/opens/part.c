/* part.c: a library of opens.c; PART is its name. */
#include <stddef.h>

#define ZEROS 20000 /* behind the file's end in memory */

void opens_tell(const char *who, const char *what);

static int counter = 40;
static int zeros[ZEROS];
static __thread int own = 7;

static int one(void)
{
    return ++counter;
}

static int two(void)
{
    return counter * 2;
}

static int (*const table[])(void) = {one, two}; /* relocated, then read-only */
static int (*changing[])(void) = {two, one};

int step_data(void)
{
    return ++counter;
}

int step_zeros(void)
{
    int sum = 0;
    for (size_t i = 0; i < ZEROS; i += 512)
        sum += ++zeros[i];
    return sum + ++zeros[ZEROS - 1];
}

int step_table(void)
{
    int (*first)(void) = changing[0];
    changing[0] = changing[1];
    changing[1] = first;
    return table[0]() + table[1]() + first();
}

int step_thread(void)
{
    return ++own;
}

static int chosen(void)
{
    return 5;
}

__attribute__((used)) static int (*choose(void))(void)
{
    return chosen;
}
int step_chosen(void) __attribute__((ifunc("choose")));

__attribute__((constructor)) static void begin(void)
{
    opens_tell(PART, "begins");
}

__attribute__((destructor)) static void end(void)
{
    opens_tell(PART, "ends");
}
