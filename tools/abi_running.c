/* abi_running.c: what a guest that runs and what runs it say to each other. */
#include <string.h>

#include "abi/boot.h"
#include "abi/calls.h"
#include "abi/cause.h"
#include "abi/channel.h"
#include "abi/event.h"
#include "abi/hypercall.h"
#include "abi/layout.h"
#include "abi/log.h"
#include "abi/operation.h"
#include "abi/trap.h"
#include "tools/abi_print.h"

void print_layout(void)
{
    printf("## The window (`abi/layout.h`)\n\n");
    abi_print_opening("layout.h");
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
    abi_print_cell(meaning, strlen(meaning));                                      \
    printf(" |\n");                                                            \
    offset += sizeof(type);
#define HC(nr, name, purpose)                                                                   \
    {                                                                                           \
        size_t offset = 0;                                                                      \
        printf("### %d `%s`: %s\n\n", nr, #name, purpose);                                      \
        printf("| offset | | type | field | rule or meaning |\n|---|---|---|---|---|\n");      \
        MF_HC_##name##_FIELDS(HC_FIELD) printf("\n");                                           \
        if (offset != sizeof(struct mf_hc_##name))                                              \
            abi_give_up("padding in the struct of hypercall", #name);                               \
    }

void print_hypercalls(void)
{
    printf("## Hypercalls (`abi/hypercall.h`)\n\n");
    abi_print_opening("hypercall.h");
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

void print_boot(void)
{
    printf("## Boot page (`abi/boot.h`)\n\n");
    abi_print_opening("boot.h");
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

void print_traps(void)
{
    printf("## Traps (`abi/trap.h`)\n\n");
    abi_print_opening("trap.h");
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
    abi_print_cell(what, strlen(what));                                                \
    printf(" | %s |\n", arg);

#define LOOKED_UP(nr, NAME, meaning)                 \
    printf("| %d | `MF_NAME_" #NAME "` | ", nr);    \
    abi_print_cell(meaning, strlen(meaning));           \
    printf(" |\n");

static void print_channel_structs(void)
{
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
}

void print_channel(void)
{
    printf("## Channel (`abi/channel.h`)\n\n");
    abi_print_opening("channel.h");
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
    print_channel_structs();
    printf("| number | `NAMED` | meaning |\n|---|---|---|\n");
    MF_NAMES(LOOKED_UP)
    printf("\n");
}

#define FIELD(nr, NAME, in_event, in_reply, meaning)                                          \
    printf("| %d | `" #NAME "` | %s | %s | ", nr, in_event ? "yes" : "", in_reply ? "yes" : ""); \
    abi_print_cell(meaning, strlen(meaning));                                                     \
    printf(" |\n");

void print_events(void)
{
    printf("## Fields of events and replies (`abi/event.h`)\n\n");
    abi_print_opening("event.h");
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
    abi_print_cell(meaning, strlen(meaning));                                        \
    printf(" |\n");

void print_calls(void)
{
    printf("## System calls of the SDK (`abi/calls.h`)\n\n");
    abi_print_opening("calls.h");
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

/* The first part of each operation that has one; and what a scan answers with. */
static void print_parts(void)
{
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

void print_operations(void)
{
    printf("## Operations (`abi/operation.h`)\n\n");
    abi_print_opening("operation.h");
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
    print_parts();
}

#define CAUSE(nr, NAME, name, meaning) printf("| %d | `%s` | %s |\n", nr, name, meaning);
#define LEVEL(nr, NAME, name) printf("| %d | `%s` |\n", nr, name);

void print_causes(void)
{
    printf("## Causes of an instance's end (`abi/cause.h`)\n\n");
    abi_print_opening("cause.h");
    printf("The exit status is %d + the number.\n\n| number | cause | meaning |\n|---|---|---|\n",
           MF_CAUSE_STATUS);
    MF_CAUSES(CAUSE)
    printf("\n## Levels of log records (`abi/log.h`)\n\n| number | level |\n|---|---|\n");
    MF_LOG_LEVELS(LEVEL)
    printf("\n");
}
