/* names.c: names of sockets that are paths: each is a file, which others find it by. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static void say(const char *what, long result)
{
    printf("%s: %ld %s\n", what, result, result < 0 ? strerror(errno) : "");
}
#define SAY(call) say(#call, (long)(call))

static struct sockaddr_un address(const char *path)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    memcpy(name.sun_path, path, strlen(path));
    return name;
}

/* Whether a descriptor came, and the calls on it, not which one it is. */
static int made(int type)
{
    return socket(AF_UNIX, type, 0);
}

static int bind_to(int fd, const char *path)
{
    const struct sockaddr_un name = address(path);
    return bind(fd, (const struct sockaddr *)&name, sizeof name);
}

static int connect_to(int fd, const char *path)
{
    const struct sockaddr_un name = address(path);
    return connect(fd, (const struct sockaddr *)&name, sizeof name);
}

static int try_connect(int type, const char *path)
{
    int fd = made(type), result = connect_to(fd, path), error = errno;
    close(fd);
    errno = error;
    return result;
}
#define CONNECT(type, path) say("connect " #type " " path, try_connect(SOCK_##type, path))

static int try_bind(int type, const char *path)
{
    int fd = made(type), result = bind_to(fd, path), error = errno;
    close(fd);
    errno = error;
    return result;
}
#define BIND(path) say("bind " path, try_bind(SOCK_STREAM, path))

static int try_open(const char *path, int flags)
{
    int fd = open(path, flags, 0600), error = errno;
    if (fd >= 0)
        close(fd);
    errno = error;
    return fd < 0 ? -1 : 0;
}
#define OPEN(path, flags) say("open " path " " #flags, try_open(path, flags))

static void look(const char *path)
{
    struct stat stat;
    if (lstat(path, &stat) != 0)
        printf("%s: %s\n", path, strerror(errno));
    else
        printf("%s: mode %o links %lu size %ld\n", path, stat.st_mode, (unsigned long)stat.st_nlink, (long)stat.st_size);
}

static void list(void)
{
    DIR *folder = opendir(".");
    unsigned sockets = 0, others = 0;
    for (struct dirent *entry; (entry = readdir(folder));)
        *(entry->d_type == DT_SOCK ? &sockets : &others) += entry->d_name[0] != '.';
    printf("sockets %u others %u\n", sockets, others);
    closedir(folder);
}

static void named(const char *what, int fd, int (*call)(int, struct sockaddr *, socklen_t *))
{
    struct sockaddr_un name = {0};
    socklen_t bytes = sizeof name;
    int result = call(fd, (struct sockaddr *)&name, &bytes);
    printf("%s: %d %d %s\n", what, result, (int)bytes, bytes > 2 ? name.sun_path : "none");
}

static void accept_one(int listener, int client)
{
    char text[8] = "";
    int fd = accept(listener, NULL, NULL);
    SAY(write(client, "hello", 5));
    SAY(read(fd, text, sizeof text));
    named("accepted", fd, getsockname);
    named("its peer", fd, getpeername);
    named("client", client, getsockname);
    named("its peer", client, getpeername);
    close(fd);
}

static void files(void)
{
    int fd = made(SOCK_STREAM);
    umask(022);
    CONNECT(STREAM, "a");
    SAY(bind_to(fd, "a"));
    look("a");
    list();
    SAY(bind_to(fd, "b"));
    look("b");
    BIND("a");
    BIND("none/a");
    BIND("a/b");
    BIND("b/");
    BIND(".");
    BIND("/");
    BIND("/tmp");
    SAY(try_bind(SOCK_STREAM, "/proc/a") < 0);
    SAY(try_bind(SOCK_STREAM, "/sys/a") < 0);
    SAY(mkdir("folder", 0700));
    BIND("folder");
    BIND("folder/..");
    SAY(symlink("elsewhere", "link"));
    BIND("link");
    umask(077);
    BIND("folder/c");
    look("folder/c");
    umask(0);
    BIND("folder/d");
    look("folder/d");
    umask(022);
    SAY(unlink("folder/c"));
    SAY(unlink("folder/d"));
    SAY(rmdir("folder"));
    SAY(unlink("link"));
    OPEN("a", O_RDONLY);
    OPEN("a", O_RDWR | O_NONBLOCK);
    OPEN("a", O_WRONLY | O_CREAT | O_TRUNC);
    OPEN("a", O_WRONLY | O_CREAT | O_EXCL);
    OPEN("a", O_PATH);
    OPEN("a", O_RDONLY | O_DIRECTORY);
    SAY(truncate("a", 0));
    SAY(chmod("a", 0640));
    look("a");
    SAY(access("a", R_OK));
    SAY(rmdir("a"));
    SAY(mknod("made", S_IFSOCK | 0666, 0));
    look("made");
    CONNECT(STREAM, "made");
    CONNECT(DGRAM, "made");
    BIND("made");
    SAY(unlink("made"));
    named("name", fd, getsockname);
    close(fd);
    look("a"); /* it stays */
    BIND("a");
    CONNECT(STREAM, "a");
    SAY(unlink("a"));
    BIND("a");
    SAY(unlink("a"));
}

