/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define REGION_BLOCK ((size_t)64 * 1024)
#define REGION_FIRST 4096 /* the first block: many regions are small */
#define REGION_ALIGN _Alignof(max_align_t)
#define PART_MAX     ((size_t)60 << 10) /* bytes of a part of segments: less than a block */
#define PARTS_MAX    ((size_t)1 << 26)
#define BLOCK_HEAD   ((sizeof(struct block) + REGION_ALIGN - 1) & ~(REGION_ALIGN - 1))

/* bytes that stay in memory: short lists need no file */
#define PAGEFILE_FIRST  ((size_t)2 << 20)
#define PAGEFILE_EXTENT ((size_t)16 << 20) /* bytes of the file reserved at a time */
#define PAGEFILE_TRIM   ((size_t)2 << 20)  /* bytes used between two trims */

static atomic_ulong fail_countdown; /* 0: never */
static atomic_int fail_stays;

void mem_fail_at(unsigned long nth, int stay)
{
    atomic_store(&fail_stays, stay);
    atomic_store(&fail_countdown, nth);
}

#ifdef SKYARC_TORTURE
/*
 * A build for scripts/torture: SKYARC_FAIL_ALLOCATION=N makes the Nth allocation fail, and
 * SKYARC_COUNT_ALLOCATIONS=FILE writes the number of allocations at exit.
 */
static atomic_ulong counted;

__attribute__((constructor)) static void torture_begin(void)
{
    const char *nth = getenv("SKYARC_FAIL_ALLOCATION");

    if (nth)
        mem_fail_at(strtoul(nth, NULL, 10), 0);
}

__attribute__((destructor)) static void torture_end(void)
{
    const char *path = getenv("SKYARC_COUNT_ALLOCATIONS");
    FILE *file = path ? fopen(path, "w") : NULL;

    if (!file)
        return;
    (void)fprintf(file, "%lu\n", atomic_load(&counted));
    (void)fclose(file);
}
#endif

/* Whether mem_fail_at wants this allocation to fail. */
static int must_fail(void)
{
    unsigned long left = atomic_load_explicit(&fail_countdown, memory_order_relaxed);

#ifdef SKYARC_TORTURE
    (void)atomic_fetch_add(&counted, 1);
#endif
    while (left > 0) {
        unsigned long next = left == 1 && atomic_load(&fail_stays) ? 1 : left - 1;

        if (atomic_compare_exchange_weak(&fail_countdown, &left, next))
            return left == 1;
    }
    return 0;
}

static void *out_of_memory(struct err *err)
{
    (void)err_set(err, ERR_MEMORY, "out of memory");
    return NULL;
}

void *mem_new(size_t size, struct err *err)
{
    return mem_array(1, size, err);
}

void *mem_array(size_t count, size_t size, struct err *err)
{
    void *p = NULL;

    if (!must_fail())
        p = calloc(count ? count : 1, size ? size : 1);
    return p ? p : out_of_memory(err);
}

void *mem_resize(void *old, size_t count, size_t size, struct err *err)
{
    size_t bytes;
    void *p = NULL;

    if (__builtin_mul_overflow(count, size, &bytes))
        return out_of_memory(err);
    if (!must_fail())
        p = realloc(old, bytes ? bytes : 1);
    return p ? p : out_of_memory(err);
}

int mem_room(void *array, size_t *cap, size_t used, size_t size, size_t limit, struct err *err)
{
    void *old;
    void *grown;
    size_t want;

    if (used < *cap)
        return 0;
    if (used >= limit)
        return err_set(err, ERR_LIMIT, "more than %zu entries", limit);
    want = *cap ? *cap * 2 : 16;
    if (want > limit)
        want = limit;
    memcpy(&old, array, sizeof(old));
    grown = mem_resize(old, want, size, err);
    if (!grown)
        return -1;
    memcpy(array, &grown, sizeof(grown));
    *cap = want;
    return 0;
}

char *mem_copy(const char *s, struct err *err)
{
    size_t size = strlen(s) + 1;
    char *copy = mem_new(size, err);

    if (copy)
        memcpy(copy, s, size);
    return copy;
}

