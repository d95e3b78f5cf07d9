/* hypercall.c: one decoder and one act for each line of MF_HYPERCALLS, in tables made from it. */
#include "monitor/kvm/hypercall.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "abi/cause.h"
#include "abi/channel.h"
#include "base/clock.h"
#include "monitor/kvm/cpu.h"
#include "monitor/kvm/end.h"
#include "monitor/kvm/pagetable.h"

#define ALIGNMENT 8u

/* --- decode: the rules of abi/hypercall.h. False: end it. --- */

static bool pages(uint64_t address, uint64_t bytes, uint64_t low, uint64_t high)
{
    return address % MF_PAGE_BYTES == 0 && bytes % MF_PAGE_BYTES == 0 && bytes != 0 &&
           address >= low && address <= high && bytes <= high - address;
}

static bool decode_halt(const struct memory *memory, struct hypercall *call)
{
    (void)memory;
    return call->halt.reserved == 0;
}

static bool decode_wait(const struct memory *memory, struct hypercall *call)
{
    (void)memory;
    return call->wait.idle <= 1 && call->wait.reserved == 0;
}

static bool decode_ring(const struct memory *memory, struct hypercall *call)
{
    (void)memory;
    return call->ring.reserved == 0;
}

static bool is_protection(uint32_t prot)
{
    return prot == MF_PROT_NONE || prot == MF_PROT_READ || prot == (MF_PROT_READ | MF_PROT_WRITE);
}

static bool decode_protect(const struct memory *memory, struct hypercall *call)
{
    const struct mf_hc_protect *p = &call->protect;
    const bool executes = p->prot & MF_PROT_EXECUTE;
    const uint32_t plain = p->prot & ~MF_PROT_EXECUTE;
    const uint64_t low = executes ? MF_PROGRAM_BASE : MF_KERNEL_BASE;
    call->refused = !pages(p->address, p->bytes, low, memory->channel_base) ||
                    !is_protection(plain) ||
                    (executes && (!memory->jit || plain == MF_PROT_NONE));
    return true;
}

static bool decode_discard(const struct memory *memory, struct hypercall *call)
{
    const struct mf_hc_discard *d = &call->discard;
    call->refused = !pages(d->address, d->bytes, MF_PROGRAM_BASE, memory->channel_base);
    return true;
}

static bool decode_clock(const struct memory *memory, struct hypercall *call)
{
    (void)memory;
    (void)call;
    return true;
}

static bool decode_console(const struct memory *memory, struct hypercall *call)
{
    const struct mf_hc_console *c = &call->console;
    call->refused = c->bytes > MF_CONSOLE_MAX || c->address > memory->channel_base ||
                    c->bytes > memory->channel_base - c->address;
    return true;
}

static bool decode_fault(const struct memory *memory, struct hypercall *call)
{
    (void)memory;
    return call->fault.reserved == 0;
}

static bool decode_segment(const struct memory *memory, struct hypercall *call)
{
    (void)memory;
    const struct mf_hc_segment *s = &call->segment;
    call->refused = s->base >= MF_SEGMENT_END ||
                    (s->which != MF_SEGMENT_FS && s->which != MF_SEGMENT_GS);
    return true;
}

/* --- act --- */

static void act_halt(const struct hypercall_host *host, struct hypercall *call)
{
    (void)host;
    (void)call;
    end_halted();
}

static void act_wait(const struct hypercall_host *host, struct hypercall *call)
{
    const struct memory *memory = host->memory;
    struct mf_channel_head *head =
        (struct mf_channel_head *)(void *)(memory->window + memory->channel_base);
    const struct mf_hc_wait in = call->wait;
    const struct timespec deadline = {(time_t)(in.deadline_ns / MF_NS_PER_S),
                                      (long)(in.deadline_ns % MF_NS_PER_S)};
    uint32_t now;
    while ((now = __atomic_load_n(&head->bell, __ATOMIC_ACQUIRE)) == in.seen) {
        long woken = syscall(SYS_futex, &head->bell, FUTEX_WAIT_BITSET, in.seen,
                             in.deadline_ns ? &deadline : NULL, NULL, FUTEX_BITSET_MATCH_ANY);
        if (woken != 0 && errno != EAGAIN && errno != EINTR)
            break; /* ETIMEDOUT */
    }
    call->wait.now = now;
}

