/* library.c: the C library at large: output, numbers, sorting, threads' data, arguments,
 * random bytes, files that are not there. Agreement: every line. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>
#include <wchar.h>

static __thread int thread_word = 41;
static _Thread_local char thread_text[64] = "in the thread's own data";
static jmp_buf jump;

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void at_end(void)
{
    printf("at exit\n");
}

static int deep(int n)
{
    volatile char room[200];
    room[n % 200] = (char)n;
    if (n <= 0)
        return 0;
    if (n == 1)
        longjmp(jump, 7);
    return deep(n - 1) + room[n % 200];
}

static void numbers(void)
{
    double x[500];
    unsigned s = 3;
    for (int i = 0; i < 500; i++) {
        s = s * 1103515245u + 12345u;
        x[i] = sin(s % 10000) * pow(1.01, i % 50) + log1p(i);
    }
    qsort(x, 500, sizeof x[0], by_value);
    printf("%.12g %.12g %a\n", x[0], x[499], x[250]);
    printf("%10.3f|%-8d|%+d|%x|%o|%e|%g|%s|%c|%5.2s|%%\n", 3.14159, 42, 7, 255u, 8u, 12345.678,
           1e-9, "text", 'c', "cut");
    printf("%s %lld %lu\n", strtod("1e3x", NULL) == 1000 ? "1000" : "?", atoll("-99999999999"),
           strtoul("0xffff", NULL, 0));
    int a = 0;
    float b = 0;
    char word[16] = "";
    printf("%d", sscanf("12 3.5 word", "%d %f %15s", &a, &b, word));
    printf(" %d %.1f %s\n", a, (double)b, word);
}

static void failed(const char *what, long got)
{
    printf("%s: %ld %s\n", what, got, strerror(errno));
}

static void files(void)
{
    struct stat st;
    char buffer[64];
    failed("open", open("/no/such/file", O_RDONLY));
    failed("fopen", fopen("/no/such/file", "r") == NULL);
    failed("stat", stat("/no/such/file", &st));
    failed("access", access("/no/such/file", R_OK));
    failed("readlink", readlink("/no/such/file", buffer, 8));
    printf("read past the end: %d\n", (int)read(0, buffer, sizeof buffer));
    failed("bad descriptor", write(77, "x", 1));
    failed("seek in a pipe", lseek(1, 0, SEEK_SET));
    int got = fstat(1, &st);
    printf("stdout is a pipe: %d %d\n", got, S_ISFIFO(st.st_mode));
    failed("stdout is no terminal", isatty(1));
    failed("bad pointer", write(1, (void *)(uintptr_t)16, 5));
    struct iovec vector[3] = {{"one, ", 5}, {"two, ", 5}, {"three\n", 6}};
    fflush(stdout);
    printf("writev: %d\n", (int)writev(1, vector, 3));
    char line[3000];
    memset(line, 'l', sizeof line);
    line[sizeof line - 1] = 0;
    puts(line);
    printf("directory: %s\n", getcwd(buffer, sizeof buffer) ? "ok" : "?");
    printf("descriptor flags: %d %d\n", fcntl(1, F_GETFD), fcntl(9, F_GETFD));
}

static void randomness(void)
{
    unsigned char a[300] = {0}, b[300] = {0};
    int same = 0, set = 0;
    printf("getrandom: %d %d\n", (int)getrandom(a, sizeof a, 0), (int)getrandom(b, sizeof b, 0));
    printf("with flags: %d %d %d\n", (int)getrandom(b, 1, GRND_NONBLOCK | GRND_RANDOM), (int)getrandom(b, 1, 6),
           (int)getrandom(b, 1, 8)); /* neither both sources, nor what is none */
    for (unsigned i = 0; i < sizeof a; i++) {
        same += a[i] == b[i];
        set += __builtin_popcount(a[i]);
    }
    printf("differ: %d, half of the bits: %d\n", same < 20, set > 1000 && set < 1400);
    const unsigned char *at_start = (void *)getauxval(AT_RANDOM);
    printf("AT_RANDOM: %d\n", at_start && memcmp(at_start, "\0\0\0\0\0\0\0\0", 8) != 0);
    printf("page size: %lu %ld\n", getauxval(AT_PAGESZ), sysconf(_SC_PAGESIZE));
    printf("clock ticks: %ld\n", sysconf(_SC_CLK_TCK));
    printf("program headers: %d %lu\n", getauxval(AT_PHNUM) > 2, getauxval(AT_PHENT));
    printf("secure: %lu\n", getauxval(AT_SECURE));
}

int main(int argc, char **argv)
{
    atexit(at_end);
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("argc %d, argv[0] %s, argv[1] %p\n", argc, argv[0] ? "there" : "none", (void *)argv[1]);
    printf("thread: %d %s\n", ++thread_word, thread_text);
    printf("environment: %d\n", getenv("NO_SUCH_VARIABLE") == NULL && environ != NULL);
    int n = setenv("OWN", "value", 1);
    printf("setenv: %d %s\n", n, getenv("OWN"));
    numbers();
    n = setjmp(jump);
    if (n == 0)
        n = deep(5000);
    printf("long jump from deep down: %d\n", n);
    files();
    randomness();
    printf("locale: %s\n", setlocale(LC_ALL, "C"));
    wchar_t wide[8];
    printf("wide: %d\n", (int)mbstowcs(wide, "abc", 8));
    printf("process: %d %d\n", getpid() > 0, getpid() == gettid());
    exit(0);
}