char *mem_format(struct err *err, const char *fmt, ...)
{
    va_list args;
    va_list again;
    char *text = NULL;
    int len;

    va_start(args, fmt);
    va_copy(again, args);
    len = vsnprintf(NULL, 0, fmt, args);
    if (len >= 0)
        text = mem_new((size_t)len + 1, err);
    if (text)
        (void)vsnprintf(text, (size_t)len + 1, fmt, again);
    va_end(again);
    va_end(args);
    return text;
}

void mem_free(void *p)
{
    free(p);
}

void mem_forbid_dumps(void)
{
#if !defined(__SANITIZE_ADDRESS__) /* LeakSanitizer needs ptrace */
    (void)prctl(PR_SET_DUMPABLE, 0);
#endif
}

void mem_steady(void)
{
#ifdef M_MMAP_THRESHOLD /* glibc raises the threshold dynamically unless it is set */
    (void)mallopt(M_MMAP_THRESHOLD, 128 * 1024);
#endif
}

/* A part of the file that is mapped. */
struct extent {
    struct extent *next;
    char *at;
    size_t size;
    size_t used;
    uint64_t offset;
};

/* Where a region's block lies. */
enum block_place {
    BLOCK_HEAP,
    BLOCK_SHARED, /* in an extent of many blocks */
    BLOCK_ALONE,  /* an extent of its own */
};

/* Its head is in memory also if its bytes are in a file, so that freeing it reads nothing. */
struct block {
    struct block *next;
    char *data;
    size_t used;
    size_t size;
    enum block_place place;
};

struct region {
    struct block *head;
    struct pagefile *file; /* NULL: all in memory */
};

struct pagefile {
    pthread_mutex_t lock;
    int fd; /* -1: all in memory, from now on */
    uint64_t end;
    size_t in_memory; /* bytes of its regions' blocks that are not in the file */
    struct extent *extents;
    struct block *small; /* freed blocks of REGION_FIRST bytes, and of REGION_BLOCK */
    struct block *large;
    atomic_size_t touched;
};

struct pagefile *pagefile_new(int fd, struct err *err)
{
    struct pagefile *file = mem_new(sizeof(*file), err);

    if (!file) {
        if (fd >= 0)
            (void)close(fd);
        return NULL;
    }
    (void)pthread_mutex_init(&file->lock, NULL);
    file->fd = fd;
    return file;
}

static void free_blocks(struct block *block)
{
    while (block) {
        struct block *next = block->next;

        mem_free(block);
        block = next;
    }
}

void pagefile_free(struct pagefile *file)
{
    if (!file)
        return;
    free_blocks(file->small);
    free_blocks(file->large);
    while (file->extents) {
        struct extent *next = file->extents->next;

        (void)munmap(file->extents->at, file->extents->size);
        mem_free(file->extents);
        file->extents = next;
    }
    if (file->fd >= 0)
        (void)close(file->fd);
    (void)pthread_mutex_destroy(&file->lock);
    mem_free(file);
}

/*
 * Map size further bytes of the file. They are reserved on the disk: writing to a mapped page
 * for which there is no space would end the process. NULL: the file cannot have them.
 */
static struct extent *extend(struct pagefile *file, size_t size)
{
    struct rlimit limit; /* writing beyond it would cause SIGXFSZ, which ends a pull */
    bool fits = file->fd >= 0 && getrlimit(RLIMIT_FSIZE, &limit) == 0 &&
                file->end + size <= limit.rlim_cur;
    struct extent *extent = fits ? mem_new(sizeof(*extent), NULL) : NULL;
    void *at;

    if (!extent)
        return NULL;
    at = fallocate(file->fd, 0, (off_t)file->end, (off_t)size) < 0
             ? MAP_FAILED
             : mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file->fd, (off_t)file->end);
    if (at == MAP_FAILED) {
        mem_free(extent);
        return NULL;
    }
    *extent = (struct extent){ file->extents, at, size, 0, file->end };
    file->end += size;
    file->extents = extent;
    return extent;
}