/* Rings come by ioeventfd, without an exit; nobody calls this. */
static void act_ring(const struct hypercall_host *host, struct hypercall *call)
{
    (void)host;
    (void)call;
}

static void act_protect(const struct hypercall_host *host, struct hypercall *call)
{
    struct mf_hc_protect *p = &call->protect;
    p->error = call->refused ? -EINVAL
                             : memory_protect(host->memory, p->address, p->bytes, p->prot);
}

static void act_discard(const struct hypercall_host *host, struct hypercall *call)
{
    struct mf_hc_discard *d = &call->discard;
    d->error = call->refused ? -EINVAL : memory_discard(host->memory, d->address, d->bytes);
    d->reserved = 0;
}

static void act_clock(const struct hypercall_host *host, struct hypercall *call)
{
    (void)host;
    call->clock.monotonic_ns = mf_monotonic_ns();
    call->clock.realtime_ns = mf_realtime_ns();
}

static void act_console(const struct hypercall_host *host, struct hypercall *call)
{
    struct mf_hc_console *c = &call->console;
    c->error = -EINVAL;
    if (call->refused)
        return;
    ssize_t written = write(host->console, host->memory->window + c->address, c->bytes);
    c->error = written < 0 ? -errno : 0;
}

static void act_fault(const struct hypercall_host *host, struct hypercall *call)
{
    (void)host;
    uint32_t cause = call->fault.cause;
    end_fault(cause > MF_CAUSE_NONE && cause < MF_CAUSE_COUNT ? (enum mf_cause)cause
                                                              : MF_CAUSE_PROTOCOL);
}

static void act_segment(const struct hypercall_host *host, struct hypercall *call)
{
    struct mf_hc_segment *s = &call->segment;
    if (call->refused)
        s->error = -EINVAL;
    else
        s->error = cpu_set_base(host->cpu, s->which, s->base) ? 0 : -EIO;
}

/* --- the tables --- */

#define WRITES_in 0
#define WRITES_out 1
#define WRITES(direction, type, name, meaning) || WRITES_##direction

static const struct {
    uint32_t bytes;
    bool answers;
    bool (*decode)(const struct memory *memory, struct hypercall *call);
    void (*act)(const struct hypercall_host *host, struct hypercall *call);
} calls[] = {
#define LINE(nr, name, purpose)                                           \
    [nr] = {sizeof(struct mf_hc_##name), false MF_HC_##name##_FIELDS(WRITES), decode_##name, \
            act_##name},
    MF_HYPERCALLS(LINE)
#undef LINE
};
_Static_assert(sizeof calls / sizeof *calls == MF_HYPERCALL_COUNT, "abi/hypercall.h");

bool hypercall_decode(const struct memory *memory, uint32_t number, uint32_t address,
                      struct hypercall *call)
{
    if (number >= MF_HYPERCALL_COUNT)
        return false;
    *call = (struct hypercall){.number = (enum mf_hypercall)number,
                               .address = address,
                               .bytes = calls[number].bytes};
    if (address % ALIGNMENT != 0 || address >= memory->window_bytes ||
        call->bytes > memory->window_bytes - address ||
        !pagetable_allows(memory->cpu, address, call->bytes, calls[number].answers))
        return false;
    memcpy(&call->halt, memory->window + address, call->bytes);
    return calls[number].decode(memory, call);
}

void hypercall_act(const struct hypercall_host *host, struct hypercall *call)
{
    calls[call->number].act(host, call);
}

void hypercall_answer(const struct memory *memory, const struct hypercall *call)
{
    if (calls[call->number].answers)
        memcpy(memory->window + call->address, &call->halt, call->bytes);
}
