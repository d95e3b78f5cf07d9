/*
 * abi_doc.c: writes docs/ABI.md from the headers of abi/: `abi_doc ABI_FOLDER`.
 * Lists come from their X-macros, numbers, sizes and offsets from the compiler,
 * prose from the opening comment of each header, meanings of members from the
 * comments beside them. A member that is missing here stops it.
 */
#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi/boot.h"
#include "abi/calls.h"
#include "abi/cause.h"
#include "abi/channel.h"
#include "abi/event.h"
#include "abi/hypercall.h"
#include "abi/image.h"
#include "abi/layout.h"
#include "abi/log.h"
#include "abi/operation.h"
#include "abi/root.h"
#include "abi/snapshot.h"
#include "abi/touched.h"
#include "abi/trap.h"

#define HEADER_BYTES_MAX 65536

static const char *abi_folder;

_Noreturn static void give_up(const char *what, const char *which)
{
    fprintf(stderr, "abi_doc: %s: %s\n", what, which);
    exit(1);
}

/* The text of a header of abi/; the one read last is kept. */
static const char *header_text(const char *name)
{
    static char text[HEADER_BYTES_MAX];
    char path[4096];
    if ((size_t)snprintf(path, sizeof path, "%s/%s", abi_folder, name) >= sizeof path)
        give_up("path too long", name);
    FILE *file = fopen(path, "re");
    if (!file)
        give_up("cannot open", path);
    size_t bytes = fread(text, 1, sizeof text - 1, file);
    if (!feof(file))
        give_up("longer than HEADER_BYTES_MAX", path);
    text[bytes] = 0;
    fclose(file);
    return text;
}

/* The opening comment without its stars, as a quoted block. */
static void print_opening(const char *header)
{
    const char *at = strstr(header_text(header), "/*");
    const char *end = at ? strstr(at, "*/") : NULL;
    if (!end)
        give_up("has no opening comment", header);
    printf("```text\n");
    at += 2 + strspn(at + 2, "\n");
    while (at < end) {
        size_t line = strcspn(at, "\n");
        const char *stop = at + line < end ? at + line : end;
        while (at < stop && (*at == ' ' || *at == '*') && (at[0] == ' ' ? at[1] == '*' : 1))
            at++;
        if (at < stop && *at == ' ')
            at++;
        while (stop > at && isspace((unsigned char)stop[-1]))
            stop--;
        if (stop > at || end - at > 1)
            printf("%.*s\n", (int)(stop - at), at);
        at += strcspn(at, "\n");
        at += *at == '\n';
    }
    printf("```\n\n");
}

/* A cell of a table: white space as one blank, the bar escaped. */
static void print_cell(const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        if (isspace((unsigned char)text[i]) && (i + 1 == bytes || isspace((unsigned char)text[i + 1])))
            continue;
        if (text[i] == '|')
            putchar('\\');
        putchar(isspace((unsigned char)text[i]) ? ' ' : text[i]);
    }
}

/* Where `member;` or `member[…];` stands in a struct's body. */
static const char *find_member(const char *body, const char *end, const char *member)
{
    size_t length = strlen(member);
    for (const char *at = body; (at = strstr(at, member)) && at < end; at += length)
        if (at[-1] == ' ' && (at[length] == ';' || at[length] == '['))
            return at;
    give_up("member not in its header", member);
}

/* Two cells: the declaration, and the comment right behind it if there is one. */
static void print_declaration(const char *at)
{
    const char *line = at;
    while (line[-1] != '\n')
        line--;
    const char *semicolon = at + strcspn(at, ";");
    line += strspn(line, " ");
    printf("`%.*s` | ", (int)(semicolon - line), line);
    const char *comment = semicolon + 1 + strspn(semicolon + 1, " ");
    const char *close = strstr(comment, "*/");
    if (strncmp(comment, "/*", 2) != 0 || !close)
        return;
    comment += 2 + strspn(comment + 2, " ");
    while (close > comment && close[-1] == ' ')
        close--;
    print_cell(comment, (size_t)(close - comment));
}

struct member {
    const char *name;
    size_t offset;
    size_t bytes;
};

