/*
 * made_table.h: the tree of made.c: what is where. Texts that never change stand here, the others
 * in made_texts.c.
 */
#ifndef KERNEL_FS_MADE_TABLE_H
#define KERNEL_FS_MADE_TABLE_H

/* MOUNT: of files in memory tmp.h's number, and this */
#define MOUNT_SECRETS TMP_COUNT

enum made_kind { FOLDER, TEXT, NAME, CONSTANT, LINK, LINK_TEXT, DESCRIPTORS, TASKS, HERE, MOUNT, NODE };

/*
 * X(ID, parent, name, kind, argument)
 *   TEXT, LINK_TEXT   a function that writes it        CONSTANT, LINK   itself
 *   MOUNT, NODE       which one (tmp.h, device.h)      DESCRIPTORS      a folder of them
 *   NAME              a text that is the name of a thread, and may be written
 *   HERE              a link to the working folder      TASKS            a folder of threads
 * A parent stands before its children.
 */
#define MADE(X)                                                                                   \
    X(ROOT, ROOT, "", FOLDER, 0)                                                                  \
    X(ETC, ROOT, "etc", FOLDER, 0)                                                                \
    X(DEV, ROOT, "dev", FOLDER, 0)                                                                \
    X(PROC, ROOT, "proc", FOLDER, 0)                                                              \
    X(SYS, ROOT, "sys", FOLDER, 0)                                                                \
    X(TMP, ROOT, "tmp", MOUNT, TMP_TMP)                                                           \
    X(RUN, ROOT, "run", MOUNT, TMP_RUN)                                                           \
    X(VAR, ROOT, "var", FOLDER, 0)                                                                \
    X(OPENFAAS, VAR, "openfaas", FOLDER, 0)                                                       \
    X(SECRETS, OPENFAAS, "secrets", MOUNT, MOUNT_SECRETS)                                         \
    X(PASSWD, ETC, "passwd", CONSTANT,                                                            \
      "root:x:0:0:root:/root:/sbin/nologin\n"                                                     \
      "nobody:x:65534:65534:nobody:/tmp:/sbin/nologin\n")                                         \
    X(GROUP, ETC, "group", CONSTANT, "root:x:0:\nnogroup:x:65534:\n")                             \
    X(HOSTS, ETC, "hosts", TEXT, text_hosts)                                                      \
    X(HOSTNAME, ETC, "hostname", TEXT, text_host_name)                                            \
    X(RESOLV, ETC, "resolv.conf", CONSTANT, "nameserver " LOOKUP_SERVER_TEXT "\noptions timeout:5\n") \
    X(NSSWITCH, ETC, "nsswitch.conf", CONSTANT,                                                   \
      "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n")                           \
    X(LOCALTIME, ETC, "localtime", TEXT, text_utc)                                                \
    X(NULL_, DEV, "null", NODE, DEVICE_NULL)                                                      \
    X(ZERO, DEV, "zero", NODE, DEVICE_ZERO)                                                       \
    X(FULL, DEV, "full", NODE, DEVICE_FULL)                                                       \
    X(RANDOM, DEV, "random", NODE, DEVICE_RANDOM)                                                 \
    X(URANDOM, DEV, "urandom", NODE, DEVICE_URANDOM)                                              \
    X(TTY, DEV, "tty", NODE, DEVICE_TTY)                                                          \
    X(DEV_FD, DEV, "fd", LINK, "/proc/self/fd")                                                   \
    X(STDIN, DEV, "stdin", LINK, "/proc/self/fd/0")                                               \
    X(STDOUT, DEV, "stdout", LINK, "/proc/self/fd/1")                                             \
    X(STDERR, DEV, "stderr", LINK, "/proc/self/fd/2")                                             \
    X(SHM, DEV, "shm", MOUNT, TMP_SHM)                                                            \
    X(SELF, PROC, "self", LINK_TEXT, text_process)                                                \
    X(THREAD_SELF, PROC, "thread-self", LINK_TEXT, text_thread)                                   \
    X(MEMINFO, PROC, "meminfo", TEXT, text_memory)                                                \
    X(CPUINFO, PROC, "cpuinfo", TEXT, text_processor)                                             \
    X(PROC_STAT, PROC, "stat", TEXT, text_machine_stat)                                           \
    X(UPTIME, PROC, "uptime", TEXT, text_uptime)                                                  \
    X(LOADAVG, PROC, "loadavg", CONSTANT, "0.00 0.00 0.00 1/1 1\n")                               \
    X(VERSION, PROC, "version", CONSTANT,                                                         \
      "Linux version 6.1.0-mayfly (mayfly) #1 mayfly library OS\n")                               \
    X(FILESYSTEMS, PROC, "filesystems", CONSTANT, "nodev\tproc\nnodev\ttmpfs\n\tsquashfs\n")      \
    X(PROC_MOUNTS, PROC, "mounts", LINK, "self/mounts")                                           \
    X(PROC_SYS, PROC, "sys", FOLDER, 0)                                                           \
    X(SYS_KERNEL, PROC_SYS, "kernel", FOLDER, 0)                                                  \
    X(OSTYPE, SYS_KERNEL, "ostype", CONSTANT, "Linux\n")                                          \
    X(OSRELEASE, SYS_KERNEL, "osrelease", CONSTANT, "6.1.0-mayfly\n")                             \
    X(SYS_VERSION, SYS_KERNEL, "version", CONSTANT, "#1 mayfly library OS\n")                     \
    X(SYS_HOSTNAME, SYS_KERNEL, "hostname", TEXT, text_host_name)                                 \
    X(PID_MAX, SYS_KERNEL, "pid_max", CONSTANT, "4194304\n")                                      \
    X(THREADS_MAX, SYS_KERNEL, "threads-max", CONSTANT, "4096\n")                                 \
    X(NGROUPS_MAX, SYS_KERNEL, "ngroups_max", CONSTANT, "65536\n")                                \
    X(CAP_LAST, SYS_KERNEL, "cap_last_cap", CONSTANT, "40\n")                                     \
    X(KERNEL_RANDOM, SYS_KERNEL, "random", FOLDER, 0)                                             \
    X(BOOT_ID, KERNEL_RANDOM, "boot_id", TEXT, text_random_id)                                    \
    X(UUID, KERNEL_RANDOM, "uuid", TEXT, text_random_id)                                          \
    X(ENTROPY, KERNEL_RANDOM, "entropy_avail", CONSTANT, "256\n")                                 \
    X(SYS_NET, PROC_SYS, "net", FOLDER, 0)                                                        \
    X(NET_CORE, SYS_NET, "core", FOLDER, 0)                                                       \
    X(SOMAXCONN, NET_CORE, "somaxconn", CONSTANT, "4096\n")                                       \
    X(NET_IPV4, SYS_NET, "ipv4", FOLDER, 0)                                                       \
    X(PORT_RANGE, NET_IPV4, "ip_local_port_range", CONSTANT, "32768\t60999\n")                    \
    X(SYS_VM, PROC_SYS, "vm", FOLDER, 0)                                                          \
    X(OVERCOMMIT, SYS_VM, "overcommit_memory", CONSTANT, "1\n")                                   \
    X(MAP_COUNT, SYS_VM, "max_map_count", CONSTANT, "65530\n")                                    \
    X(SYS_FS, PROC_SYS, "fs", FOLDER, 0)                                                          \
    X(FILE_MAX, SYS_FS, "file-max", CONSTANT, "8192\n")                                           \
    X(NR_OPEN, SYS_FS, "nr_open", CONSTANT, "8192\n")                                             \
    X(PIPE_MAX, SYS_FS, "pipe-max-size", CONSTANT, "1048576\n")                                   \
    X(INOTIFY, SYS_FS, "inotify", FOLDER, 0)                                                      \
    X(INOTIFY_EVENTS, INOTIFY, "max_queued_events", CONSTANT, "16384\n")                          \
    X(INOTIFY_COUNT, INOTIFY, "max_user_instances", CONSTANT, "128\n")                            \
    X(INOTIFY_WATCHES, INOTIFY, "max_user_watches", CONSTANT, "8192\n")                           \
    X(PROCESS, PROC, "", FOLDER, 0)                                                               \
    X(MAPS, PROCESS, "maps", TEXT, text_maps)                                                     \
    X(STAT, PROCESS, "stat", TEXT, text_process_stat)                                             \
    X(STATUS, PROCESS, "status", TEXT, text_status)                                               \
    X(STATM, PROCESS, "statm", TEXT, text_statm)                                                  \
    X(CMDLINE, PROCESS, "cmdline", TEXT, text_command_line)                                       \
    X(ENVIRON, PROCESS, "environ", TEXT, text_environment)                                        \
    X(COMM, PROCESS, "comm", NAME, text_command)                                                  \
    X(LIMITS, PROCESS, "limits", TEXT, text_limits)                                               \
    X(MOUNTS, PROCESS, "mounts", CONSTANT,                                                        \
      "mayfly / squashfs ro 0 0\nproc /proc proc rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n"               \
      "tmpfs /run tmpfs rw 0 0\ntmpfs /dev/shm tmpfs rw 0 0\n")                                   \
    X(MOUNTINFO, PROCESS, "mountinfo", TEXT, text_mount_information)                              \
    X(CGROUP, PROCESS, "cgroup", CONSTANT, "0::/\n")                                              \
    X(OOM_SCORE, PROCESS, "oom_score_adj", CONSTANT, "0\n")                                       \
    X(EXE, PROCESS, "exe", LINK_TEXT, text_program)                                               \
    X(CWD, PROCESS, "cwd", HERE, 0)                                                               \
    X(PROCESS_ROOT, PROCESS, "root", LINK, "/")                                                   \
    X(FD, PROCESS, "fd", DESCRIPTORS, 0)                                                          \
    X(TASKS, PROCESS, "task", TASKS, 0)                                                           \
    X(DEVICES, SYS, "devices", FOLDER, 0)                                                         \
    X(SYSTEM, DEVICES, "system", FOLDER, 0)                                                       \
    X(CPU, SYSTEM, "cpu", FOLDER, 0)                                                              \
    X(ONLINE, CPU, "online", CONSTANT, "0\n")                                                     \
    X(POSSIBLE, CPU, "possible", CONSTANT, "0\n")                                                 \
    X(PRESENT, CPU, "present", CONSTANT, "0\n")                                                   \
    X(CPU0, CPU, "cpu0", FOLDER, 0)                                                               \
    X(KERNEL, SYS, "kernel", FOLDER, 0)                                                           \
    X(MM, KERNEL, "mm", FOLDER, 0)                                                                \
    X(HUGE, MM, "transparent_hugepage", FOLDER, 0)                                                \
    X(HUGE_ENABLED, HUGE, "enabled", CONSTANT, "always madvise [never]\n")                        \
    X(HUGE_SIZE, HUGE, "hpage_pmd_size", CONSTANT, "2097152\n")

#endif