/* Find bytes in the file for a block; false: there are none. */
static bool place_block(struct pagefile *file, struct block *block, size_t bytes)
{
    bool shared = bytes == REGION_FIRST || bytes == REGION_BLOCK;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    struct extent *extent = file->extents;

    while (shared && extent && extent->size - extent->used < bytes)
        extent = extent->next;
    if (!shared)
        extent = extend(file, (bytes + page - 1) / page * page);
    else if (!extent)
        extent = extend(file, PAGEFILE_EXTENT);
    if (!extent)
        return false;
    *block = (struct block){ .data = extent->at + extent->used,
                             .size = bytes,
                             .place = shared ? BLOCK_SHARED : BLOCK_ALONE };
    extent->used += shared ? bytes : extent->size;
    return true;
}

/* A block of zeroed bytes in the file; NULL: there is none. */
static struct block *page_block(struct pagefile *file, size_t bytes)
{
    struct block **freed = bytes == REGION_FIRST ? &file->small : &file->large;
    struct block *block = bytes <= REGION_BLOCK ? *freed : NULL;

    if (block) {
        *freed = block->next;
        block->next = NULL;
        block->used = 0;
        memset(block->data, 0, bytes);
        return block;
    }
    block = mem_new(sizeof(*block), NULL);
    if (block && place_block(file, block, bytes))
        return block;
    mem_free(block);
    return NULL;
}

/* Unmap the extent of a block, and give its space on the disk back. */
static void drop_extent(struct pagefile *file, const struct block *block)
{
    struct extent **at = &file->extents;
    struct extent *extent;

    while ((*at)->at != block->data)
        at = &(*at)->next;
    extent = *at;
    *at = extent->next;
    (void)munmap(extent->at, extent->size);
    (void)fallocate(file->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)extent->offset,
                    (off_t)extent->size);
    mem_free(extent);
}

/* A block of bytes in memory. */
static struct block *heap_block(size_t bytes, struct err *err)
{
    struct block *block = mem_new(BLOCK_HEAD + bytes, err);

    if (block)
        *block = (struct block){ .data = (char *)block + BLOCK_HEAD, .size = bytes };
    return block;
}

static struct block *new_block(struct region *region, size_t bytes, struct err *err)
{
    struct pagefile *file = region->file;
    struct block *block = NULL;

    if (!file)
        return heap_block(bytes, err);
    (void)pthread_mutex_lock(&file->lock);
    if (file->in_memory + bytes > PAGEFILE_FIRST)
        block = page_block(file, bytes);
    if (!block && (block = heap_block(bytes, err)))
        file->in_memory += bytes;
    (void)pthread_mutex_unlock(&file->lock);
    pagefile_touch(file, bytes);
    return block;
}

static void free_block(struct pagefile *file, struct block *block)
{
    struct block **freed;

    if (!file) {
        mem_free(block);
        return;
    }
    freed = block->size == REGION_FIRST ? &file->small : &file->large;
    (void)pthread_mutex_lock(&file->lock);
    if (block->place == BLOCK_SHARED) {
        block->next = *freed;
        *freed = block;
    } else {
        if (block->place == BLOCK_HEAP)
            file->in_memory -= block->size;
        else
            drop_extent(file, block);
        mem_free(block);
    }
    (void)pthread_mutex_unlock(&file->lock);
}

void pagefile_trim(struct pagefile *file)
{
    struct extent *extent;

    if (!file)
        return;
    (void)pthread_mutex_lock(&file->lock);
    atomic_store(&file->touched, 0);
    for (extent = file->extents; extent; extent = extent->next)
        (void)madvise(extent->at, extent->size, MADV_DONTNEED);
    (void)pthread_mutex_unlock(&file->lock);
}

void pagefile_touch(struct pagefile *file, size_t bytes)
{
    if (file && atomic_fetch_add(&file->touched, bytes) + bytes >= PAGEFILE_TRIM)
        pagefile_trim(file);
}

