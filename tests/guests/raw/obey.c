/* obey.c: each order of orders.h, done. */
#include "raw/raw.h"
#include "raw/snippets.h"

/* A counter of the shared memory that this guest runs by itself now. */
static void publish_verbatim(const struct mf_desc *message, uint64_t id)
{
    struct mf_desc *slot = raw_out_slot(&raw_ring, raw_ring.out_tail);
    *slot = *message;
    if (slot->id == ORDER_OWN_ID)
        slot->id = id;
    raw_ring.out_tail++;
    __atomic_store_n(&raw_control(&raw_ring)->to_node.tail, raw_ring.out_tail, __ATOMIC_SEQ_CST);
}

static void put_text(const struct order *order)
{
    raw_bytes(raw_ring.base + MF_CHANNEL_TO_NODE_DATA, order->text, sizeof order->text);
}

static uint64_t read_byte(uint64_t address)
{
    return *(volatile uint8_t *)(uintptr_t)address;
}

static void hypercall(const struct order *order, struct answer *answer)
{
    uint64_t at = order->address;
    int ours = at >= MF_KERNEL_BASE && at <= raw_boot->channel_base - sizeof order->bytes;
    if (ours && !raw_try())
        raw_bytes((void *)(uintptr_t)at, order->bytes, sizeof order->bytes);
    if (raw_try()) {
        answer->trapped = 1;
        answer->trap = raw_trap;
        return;
    }
    raw_hypercall((uint32_t)order->number, at);
    answer->value = 1; /* it returned */
    if (ours)
        raw_bytes(answer->bytes, (void *)(uintptr_t)at, sizeof order->bytes);
}

static void touch(const struct order *order, uint64_t address, struct answer *answer)
{
    if (order->number == 0)
        answer->value = read_byte(address);
    else if (order->number == 1)
        *(volatile uint8_t *)(uintptr_t)address = 0;
    else
        ((void (*)(void))(uintptr_t)address)();
}

static void touch_all(const struct order *order, struct answer *answer)
{
    static volatile uint64_t address;
    static struct answer ignored;
    for (address = order->address; address <= order->last; address += order->step) {
        if (!raw_try()) {
            touch(order, address, &ignored);
            if (answer->count++ == 0)
                answer->value = address;
        }
        if (order->last - address < order->step)
            break;
    }
}

static void syscalls(const struct order *order, struct answer *answer)
{
    static volatile uint64_t number;
    uint64_t before = raw_syscalls;
    for (number = order->number;; number++) {
        if (!raw_try() && raw_syscall(order, number) != (uint64_t)-38 && answer->value == 0)
            answer->value = number;
        if (number >= order->last)
            break;
    }
    answer->count = raw_syscalls - before;
}

static void selectors(const struct order *order, struct answer *answer)
{
    static volatile uint64_t selector;
    for (selector = order->number; selector <= order->last; selector++) {
        if (raw_try())
            continue;
        raw_selector((unsigned)order->argument[0], (unsigned)selector);
        answer->count++;
        answer->value = selector;
    }
    if (!raw_try()) /* stack segment as Linux has it, whatever came of it */
        raw_selector(2, 0x2b);
}

/* Good descriptors that turn bad under the node's eyes, until it stops us or the
 * number of rounds is done. */
static void flip(const struct order *order, uint64_t id)
{
    for (uint64_t round = 0; round < order->number; round++) {
        struct mf_desc good = {.id = id, .type = MF_MSG_LOG, .data_bytes = 8, .arg = 1};
        if (!raw_put(&raw_ring, &good, order->text)) {
            raw_ring_node();
            continue;
        }
        volatile struct mf_desc *slot = raw_out_slot(&raw_ring, raw_ring.out_tail - 1);
        for (unsigned turn = 0; turn < 8; turn++) {
            slot->data_bytes = order->message.data_bytes;
            slot->data_offset = order->message.data_offset;
            slot->head_bytes = order->message.head_bytes;
            slot->type = order->message.type;
            slot->arg = order->message.arg;
            slot->data_bytes = good.data_bytes;
            slot->data_offset = 0;
            slot->head_bytes = 0;
            slot->type = MF_MSG_LOG;
            slot->arg = 1;
        }
        raw_ring_node();
    }
}

static void flood_log(const struct order *order)
{
    struct mf_desc log = {.type = MF_MSG_LOG, .data_bytes = sizeof order->text, .arg = 1};
    for (;;) {
        (void)raw_put(&raw_ring, &log, order->text);
        raw_ring_node();
    }
}

