/*
 * map.c: see map.h. Three ways to have a file in memory:
 *   - of the image, only to be read: where it lies; nobody may write there, nor take it away;
 *   - an ELF file of which the image has the segments as loaded: those, for only the image's text
 *     is ever executed. Its loader maps it as it maps any other, and finds all in place;
 *   - else memory of the program's: shared with a file in memory, or a copy; only a function with jit
 *     has it executable.
 * Leaves to others: pages (core/memory.h), contents (fs/). Owns what is known of those that are
 * loaded.
 */
#include "kernel/linux/map.h"

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/mman.h>
#include <linux/mman.h>
#include <linux/stat.h>

#include "abi/hypercall.h"
#include "abi/log.h"
#include "kernel/core/boot.h"
#include "kernel/core/heap.h"
#include "kernel/core/memory.h"
#include "kernel/core/text.h"
#include "kernel/event/output.h"
#include "kernel/file/descriptor.h"
#include "kernel/fs/device.h"
#include "kernel/fs/elf.h"
#include "kernel/fs/image.h"
#include "kernel/fs/lent.h"
#include "kernel/fs/open.h"
#include "kernel/fs/tmp.h"
#include "kernel/linux/files/files.h"

/* An ELF file that the program has mapped where the image has its segments. */
struct loaded {
    struct loaded *next;
    struct image_loaded file;
    uint64_t bytes; /* that its segments span */
    bool adopted;   /* its pages are the program's */
    bool mapped;    /* now; else it was once  */
    bool used;      /* before: its data may have been written */
};

static struct loaded *all_loaded;

static bool is_fixed(const struct map_request *request)
{
    return request->flags & (MAP_FIXED | MAP_FIXED_NOREPLACE);
}

static bool within(uint64_t address, uint64_t bytes, uint64_t start, uint64_t length)
{
    return address >= start && address - start <= length && bytes <= length - (address - start);
}

static struct loaded *loaded_at(uint64_t address, uint64_t bytes)
{
    struct loaded *loaded = all_loaded;
    while (loaded && !within(address, bytes, loaded->file.address, loaded->bytes))
        loaded = loaded->next;
    return loaded;
}

/* What is known of a file that the image has as loaded. */
static struct loaded *know_loaded(const struct image_loaded *file)
{
    struct loaded *loaded = all_loaded;
    uint64_t bytes;
    while (loaded && loaded->file.address != file->address)
        loaded = loaded->next;
    if (loaded || !elf_span(file->content, file->bytes, &bytes) || !(loaded = heap_take(sizeof *loaded)))
        return loaded;
    const uint64_t started = boot_page()->program_entry;
    *loaded = (struct loaded){.next = all_loaded, .file = *file, .bytes = bytes,
                              .used = within(started, 1, file->address, bytes)};
    return all_loaded = loaded;
}

/* The same; its pages are the program's from now on. */
static struct loaded *find_loaded(const struct image_loaded *file)
{
    struct loaded *loaded = know_loaded(file);
    if (loaded && !loaded->adopted)
        loaded->adopted = memory_adopt(file->address, loaded->bytes) == 0;
    return loaded && loaded->adopted ? loaded : NULL;
}

bool map_renew(void)
{
    for (struct loaded *loaded = all_loaded; loaded; loaded = loaded->next) {
        loaded->used |= loaded->adopted;
        loaded->mapped = loaded->adopted = false;
    }
    return lent_unmap_all();
}

static uint64_t page_down(uint64_t address)
{
    return address & ~(uint64_t)(MF_PAGE_BYTES - 1);
}

static uint64_t page_up(uint64_t address)
{
    return page_down(address + MF_PAGE_BYTES - 1);
}

/* Memory that is written, as it is in the file, and zeros behind that. */
static int put_segment(const struct loaded *loaded, const struct elf_segment *segment, uint64_t address)
{
    const uint64_t start = page_down(address), lead = address - start;
    const uint64_t content_end = page_up(address + segment->file_bytes);
    const uint64_t end = page_up(address + segment->memory_bytes);
    const uint32_t open = MF_PROT_READ | MF_PROT_WRITE;
    if (!loaded->used)
        return memory_protect(start, end - start, open);
    int error = content_end > start ? memory_protect(start, content_end - start, open) : 0;
    if (!error && content_end > start) {
        memory_fill(start, loaded->file.content, 0, lead);
        memory_fill(address, loaded->file.content + segment->offset, segment->file_bytes,
                    content_end - address);
    }
    if (error || content_end == end)
        return error;
    int64_t zeros = memory_map_fixed(content_end, end - content_end, open, true);
    return zeros < 0 ? (int)zeros : 0;
}