int pagefile_check(const struct pagefile *file, struct err *err)
{
    if (!file || !file->end ||
        sync_file_range(file->fd, 0, 0, SYNC_FILE_RANGE_WAIT_BEFORE) == 0 || errno == ENOSYS ||
        errno == ESPIPE || errno == EINVAL)
        return 0;
    return err_sys(err, "cannot write a temporary file");
}

struct region *region_on(struct pagefile *file, struct err *err)
{
    struct region *region = mem_new(sizeof(*region), err);

    if (region)
        region->file = file;
    return region;
}

struct region *region_new(struct err *err)
{
    return region_on(NULL, err);
}

void region_free(struct region *region)
{
    if (!region)
        return;
    while (region->head) {
        struct block *next = region->head->next;

        free_block(region->file, region->head);
        region->head = next;
    }
    mem_free(region);
}

int region_renew(struct region **region, size_t *calls, struct err *err)
{
    if ((*calls)++ % REGION_ROWS)
        return 0;
    region_free(*region);
    *region = region_new(err);
    return *region ? 0 : -1;
}

/* The size of a region's next block, which is to hold an object of `need` bytes. */
static size_t block_size(const struct region *region, size_t need)
{
    size_t usual = region->head ? REGION_BLOCK : REGION_FIRST;

    if (!region->file)
        return need > usual / 4 ? need : usual;
    return need <= usual ? usual : need <= REGION_BLOCK ? REGION_BLOCK : need;
}

void *region_take(struct region *region, size_t size, struct err *err)
{
    struct block *block = region->head;
    size_t need = (size + REGION_ALIGN - 1) & ~(REGION_ALIGN - 1);
    void *p;

    if (need < size)
        return out_of_memory(err);
    if (!block || block->size - block->used < need) {
        if (need > SIZE_MAX - REGION_BLOCK)
            return out_of_memory(err);
        block = new_block(region, block_size(region, need), err);
        if (!block)
            return NULL;
        if (region->head && block->size - need < region->head->size - region->head->used) {
            /* a large object: keep filling the old block */
            block->next = region->head->next;
            region->head->next = block;
        } else {
            block->next = region->head;
            region->head = block;
        }
    }
    p = block->data + block->used;
    block->used += need;
    return p;
}

char *region_copy(struct region *region, const char *s, size_t len, struct err *err)
{
    char *copy = region_take(region, len + 1, err);

    if (copy && len)
        memcpy(copy, s, len);
    return copy;
}

char *region_text(struct region *region, const char *text, struct err *err)
{
    return region_copy(region, text, strlen(text), err);
}

int text_list_add(struct text_list *list, const char *text, size_t most, struct err *err)
{
    if (!list->region)
        list->region = region_new(err);
    if (!list->region ||
        mem_room(&list->at, &list->cap, list->count, sizeof(char *), most, err) < 0)
        return -1;
    list->at[list->count] = region_text(list->region, text, err);
    return list->at[list->count] ? (list->count++, 0) : -1;
}

void text_list_clear(struct text_list *list)
{
    region_free(list->region);
    mem_free(list->at);
    *list = (struct text_list){ 0 };
}

void segments_init(struct segments *s, struct region *region, size_t size)
{
    *s = (struct segments){ .region = region, .size = size };
    while (size << (s->shift + 1) <= PART_MAX)
        s->shift++;
}

void segments_clear(struct segments *s)
{
    mem_free(s->parts);
    *s = (struct segments){ 0 };
}

size_t segments_room(const struct segments *s)
{
    return s->count << s->shift;
}

int segments_reach(struct segments *s, size_t count, struct err *err)
{
    while (segments_room(s) < count) {
        void *part;

        if (mem_room(&s->parts, &s->cap, s->count, sizeof(void *), PARTS_MAX, err) < 0)
            return -1;
        part = region_take(s->region, s->size << s->shift, err);
        if (!part)
            return -1;
        s->parts[s->count++] = part;
    }
    return 0;
}

void *segments_at(const struct segments *s, size_t i)
{
    assert(i < segments_room(s));
    return (char *)s->parts[i >> s->shift] + (i & (((size_t)1 << s->shift) - 1)) * s->size;
}