static void flood_console(const struct order *order)
{
    static struct mf_hc_console call __attribute__((aligned(8)));
    static uint8_t page[MF_CONSOLE_MAX];
    for (unsigned i = 0; i < sizeof page; i++)
        page[i] = i % 64 == 63 ? '\n' : order->text[i % 32];
    call.address = (uint64_t)(uintptr_t)page;
    call.bytes = MF_CONSOLE_MAX;
    for (;;)
        raw_hypercall(MF_HC_console, (uint64_t)(uintptr_t)&call);
}

static void flood_bell(const struct order *order)
{
    static struct mf_hc_ring ring __attribute__((aligned(8)));
    for (uint64_t i = 0; i < order->number; i++)
        raw_hypercall(MF_HC_ring, (uint64_t)(uintptr_t)&ring);
}

/* All but the END, so that the node never has a whole reply before the limit. */
static void large_reply(const struct order *order, uint64_t id)
{
    struct mf_desc part = {.id = id, .type = MF_MSG_REPLY, .arg = 200};
    static uint8_t page[4096];
    uint64_t left = order->number;
    while (left) {
        part.data_bytes = left < sizeof page ? (uint32_t)left : (uint32_t)sizeof page;
        part.flags = left == part.data_bytes ? MF_MSG_END : 0;
        if (raw_put(&raw_ring, &part, page)) {
            left -= part.data_bytes;
            part.type = MF_MSG_REPLY_BODY;
            part.arg = 0;
        }
        raw_ring_node();
    }
}

static void snippet(const struct order *order, struct answer *answer)
{
    struct order call = *order;
    call.address = (uint64_t)(uintptr_t)raw_snippets[order->number % SNIPPET_COUNT];
    call.number = order->argument[5];
    answer->value = raw_call_at(&call);
    answer->count = raw_syscalls;
}

/* What may fault and then is the answer. */
static void risky(const struct order *order, struct answer *answer)
{
    if (raw_try()) {
        answer->trapped = 1;
        answer->trap = raw_trap;
        return;
    }
    switch (order->kind) {
    case ORDER_CALL_AT:
        answer->value = raw_call_at(order);
        break;
    case ORDER_TOUCH:
        touch(order, order->address, answer);
        break;
    case ORDER_POKE:
        *(volatile uint64_t *)(uintptr_t)order->address = order->number;
        answer->value = read_byte(order->last);
        break;
    case ORDER_COMPAT:
        raw_compat = 0;
        raw_compat_call((unsigned)order->argument[0], (unsigned)order->number);
        answer->count = raw_compat;
        break;
    case ORDER_EXECUTE:
        *(volatile uint8_t *)(uintptr_t)order->address = 0xc3; /* ret */
        ((void (*)(void))(uintptr_t)order->address)();
        break;
    case ORDER_SNIPPET:
        snippet(order, answer);
        break;
    default:
        break;
    }
}

int raw_obey(const struct order *order, uint64_t id, struct answer *answer)
{
    switch (order->kind) {
    case ORDER_HYPERCALL:
        hypercall(order, answer);
        return 1;
    case ORDER_SYSCALLS:
        syscalls(order, answer);
        return 1;
    case ORDER_TOUCH_ALL:
        touch_all(order, answer);
        return 1;
    case ORDER_SELECTORS:
        selectors(order, answer);
        return 1;
    case ORDER_MESSAGE:
        put_text(order);
        publish_verbatim(&order->message, id);
        raw_ring_node();
        return 0;
    case ORDER_WORD:
        *(volatile uint32_t *)(void *)(raw_ring.base + order->address) = (uint32_t)order->number;
        raw_ring_node();
        return order->last != 1;
    case ORDER_SEQUENCE:
        put_text(order);
        for (uint32_t i = 0; i < order->sequence_count && i < ORDER_SEQUENCE_MAX; i++)
            publish_verbatim(&order->sequence[i], id);
        raw_ring_node();
        return 0;
    case ORDER_FLIP:
        flip(order, id);
        return 1;
    case ORDER_FLOOD_BELL:
        flood_bell(order);
        return 1;
    case ORDER_FLOOD_LOG:
        flood_log(order);
        return 0;
    case ORDER_FLOOD_CONSOLE:
        flood_console(order);
        return 0;
    case ORDER_SPIN:
        for (;;)
            __asm__ volatile("");
    case ORDER_SILENCE:
        return 0;
    case ORDER_MARK:
        raw_leave_marks(order);
    case ORDER_LOOK:
        raw_look(id);
        return 0;
    case ORDER_LARGE_REPLY:
        large_reply(order, id);
        return 0;
    default:
        risky(order, answer);
        return 1;
    }
}
