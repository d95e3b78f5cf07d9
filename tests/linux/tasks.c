/* tasks.c: what /proc tells of the process, of its threads by their numbers, and of its memory. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define THREADS 3

static void say(const char *what, long result)
{
    printf("%s: %ld %s\n", what, result, result < 0 ? strerror(errno) : "");
}
#define SAY(call) say(#call, (long)(call))

static sem_t begun, may_end;
static int numbers[THREADS];

static void *waits(void *which)
{
    char name[16];
    snprintf(name, sizeof name, "thread (%d)", (int)(long)which);
    prctl(PR_SET_NAME, name);
    numbers[(long)which] = (int)syscall(SYS_gettid);
    sem_post(&begun);
    sem_wait(&may_end);
    return NULL;
}

/* All of a file of /proc's; "" and a line if it cannot be read. */
static const char *text_of(const char *path)
{
    static char text[8192];
    int fd = open(path, O_RDONLY);
    ssize_t bytes = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (bytes < 0)
        printf("%s\n", strerror(errno));
    close(fd);
    text[bytes > 0 ? bytes : 0] = 0;
    return text;
}

static const char *of_thread(int number, const char *file)
{
    static char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d%s", number, file);
    return path;
}

static int count_threads(void)
{
    int count = 0;
    DIR *folder = opendir("/proc/self/task");
    for (struct dirent *entry; (entry = readdir(folder));)
        count += entry->d_name[0] != '.' && entry->d_type == DT_DIR;
    closedir(folder);
    return count;
}

/* Fields of proc(5)'s stat: number, state, priority, nice, threads; and that there is memory. */
static void show_stat(const char *path, int number)
{
    const char *text = text_of(path), *name = strchr(text, '('), *end = strrchr(text, ')');
    long field[26] = {0};
    char state = '?';
    int at = 0;
    if (!name || !end || sscanf(end, ") %c%n", &state, &at) != 1)
        return;
    end += at;
    for (unsigned i = 4; i <= 24 && sscanf(end, " %ld%n", &field[i], &at) == 1; i++)
        end += at;
    printf("%.*s %c, its number: %d, parent: %d, group: %d, priority: %d, threads %ld, memory: %d\n",
           (int)(strrchr(text, ')') + 1 - name), name, state, atoi(text) == number, field[4] == getppid(),
           field[5] == getpgrp(), field[18] == 20 + field[19] && field[19] == getpriority(PRIO_PROCESS, 0), field[20], field[23] > 0);
}

static void show_status(const char *path, int number)
{
    const char *text = text_of(path);
    for (const char *line = text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        if (strncmp(line, "Name:", 5) == 0 || strncmp(line, "State:", 6) == 0 || strncmp(line, "Threads:", 8) == 0)
            printf("%.*s\n", (int)strcspn(line, "\n"), line);
        if (strncmp(line, "Pid:", 4) == 0)
            printf("its number: %d\n", atoi(line + 4) == number);
        if (strncmp(line, "Tgid:", 5) == 0)
            printf("the process's: %d\n", atoi(line + 5) == getpid());
    }
}

static void rename_to(int number, const char *name)
{
    int fd = open(of_thread(number, "/comm"), O_WRONLY | O_TRUNC);
    SAY(write(fd, name, strlen(name)));
    close(fd);
    printf("%s", text_of(of_thread(number, "/comm")));
}

static int all_sleep(void)
{
    int sleep = 0;
    for (int i = 0; i < THREADS; i++)
        sleep += strncmp(strrchr(text_of(of_thread(numbers[i], "/stat")), ')'), ") S", 3) == 0;
    return sleep == THREADS;
}

static void threads(void)
{
    pthread_t thread[THREADS];
    struct stat stat_now;
    char link[64], expected[64];
    printf("a name: %d\n", strlen(text_of("/proc/self/comm")) > 1);
    prctl(PR_SET_NAME, "the first");
    sem_init(&begun, 0, 0);
    sem_init(&may_end, 0, 0);
    for (long i = 0; i < THREADS; i++)
        pthread_create(&thread[i], NULL, waits, (void *)i);
    for (long i = 0; i < THREADS; i++)
        sem_wait(&begun);
    for (unsigned i = 0; i < 1000 && !all_sleep(); i++)
        usleep(1000);
    SAY(count_threads());
    show_stat("/proc/self/stat", getpid());
    show_stat("/proc/thread-self/stat", getpid());
    show_stat(of_thread(getpid(), "/stat"), getpid());
    show_status("/proc/self/status", getpid());
    printf("%s", text_of("/proc/self/comm"));
    for (int i = 0; i < THREADS; i++) {
        show_stat(of_thread(numbers[i], "/stat"), numbers[i]);
        show_status(of_thread(numbers[i], "/status"), numbers[i]);
        printf("%s", text_of(of_thread(numbers[i], "/comm")));
    }
    link[readlink("/proc/thread-self", link, sizeof link - 1)] = 0;
    snprintf(expected, sizeof expected, "%d/task/%d", getpid(), getpid());
    printf("myself: %d\n", strcmp(link, expected) == 0);
    SAY(stat(of_thread(numbers[1], ""), &stat_now));
    printf("mode %o\n", stat_now.st_mode);
    SAY(stat(of_thread(numbers[1], "/comm"), &stat_now));
    printf("mode %o\n", stat_now.st_mode);
    SAY(pthread_setname_np(thread[0], "by its handle")); /* writes that file */
    printf("%s", text_of(of_thread(numbers[0], "/comm")));
    rename_to(numbers[1], "a name of too many letters");
    rename_to(getpid(), "with\nlines");
    char name[16] = "";
    prctl(PR_GET_NAME, name);
    printf("%s\n", name);
    SAY(open("/proc/self/task/1/stat", O_RDONLY));
    SAY(open("/proc/self/task/x", O_RDONLY));
    SAY(open("/proc/self/task/", O_RDWR));
    SAY(open(of_thread(numbers[1], "/none"), O_RDONLY));
    SAY(access(of_thread(numbers[1], "/stat"), R_OK));
    for (int i = 0; i < THREADS; i++)
        sem_post(&may_end);
    for (int i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    for (unsigned i = 0; i < 1000 && count_threads() > 1; i++)
        usleep(1000); /* who is joined may be about to end still */
    SAY(count_threads());
    SAY(open(of_thread(numbers[1], "/stat"), O_RDONLY));
}

static void memory(void)
{
    uint64_t low, high, offset, number, here = (uint64_t)&low, code = (uint64_t)memory;
    unsigned major, minor, bad = 0;
    char allowed[8], line[512];
    FILE *maps = fopen("/proc/self/maps", "r");
    while (fgets(line, sizeof line, maps)) {
        if (sscanf(line, "%lx-%lx %7s %lx %x:%x %lu", &low, &high, allowed, &offset, &major, &minor, &number) != 7 ||
            low >= high) {
            bad++;
            continue;
        }
        if (here >= low && here < high)
            printf("stack: %s %d\n", allowed, strstr(line, "[stack]") != NULL);
        if (code >= low && code < high)
            printf("code: %s, a name: %d\n", allowed, strchr(line, '/') != NULL);
    }
    fclose(maps);
    printf("%u bad lines\n", bad);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    threads();
    memory();
    return 0;
}