static void streams(void)
{
    int listener = made(SOCK_STREAM), client = made(SOCK_STREAM), second = made(SOCK_STREAM);
    SAY(bind_to(listener, "a"));
    CONNECT(STREAM, "a");
    SAY(listen(listener, 4));
    CONNECT(DGRAM, "a");
    SAY(connect_to(client, "./a"));
    accept_one(listener, client);
    close(client);
    SAY(rename("a", "moved"));
    CONNECT(STREAM, "a");
    client = made(SOCK_STREAM);
    SAY(connect_to(client, "moved"));
    accept_one(listener, client);
    close(client);
    SAY(symlink("moved", "link"));
    SAY(link("moved", "again"));
    look("moved");
    client = made(SOCK_STREAM);
    SAY(bind_to(client, "own"));
    SAY(connect_to(client, "link"));
    accept_one(listener, client);
    SAY(connect_to(second, "again"));
    accept_one(listener, second);
    close(second);
    SAY(unlink("moved"));
    CONNECT(STREAM, "link");
    CONNECT(STREAM, "again");
    close(accept(listener, NULL, NULL));
    second = made(SOCK_STREAM);
    SAY(bind_to(second, "moved"));
    SAY(listen(second, 4));
    CONNECT(STREAM, "link");
    close(accept(second, NULL, NULL));
    SAY(rename("moved", "again")); /* over the other's */
    close(second);
    CONNECT(STREAM, "again");
    close(client);
    close(listener);
    SAY(unlink("own"));
    SAY(unlink("again"));
    SAY(unlink("link"));
    CONNECT(STREAM, "again/further");
    SAY(try_open("plain", O_CREAT | O_WRONLY));
    CONNECT(STREAM, "plain");
    CONNECT(STREAM, "plain/further");
    CONNECT(STREAM, ".");
    BIND("plain");
    SAY(unlink("plain"));
}

static void receive(int fd)
{
    char text[16] = "";
    struct sockaddr_un from = {0};
    socklen_t bytes = sizeof from;
    long got = recvfrom(fd, text, sizeof text - 1, MSG_DONTWAIT, (struct sockaddr *)&from, &bytes);
    printf("received %ld %s from %s\n", got, got < 0 ? strerror(errno) : text, bytes > 2 ? from.sun_path : "nobody");
}

static int send_to(int fd, const char *path)
{
    const struct sockaddr_un to = address(path);
    return (int)sendto(fd, "word", 4, 0, (const struct sockaddr *)&to, sizeof to);
}

static void datagrams(void)
{
    int a = made(SOCK_DGRAM), b = made(SOCK_DGRAM), stream = made(SOCK_STREAM);
    SAY(send_to(a, "b"));
    SAY(bind_to(b, "b"));
    SAY(bind_to(stream, "stream"));
    SAY(send_to(a, "b"));
    receive(b);
    SAY(bind_to(a, "a"));
    SAY(send_to(a, "b"));
    receive(b);
    SAY(send_to(a, "stream"));
    SAY(send_to(a, "none"));
    SAY(send_to(a, "none/there"));
    CONNECT(DGRAM, "stream");
    CONNECT(STREAM, "b");
    CONNECT(DGRAM, "none");
    SAY(connect_to(a, "./b"));
    named("connected", a, getpeername);
    SAY(rename("b", "c"));
    SAY(write(a, "one", 3));
    receive(b);
    SAY(unlink("c"));
    SAY(write(a, "two", 3)); /* it is the socket that it is connected to */
    receive(b);
    SAY(send_to(a, "c"));
    SAY(send_to(b, "a"));
    receive(a);
    close(b);
    b = made(SOCK_DGRAM);
    SAY(bind_to(b, "b"));
    SAY(write(a, "three", 5));
    receive(b);
    SAY(connect_to(a, "b"));
    SAY(write(a, "four", 4));
    receive(b);
    close(a);
    close(b);
    close(stream);
    SAY(send_to(made(SOCK_DGRAM), "b"));
    SAY(unlink("a"));
    SAY(unlink("b"));
    SAY(unlink("stream"));
}

/* As long as an address can be, without a NUL behind. */
static void long_names(void)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    char path[sizeof name.sun_path + 1];
    int fd = made(SOCK_STREAM), client = made(SOCK_STREAM);
    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = 0;
    memcpy(name.sun_path, path, sizeof name.sun_path);
    SAY(bind(fd, (struct sockaddr *)&name, sizeof name));
    look(path);
    SAY(listen(fd, 1));
    SAY(connect(client, (struct sockaddr *)&name, sizeof name));
    SAY(unlink(path));
    close(fd);
    close(client);
    fd = made(SOCK_STREAM);
    SAY(bind(fd, (struct sockaddr *)&(struct sockaddr_un){AF_UNIX, "cut off"}, offsetof(struct sockaddr_un, sun_path) + 3));
    look("cut");
    SAY(unlink("cut"));
    close(fd);
}

int main(void)
{
    char folder[] = "/tmp/names.XXXXXX";
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (!mkdtemp(folder) || chdir(folder) != 0)
        return 1;
    files();
    streams();
    datagrams();
    long_names();
    list();
    chdir("/");
    SAY(rmdir(folder));
    return 0;
}