int map_program(const struct image_loaded *file, uint64_t bias)
{
    struct loaded *loaded = find_loaded(file);
    struct elf_segment segment;
    int error = loaded ? 0 : -ENOMEM;
    for (uint32_t number = 0; !error && elf_segment(file->content, file->bytes, &number, &segment);)
        if (segment.writes)
            error = put_segment(loaded, &segment, segment.address + bias);
    if (loaded)
        loaded->mapped = true;
    return error;
}

/* A loader's mapping of a segment, over what the image has there. */
static int64_t map_segment(const struct map_request *request, struct loaded *loaded)
{
    const struct image_loaded *file = &loaded->file;
    loaded->mapped = true;
    if (!(request->prot & PROT_WRITE))
        return (int64_t)request->address;
    int error = memory_protect(request->address, request->bytes, MF_PROT_READ | MF_PROT_WRITE);
    if (!error && loaded->used) {
        uint64_t left = file->bytes - request->offset;
        memory_fill(request->address, file->content + request->offset,
                    left < request->bytes ? left : request->bytes, request->bytes);
    }
    return error ? error : (int64_t)request->address;
}

/* 0: the request is none of a loader's for a file that the image has as loaded. */
static int64_t map_loaded(const struct map_request *request, const struct opened *opened)
{
    struct image_loaded file;
    uint64_t span;
    if (!image_is_loaded(&opened->place, &file) || (request->flags & MAP_TYPE) != MAP_PRIVATE ||
        !elf_span(file.content, file.bytes, &span))
        return 0;
    bool segment = is_fixed(request) &&
                   within(request->address, request->bytes, file.address, span) &&
                   elf_holds(file.content, file.bytes, request->address - file.address,
                             request->offset, request->bytes);
    bool whole = !is_fixed(request) && request->bytes == span &&
                 elf_holds(file.content, file.bytes, 0, request->offset, MF_PAGE_BYTES);
    struct loaded *loaded = segment || whole ? find_loaded(&file) : NULL;
    if (!loaded || (whole && loaded->mapped))
        return 0;
    if (segment)
        return map_segment(request, loaded);
    loaded->mapped = true;
    return (int64_t)file.address;
}

static int64_t refuse_execution(const struct map_request *request)
{
    static bool told;
    struct text line = {.bytes = 0};
    text_add(&line, "a file to be executed that the image does not have as loaded is refused "
                    "(EACCES) without the setting jit: true, mapped at ");
    text_hex(&line, request->caller);
    if (!told)
        output_kernel(MF_LOG_WARN, line.data, line.bytes);
    told = true;
    return -EACCES;
}

/* Memory of the program's own. */
static int64_t take_memory(const struct map_request *request, uint32_t prot)
{
    int cleared = request->flags & MAP_FIXED ? map_clear(request->address, request->bytes) : 0;
    if (cleared)
        return cleared;
    return is_fixed(request) ? memory_map_fixed(request->address, request->bytes, prot,
                                                !(request->flags & MAP_FIXED_NOREPLACE))
                             : memory_map(request->address, request->bytes, prot);
}

/* The file's bytes there. */
static int64_t map_copy(const struct map_request *request, struct opened *opened)
{
    struct io io;
    uint64_t at = request->offset;
    const uint32_t open = MF_PROT_READ | MF_PROT_WRITE;
    int64_t address = take_memory(request, open);
    if (address < 0)
        return address;
    io_kernel(&io, (void *)address, request->bytes);
    int64_t read = opened->file.operations->read(&opened->file, &io, &at);
    int error = read < 0 ? (int)read : 0;
    if (!error && map_prot(request->prot) != open)
        error = memory_protect((uint64_t)address, request->bytes, map_prot(request->prot));
    const uint64_t there = error ? 0 : ((uint64_t)read + MF_PAGE_BYTES - 1) & ~(uint64_t)(MF_PAGE_BYTES - 1);
    if (!error && there < request->bytes) /* without room for that they stay zeros */
        (void)memory_behind((uint64_t)address + there, request->bytes - there, true);
    if (error)
        (void)memory_unmap((uint64_t)address, request->bytes);
    return error ? error : address;
}

/* zero(4): its mappings are memory without a file. */
static bool is_zero_device(struct opened *opened)
{
    struct file_stat stat = {.mode = 0};
    return opened && opened->file.operations->stat && opened->file.operations->stat(&opened->file, &stat) == 0 &&
           (stat.mode & S_IFMT) == S_IFCHR && stat.device_number == device_number(DEVICE_ZERO);
}