/* A table of a struct; its members must cover it without a gap. */
static void print_struct(const char *header, const char *name, size_t bytes,
                         const struct member *member, size_t count)
{
    char opening[64];
    (void)snprintf(opening, sizeof opening, "struct %s {", name);
    const char *body = strstr(header_text(header), opening);
    const char *end = body ? strstr(body, "\n};") : NULL;
    if (!end)
        give_up("struct not in its header", name);
    printf("`struct %s`, %zu bytes\n\n| offset | member | meaning |\n|---|---|---|\n", name, bytes);
    size_t covered = 0;
    for (size_t i = 0; i < count; i++) {
        if (member[i].offset != covered)
            give_up("a member before this one is missing", member[i].name);
        covered += member[i].bytes;
        printf("| %zu | ", member[i].offset);
        print_declaration(find_member(body, end, member[i].name));
        printf(" |\n");
    }
    if (covered != bytes)
        give_up("last members are missing", name);
    printf("\n");
}

#define MEMBER(of, name) {#name, offsetof(struct of, name), sizeof(((struct of *)0)->name)},
#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define STRUCT(header, of, ...)                                                \
    do {                                                                       \
        static const struct member members[] = {__VA_ARGS__};                  \
        print_struct(header, #of, sizeof(struct of), members, COUNT(members)); \
    } while (0)
#define NUMBER(name) printf("| `" #name "` | %#llx | %llu |\n", (unsigned long long)(name), (unsigned long long)(name));

static void print_layout(void)
{
    printf("## The window (`abi/layout.h`)\n\n");
    print_opening("layout.h");
    printf("| name | value | decimal |\n|---|---|---|\n");
    NUMBER(MF_ABI_VERSION)
    NUMBER(MF_PAGE_BYTES)
    NUMBER(MF_BOOT_BASE)
    NUMBER(MF_BOOT_BYTES)
    NUMBER(MF_GATE_BASE)
    NUMBER(MF_GATE_BYTES)
    NUMBER(MF_GATE_DATA_BASE)
    NUMBER(MF_GATE_DATA_BYTES)
    NUMBER(MF_KERNEL_BASE)
    NUMBER(MF_KERNEL_LIMIT)
    NUMBER(MF_PROGRAM_BASE)
    NUMBER(MF_WINDOW_STEP)
    NUMBER(MF_WINDOW_MIN)
    NUMBER(MF_WINDOW_DEFAULT)
    NUMBER(MF_WINDOW_MAX)
    printf("\n");
}

#define HC_FIELD(direction, type, name, meaning) \
    printf("| %zu | " #direction " | `" #type "` | `" #name "` | ", offset);  \
    print_cell(meaning, strlen(meaning));                                      \
    printf(" |\n");                                                            \
    offset += sizeof(type);
#define HC(nr, name, purpose)                                                                   \
    {                                                                                           \
        size_t offset = 0;                                                                      \
        printf("### %d `%s`: %s\n\n", nr, #name, purpose);                                      \
        printf("| offset | | type | field | rule or meaning |\n|---|---|---|---|---|\n");      \
        MF_HC_##name##_FIELDS(HC_FIELD) printf("\n");                                           \
        if (offset != sizeof(struct mf_hc_##name))                                              \
            give_up("padding in the struct of hypercall", #name);                               \
    }

static void print_hypercalls(void)
{
    printf("## Hypercalls (`abi/hypercall.h`)\n\n");
    print_opening("hypercall.h");
    printf("| name | value | decimal |\n|---|---|---|\n");
    NUMBER(MF_HC_PORT)
    NUMBER(MF_GATE_SLOT_BYTES)
    NUMBER(MF_CONSOLE_MAX)
    NUMBER(MF_PROT_NONE)
    NUMBER(MF_PROT_READ)
    NUMBER(MF_PROT_WRITE)
    printf("\n");
    MF_HYPERCALLS(HC)
}

static void print_boot(void)
{
    printf("## Boot page (`abi/boot.h`)\n\n");
    print_opening("boot.h");
    printf("| name | value | decimal |\n|---|---|---|\n");
    NUMBER(MF_BOOT_MAGIC)
    NUMBER(MF_BOOT_ENV_MAX)
    NUMBER(MF_BOOT_FREEZE)
    NUMBER(MF_BOOT_RESTORED)
    NUMBER(MF_BOOT_WAIT_RINGS)
    printf("\n");
#define M(name) MEMBER(mf_boot, name)
    STRUCT("boot.h", mf_boot, M(magic) M(abi_version) M(boot_bytes)
        M(window_bytes) M(channel_base) M(program_entry) M(program_phdr)
        M(program_phnum) M(program_phent) M(program_end) M(instance_id)
        M(monotonic_ns) M(realtime_ns) M(hwcap) M(hwcap2)
        M(env_offset) M(env_bytes) M(env_count) M(flags)
        M(generation) M(root_base) M(root_bytes) M(tsc_scale) M(tsc) M(seed));
#undef M
}

static void print_traps(void)
{
    printf("## Traps (`abi/trap.h`)\n\n");
    print_opening("trap.h");
    printf("| name | value | decimal |\n|---|---|---|\n");
    NUMBER(MF_VECTOR_PREEMPT)
    NUMBER(MF_PREEMPT_COUNT)
    printf("\n");
#define M(name) MEMBER(mf_trap, name)
    STRUCT("trap.h", mf_trap, M(vector) M(address) M(error) M(rip) M(cs) M(rflags) M(rsp) M(ss));
#undef M
}

#define MESSAGE(nr, NAME, direction, what, arg)                                    \
    printf("| %d | `" #NAME "` | %s | ", nr,                                       \
           strcmp(#direction, "to_guest") == 0 ? "node to guest" : "guest to node"); \
    print_cell(what, strlen(what));                                                \
    printf(" | %s |\n", arg);

#define LOOKED_UP(nr, NAME, meaning)                 \
    printf("| %d | `MF_NAME_" #NAME "` | ", nr);    \
    print_cell(meaning, strlen(meaning));           \
    printf(" |\n");

static void print_channel(void)
{
    printf("## Channel (`abi/channel.h`)\n\n");
    print_opening("channel.h");
    printf("| name | value | decimal |\n|---|---|---|\n");
    NUMBER(MF_RING_SLOTS)
    NUMBER(MF_CHANNEL_DATA_BYTES)
    NUMBER(MF_CHUNK_BYTES_MAX)
    NUMBER(MF_CHANNEL_BYTES)
    NUMBER(MF_CHANNEL_TO_GUEST_SLOTS)
    NUMBER(MF_CHANNEL_TO_NODE_SLOTS)
    NUMBER(MF_CHANNEL_TO_GUEST_DATA)
    NUMBER(MF_CHANNEL_TO_NODE_DATA)
    NUMBER(MF_CHANNEL_RESULT)
    NUMBER(MF_CHANNEL_RESULT_BYTES)
    NUMBER(MF_STREAMS_TO_GUEST_SLOTS)
    NUMBER(MF_STREAMS_TO_NODE_SLOTS)
    NUMBER(MF_STREAMS_TO_GUEST_DATA)
    NUMBER(MF_STREAMS_TO_NODE_DATA)
    NUMBER(MF_EVENTS_AHEAD_MAX)
    NUMBER(MF_BODY_BYTES_MAX)
    NUMBER(MF_LOG_BYTES_MAX)
    NUMBER(MF_ERROR_BYTES_MAX)
    NUMBER(MF_STREAMS_MAX)
    NUMBER(MF_STREAM_ID_MAX)
    NUMBER(MF_STREAM_WINDOW)
    NUMBER(MF_STREAM_CREDIT_MAX)
    NUMBER(MF_NAME_LOOKUP_BYTES_MAX)
    NUMBER(MF_NAME_ADDRESSES_MAX)
    printf("\n| number | message | direction | what | `arg` |\n|---|---|---|---|---|\n");
    MF_MESSAGES(MESSAGE)
    printf("\n");
#define R(name) MEMBER(mf_ring, name)
    STRUCT("channel.h", mf_ring, R(tail) R(producer_pad) R(head)
        R(consumer_pad));
#undef R
#define M(name) MEMBER(mf_channel_head, name)
    STRUCT("channel.h", mf_channel_head, M(to_guest) M(to_node)
        M(guest_sleeping) M(bell) M(guest_pad) M(node_sleeping)
        M(node_pad) M(streams_to_guest) M(streams_to_node));
#undef M
#define D(name) MEMBER(mf_desc, name)
    STRUCT("channel.h", mf_desc, D(id) D(type) D(flags) D(head_bytes)
        D(data_offset) D(data_bytes) D(arg));
#undef D
#define A(name) MEMBER(mf_stream_address, name)
    STRUCT("channel.h", mf_stream_address, A(address) A(port) A(reserved));
#undef A
    printf("| number | `NAMED` | meaning |\n|---|---|---|\n");
    MF_NAMES(LOOKED_UP)
    printf("\n");
}

#define FIELD(nr, NAME, in_event, in_reply, meaning)                                          \
    printf("| %d | `" #NAME "` | %s | %s | ", nr, in_event ? "yes" : "", in_reply ? "yes" : ""); \
    print_cell(meaning, strlen(meaning));                                                     \
    printf(" |\n");

static void print_events(void)
{
    printf("## Fields of events and replies (`abi/event.h`)\n\n");
    print_opening("event.h");
    printf("| number | kind | in events | in replies | meaning |\n|---|---|---|---|---|\n");
    MF_FIELDS(FIELD)
    printf("\n| name | value | decimal |\n|---|---|---|\n");
    NUMBER(MF_FIELDS_MAX)
    NUMBER(MF_FIELD_NAME_MAX)
    NUMBER(MF_FIELD_VALUE_MAX)
    NUMBER(MF_HEAD_BYTES_MAX)
    NUMBER(MF_STATUS_MIN)
    NUMBER(MF_STATUS_MAX)
    printf("\n");
#define M(name) MEMBER(mf_field, name)
    STRUCT("event.h", mf_field, M(kind) M(name_bytes) M(value_bytes));
#undef M
}

#define CALL(offset, name, arguments, meaning)                                   \
    printf("| %#x | `%s%s` | ", (unsigned)(MF_CALL_BASE + offset), #name, arguments); \
    print_cell(meaning, strlen(meaning));                                        \
    printf(" |\n");

static void print_calls(void)
{
    printf("## System calls of the SDK (`abi/calls.h`)\n\n");
    print_opening("calls.h");
    printf("| number | call | meaning |\n|---|---|---|\n");
    MF_CALLS(CALL)
    printf("\n");
#define M(name) MEMBER(mf_call_event, name)
    STRUCT("calls.h", mf_call_event, M(id) M(deadline_ns) M(field_bytes) M(body_bytes) M(flags)
        M(reserved));
#undef M
#define M(name) MEMBER(mf_call_result, name)
    STRUCT("calls.h", mf_call_result, M(error) M(data_bytes) M(head_bytes) M(flags) M(value));
#undef M
}

#define OPERATION(nr, NAME, name, parts, what, result) \
    printf("| %d | `" #NAME "` | %s | %s | %s |\n", nr, parts, what, result);
#define RESULT(nr, NAME, word, meaning) printf("| %d | `%s` | %s |\n", nr, word, meaning);

static void print_operations(void)
{
    printf("## Operations (`abi/operation.h`)\n\n");
    print_opening("operation.h");
    printf("| number | operation | parts | what | result |\n|---|---|---|---|---|\n");
    MF_OPERATIONS(OPERATION)
    printf("\n| number | result | meaning |\n|---|---|---|\n");
    MF_RESULTS(RESULT)
    printf("\n| name | value | decimal |\n|---|---|---|\n");
    NUMBER(MF_RESULT_MORE)
    NUMBER(MF_OP_EXPECTED)
    NUMBER(MF_OP_VALUES)
    NUMBER(MF_OP_URGENT)
    NUMBER(MF_OP_RETAIN)
    NUMBER(MF_OPERATION_PARTS_MAX)
    printf("\n");
#define M(name) MEMBER(mf_result, name)
    STRUCT("operation.h", mf_result, M(number) M(error) M(data_bytes) M(head_bytes) M(value)
        M(flags) M(reserved));
#undef M
#define M(name) MEMBER(mf_op_get, name)
    STRUCT("operation.h", mf_op_get, M(key_bytes) M(reserved));
#undef M
#define M(name) MEMBER(mf_op_set, name)
    STRUCT("operation.h", mf_op_set, M(life_ms) M(key_bytes) M(value_bytes));
#undef M
#define M(name) MEMBER(mf_op_delete, name)
    STRUCT("operation.h", mf_op_delete, M(key_bytes) M(reserved));
#undef M
#define M(name) MEMBER(mf_op_increment, name)
    STRUCT("operation.h", mf_op_increment, M(by) M(key_bytes) M(reserved));
#undef M
#define M(name) MEMBER(mf_op_compare_and_set, name)
    STRUCT("operation.h", mf_op_compare_and_set, M(life_ms) M(key_bytes) M(expected_bytes)
        M(value_bytes) M(flags));
#undef M
#define M(name) MEMBER(mf_op_scan, name)
    STRUCT("operation.h", mf_op_scan, M(prefix_bytes) M(after_bytes) M(count) M(flags));
#undef M
#define M(name) MEMBER(mf_op_push, name)
    STRUCT("operation.h", mf_op_push, M(queue_bytes) M(content_type_bytes) M(event_type_bytes)
        M(data_bytes) M(flags) M(reserved));
#undef M
#define M(name) MEMBER(mf_op_pop, name)
    STRUCT("operation.h", mf_op_pop, M(queue_bytes) M(reserved));
#undef M
#define M(name) MEMBER(mf_op_fetch, name)
    STRUCT("operation.h", mf_op_fetch, M(method_bytes) M(url_bytes) M(field_bytes) M(body_bytes)
        M(timeout_ms) M(reserved));
#undef M
#define M(name) MEMBER(mf_op_publish, name)
    STRUCT("operation.h", mf_op_publish, M(topic_bytes) M(payload_bytes) M(qos) M(flags));
#undef M
#define M(name) MEMBER(mf_op_secret, name)
    STRUCT("operation.h", mf_op_secret, M(name_bytes) M(reserved));
#undef M
#define M(name) MEMBER(mf_pair, name)
    STRUCT("operation.h", mf_pair, M(key_bytes) M(value_bytes));
#undef M
}

#define CAUSE(nr, NAME, name, meaning) printf("| %d | `%s` | %s |\n", nr, name, meaning);
#define LEVEL(nr, NAME, name) printf("| %d | `%s` |\n", nr, name);

static void print_causes(void)
{
    printf("## Causes of an instance's end (`abi/cause.h`)\n\n");
    print_opening("cause.h");
    printf("The exit status is %d + the number.\n\n| number | cause | meaning |\n|---|---|---|\n",
           MF_CAUSE_STATUS);
    MF_CAUSES(CAUSE)
    printf("\n## Levels of log records (`abi/log.h`)\n\n| number | level |\n|---|---|\n");
    MF_LOG_LEVELS(LEVEL)
    printf("\n");
}

static void print_image(void)
{
    printf("## Image (`abi/image.h`)\n\n");
    print_opening("image.h");
    printf("| name | value | decimal |\n|---|---|---|\n");
    NUMBER(MF_NOTE_IMAGE)
    NUMBER(MF_IMAGE_BYTES_MAX)
    NUMBER(MF_IMAGE_SEGMENTS_MAX)
    NUMBER(MF_MANIFEST_BYTES_MAX)
    NUMBER(MF_KERNEL_BYTES_MAX)
    NUMBER(MF_KERNEL_LINUX_BYTES_MAX)
    printf("\n");
#define M(name) MEMBER(mf_image_info, name)
    STRUCT("image.h", mf_image_info, M(abi_version) M(info_bytes)
        M(kernel_entry) M(kernel_syscall) M(kernel_exception)
        M(trap_stack_top) M(kernel_end) M(program_entry)
        M(program_phdr) M(program_phnum) M(program_phent)
        M(program_end) M(window_bytes) M(root_base) M(root_bytes)
        M(manifest_bytes) M(flags) M(hash));
#undef M
}

static void print_root(void)
{
    printf("## Root file system (`abi/root.h`)\n\n");
    print_opening("root.h");
    printf("| name | value | decimal |\n|---|---|---|\n");
    NUMBER(MF_ROOT_MAGIC)
    NUMBER(MF_ROOT_INODES_MAX)
    NUMBER(MF_ROOT_ENTRIES_MAX)
    NUMBER(MF_ROOT_NAME_MAX)
    NUMBER(MF_ROOT_TARGET_MAX)
    NUMBER(MF_ROOT_TYPE)
    NUMBER(MF_ROOT_FOLDER)
    NUMBER(MF_ROOT_FILE)
    NUMBER(MF_ROOT_LINK)
    NUMBER(MF_ROOT_PERMISSIONS)
    printf("\n");
#define M(name) MEMBER(mf_root, name)
    STRUCT("root.h", mf_root, M(magic) M(root_bytes) M(contents_at) M(inode_count) M(entry_count)
        M(name_bytes) M(reserved));
#undef M
#define M(name) MEMBER(mf_root_inode, name)
    STRUCT("root.h", mf_root_inode, M(mode) M(links) M(bytes) M(at) M(modified_s) M(loaded_at)
        M(parent) M(reserved));
#undef M
#define M(name) MEMBER(mf_root_entry, name)
    STRUCT("root.h", mf_root_entry, M(inode) M(name_at) M(name_bytes));
#undef M
}

static void print_snapshot(void)
{
    printf("## Snapshot (`abi/snapshot.h`)\n\n");
    print_opening("snapshot.h");
    printf("| name | value | decimal |\n|---|---|---|\n");
    NUMBER(MF_SNAPSHOT_MAGIC)
    NUMBER(MF_SNAPSHOT_HEAD_BYTES_MAX)
    NUMBER(MF_SNAPSHOT_RANGES_MAX)
    NUMBER(MF_SNAPSHOT_RUNS_MAX)
    NUMBER(MF_RUN_COPY)
    printf("\n");
#define H(name) MEMBER(mf_snapshot, name)
    STRUCT("snapshot.h", mf_snapshot, H(magic) H(abi_version) H(head_bytes) H(window_bytes)
        H(file_bytes) H(made_at_ns) H(range_count) H(run_count) H(key) H(image) H(digest));
#undef H
#define R(name) MEMBER(mf_range, name)
    STRUCT("snapshot.h", mf_range, R(page) R(pages) R(prot));
#undef R
#define R(name) MEMBER(mf_run, name)
    STRUCT("snapshot.h", mf_run, R(page) R(pages) R(prot) R(flags));
#undef R
}

static void print_touched(void)
{
    printf("## Touched pages (`abi/touched.h`)\n\n");
    print_opening("touched.h");
    printf("| name | value | decimal |\n|---|---|---|\n");
    NUMBER(MF_TOUCHED_MAGIC)
    NUMBER(MF_TOUCHED_RUNS_MAX)
    NUMBER(MF_TOUCHED_PAGES_MAX)
    NUMBER(MF_TOUCHED_SAMPLES)
    printf("\n");
#define H(name) MEMBER(mf_touched, name)
    STRUCT("touched.h", mf_touched, H(magic) H(abi_version) H(run_count) H(samples) H(reserved)
        H(window_bytes) H(snapshot) H(digest));
#undef H
#define R(name) MEMBER(mf_touched_run, name)
    STRUCT("touched.h", mf_touched_run, R(page) R(pages));
#undef R
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: abi_doc ABI_FOLDER >docs/ABI.md\n");
        return 2;
    }
    abi_folder = argv[1];
    printf("# The ABI, version %u\n\n", MF_ABI_VERSION);
    printf("Between a guest (library OS and program) and what runs it (monitor and node). Made from\n"
           "`abi/*.h` by `tools/abi_doc.c`: change those, then\n"
           "`cmake --build build --target abi_doc && build/abi_doc abi >docs/ABI.md`. A test compares.\n\n");
    print_layout();
    print_hypercalls();
    print_boot();
    print_traps();
    print_channel();
    print_events();
    print_calls();
    print_operations();
    print_causes();
    print_image();
    print_root();
    print_snapshot();
    print_touched();
    return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
}