int64_t map_file(const struct map_request *request)
{
    struct file *file = descriptor_file(request->fd);
    if (!file)
        return -EBADF;
    bool shared = (request->flags & MAP_TYPE) != MAP_PRIVATE;
    if (request->offset % MF_PAGE_BYTES || request->offset > INT64_MAX ||
        (is_fixed(request) && request->address % MF_PAGE_BYTES))
        return -EINVAL;
    struct opened *opened = open_opened(file);
    if (is_zero_device(opened) && !(request->prot & PROT_EXEC))
        return take_memory(request, map_prot(request->prot));
    if (!opened || file->operations->list || place_type(&opened->place) != S_IFREG)
        return -ENODEV;
    if (!file_may_read(file) || (shared && request->prot & PROT_WRITE && !file_may_write(file)))
        return -EACCES;
    int64_t address = map_loaded(request, opened);
    if (address)
        return address;
    if (request->prot & PROT_EXEC && !memory_may_execute())
        return refuse_execution(request);
    if (request->prot & PROT_EXEC) /* no file is ever both written and executed */
        return shared ? -EACCES : map_copy(request, opened);
    const struct filesystem *fs = opened->place.fs;
    /* A loader's first mapping is of all segments, which it then maps over: with jit, a copy. */
    bool replaced = !shared && memory_may_execute();
    bool lies = !is_fixed(request) && !replaced && fs->content &&
                (shared || !(request->prot & PROT_WRITE));
    bool writes = shared && (request->prot & PROT_WRITE || tmp_is(&opened->place));
    address = lies ? fs->content(opened, request->offset, request->bytes, writes) : -ENODEV;
    if (address != -ENODEV)
        return address;
    if (shared && request->prot & PROT_WRITE)
        return -ENODEV; /* nowhere that two could have it */
    return map_copy(request, opened);
}

/* Is it where files of the image lie? */
static bool in_root(uint64_t address, uint64_t bytes)
{
    const struct mf_boot *boot = boot_page();
    return boot->root_base && within(address, bytes, boot->root_base, boot->root_bytes);
}

/* Files in memory lose a mapping, all else goes. */
static int unmap_around(uint64_t from, uint64_t end)
{
    struct lent *lent;
    while (from < end && (lent = lent_find(from, end - from))) {
        uint64_t start = lent->address, stop = start + lent->room;
        int error = from < start ? memory_unmap(from, start - from) : 0;
        if (error)
            return error;
        from = from < start ? start : from;
        stop = stop < end ? stop : end;
        lent_unmap(lent, from, stop - from); /* which may be its end */
        from = stop;
    }
    return from < end ? memory_unmap(from, end - from) : 0;
}

bool map_unmap(uint64_t address, uint64_t bytes, int64_t *result)
{
    struct loaded *loaded = loaded_at(address, bytes);
    *result = 0;
    if (loaded && memory_executes(address, MF_PAGE_BYTES)) { /* its text could never come back */
        loaded->mapped = false;
        loaded->used = true;
        return true;
    }
    if (in_root(address, bytes))
        return true;
    if (bytes > UINT64_MAX - address || !lent_find(address, bytes))
        return false;
    *result = unmap_around(address, address + bytes);
    return true;
}

int map_clear(uint64_t address, uint64_t bytes)
{
    if (bytes > UINT64_MAX - address || !lent_find(address, bytes))
        return 0;
    int error = unmap_around(address, address + bytes);
    return error ? error : lent_find(address, bytes) ? -ENOMEM : 0; /* others have it still */
}

bool map_remap(uint64_t address, uint64_t old_bytes, uint64_t new_bytes, bool elsewhere, int64_t *result)
{
    bool root = in_root(address, old_bytes);
    struct lent *lent = old_bytes <= UINT64_MAX - address ? lent_find(address, old_bytes) : NULL;
    if (!root && !lent)
        return false;
    *result = -ENOMEM; /* it is where it is */
    if (elsewhere || (!root && !lent_holds(address, old_bytes)))
        return true;
    if (new_bytes > old_bytes) {
        uint64_t end = root ? 0 : address + old_bytes - lent->address;
        if (root || end > lent->usable || new_bytes - old_bytes > lent->usable - end ||
            !lent_map(lent, end, new_bytes - old_bytes))
            return true;
    } else if (lent && new_bytes < old_bytes) {
        lent_unmap(lent, address + new_bytes, old_bytes - new_bytes);
    }
    *result = (int64_t)address;
    return true;
}

bool map_protect(uint64_t address, uint64_t bytes, uint32_t prot, int64_t *result)
{
    *result = 0;
    if (loaded_at(address, bytes) && memory_executes(address, bytes) && !(prot & PROT_WRITE))
        return true; /* text stays what it is, between a loader's segments, too */
    if (in_root(address, bytes)) {
        *result = prot & (PROT_WRITE | PROT_EXEC) ? -EACCES : 0;
        return true;
    }
    *result = prot & PROT_EXEC ? -EACCES : 0; /* as if mounted noexec */
    return lent_holds(address, bytes);
}

bool map_advise(uint64_t address, uint64_t bytes, int64_t *result)
{
    *result = 0;
    return in_root(address, bytes) || lent_holds(address, bytes);
}
