#include "names/process_files.h"

#include <elf.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "platform/page.h"
#include "support/memory.h"
#include "support/text.h"

/* Enough for every list that isn't damaged. */
#define LINK_LIMIT    100000
#define SEGMENT_LIMIT 64
#define VECTOR_LIMIT  64
/* At most IOV_MAX, which is 1024. */
#define PIECES_AT_ONCE 256

#define DELETED " (deleted)"

/* A file in the list. */
struct process_link {
    uint64_t bias;
    uint64_t inside; /* an address in one of its mappings */
    uint64_t name;   /* where the linker's name is; 0: it has none */
};

/* Some bytes of the process. */
struct process_piece {
    uint64_t address;
    size_t size;
    unsigned char bytes[sizeof(struct link_map)];
};

/* A program as the kernel has started it: getauxval(3). */
struct program {
    int64_t pid;
    uint64_t headers;
    uint64_t header_count;
    uint64_t linker; /* where the dynamic linker was mapped; 0: nowhere, or it is the program */
    uint64_t bias;
    uint64_t dynamic;     /* its dynamic section; 0: it has none */
    uint64_t linker_name; /* where the dynamic linker's name is; 0: it has none */
};

struct mapping {
    uint64_t start;
    uint64_t end;
    char *path; /* in the text that was parsed */
};

struct mappings {
    struct text text;
    struct mapping *items;
    size_t count;
    size_t capacity;
};

static void release_item(struct loaded_file *item) {
    memory_release((char *)item->path);
    memory_release((char *)item->mapped);
}

static void release_items(struct process_files *files) {
    for (size_t i = 0; i < files->count; i++)
        release_item(&files->items[i]);
    files->count = 0;
}

void process_files_deinit(struct process_files *files) {
    release_items(files);
    memory_release(files->items);
    memory_release(files->links);
    memory_release(files->pieces);
    *files = (struct process_files){0};
}

static bool process_files_read_memory(int64_t pid, uint64_t address, void *buffer, size_t size) {
    struct iovec local = {buffer, size}, remote = {(void *)(uintptr_t)address, size};
    return process_vm_readv((pid_t)pid, &local, 1, &remote, 1, 0) == (ssize_t)size;
}

/* The program. */

static bool read_vector(struct program *program) {
    Elf64_auxv_t vector[VECTOR_LIMIT];
    char path[64];
    bool known = false;
    snprintf(path, sizeof path, "/proc/%lld/auxv", (long long)program->pid);
    FILE *file = fopen(path, "re");
    size_t count = file ? fread(vector, sizeof vector[0], VECTOR_LIMIT, file) : 0;
    if (file)
        fclose(file);
    for (size_t i = 0; i < count; i++) {
        uint64_t value = vector[i].a_un.a_val;
        if (vector[i].a_type == AT_PHDR)
            program->headers = value;
        else if (vector[i].a_type == AT_PHNUM)
            program->header_count = value;
        else if (vector[i].a_type == AT_BASE)
            program->linker = value;
        else if (vector[i].a_type == AT_PHENT)
            known = value == sizeof(Elf64_Phdr);
    }
    return known && program->headers && program->header_count <= SEGMENT_LIMIT;
}

/* Where the file's first byte is, which a program without PT_PHDR has before its headers. */
static uint64_t find_start(const struct program *program) {
    unsigned char magic[SELFMAG];
    uint64_t start = program->headers - sizeof(Elf64_Ehdr);
    bool found = process_files_read_memory(program->pid, start, magic, sizeof magic) &&
                 memcmp(magic, ELFMAG, SELFMAG) == 0;
    return found ? start : 0;
}

static bool process_files_read_segments(struct program *program) {
    Elf64_Phdr segments[SEGMENT_LIMIT];
    uint64_t start = find_start(program);
    bool placed = false;
    if (!process_files_read_memory(program->pid, program->headers, segments,
                                   program->header_count * sizeof segments[0]))
        return false;
    for (size_t i = 0; i < program->header_count; i++) {
        const Elf64_Phdr *segment = &segments[i];
        if (segment->p_type == PT_PHDR)
            program->bias = program->headers - segment->p_vaddr;
        else if (segment->p_type == PT_LOAD && segment->p_offset == 0 && start && !placed)
            program->bias = start - segment->p_vaddr;
        else if (segment->p_type == PT_DYNAMIC)
            program->dynamic = segment->p_vaddr;
        else if (segment->p_type == PT_INTERP)
            program->linker_name = segment->p_vaddr;
        placed |= segment->p_type == PT_PHDR || (segment->p_type == PT_LOAD && start);
    }
    program->dynamic += program->dynamic ? program->bias : 0;
    program->linker_name += program->linker_name ? program->bias : 0;
    return placed;
}

/* The list. */

/* Reads what the list depends on. */
static int read_piece(struct process_files *files, int64_t pid, uint64_t address, void *buffer,
                      size_t size) {
    if (MEMORY_RESERVE(files->pieces, &files->piece_capacity, files->piece_count + 1))
        return TMPALLOC_E_NOMEM;
    if (!process_files_read_memory(pid, address, buffer, size))
        return TMPALLOC_E_UNSUPPORTED;
    struct process_piece *piece = &files->pieces[files->piece_count++];
    *piece = (struct process_piece){.address = address, .size = size};
    memcpy(piece->bytes, buffer, size);
    return TMPALLOC_OK;
}

static bool are_same(const struct process_piece *pieces, size_t count, int64_t pid) {
    unsigned char bytes[PIECES_AT_ONCE][sizeof pieces->bytes];
    struct iovec local[PIECES_AT_ONCE], remote[PIECES_AT_ONCE];
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        local[i] = (struct iovec){bytes[i], pieces[i].size};
        remote[i] = (struct iovec){(void *)(uintptr_t)pieces[i].address, pieces[i].size};
        size += pieces[i].size;
    }
    if (process_vm_readv((pid_t)pid, local, count, remote, count, 0) != (ssize_t)size)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (memcmp(bytes[i], pieces[i].bytes, pieces[i].size) != 0)
            return false;
    }
    return true;
}

static bool is_unchanged(const struct process_files *files, int64_t pid) {
    for (size_t i = 0; i < files->piece_count; i += PIECES_AT_ONCE) {
        size_t left = files->piece_count - i;
        if (!are_same(&files->pieces[i], left < PIECES_AT_ONCE ? left : PIECES_AT_ONCE, pid))
            return false;
    }
    return files->piece_count > 0;
}

/* The processor time that the process has used; 0: unknown. */
static uint64_t time_used_ns(int64_t pid) {
    clockid_t clock;
    struct timespec time;
    if (clock_getcpuclockid((pid_t)pid, &clock) != 0 || clock_gettime(clock, &time) != 0)
        return 0;
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

/* Debuggers tell many files one after the other while the process does nothing. */
static bool has_run(struct process_files *files, int64_t pid) {
    uint64_t before = files->time_used_ns;
    files->time_used_ns = time_used_ns(pid);
    return before == 0 || files->time_used_ns != before || files->piece_count == 0;
}

static int add_link(struct process_files *files, const struct process_link *link) {
    if (MEMORY_RESERVE(files->links, &files->link_capacity, files->link_count + 1))
        return TMPALLOC_E_NOMEM;
    files->links[files->link_count++] = *link;
    return TMPALLOC_OK;
}

static bool process_files_lists(const struct process_files *files, size_t count, uint64_t inside) {
    for (size_t i = 0; i < count; i++) {
        if (files->links[i].inside == inside)
            return true;
    }
    return false;
}

/* Follows the links of one namespace, of which later ones repeat the dynamic linker. */
static int process_files_follow(struct process_files *files, int64_t pid, uint64_t address) {
    size_t before = files->link_count;
    int status = TMPALLOC_OK;
    while (address && files->link_count < LINK_LIMIT && status == TMPALLOC_OK) {
        struct link_map map;
        status = read_piece(files, pid, address, &map, sizeof map);
        if (status != TMPALLOC_OK)
            break;
        address = (uintptr_t)map.l_next;
        struct process_link link = {map.l_addr, (uintptr_t)map.l_ld, (uintptr_t)map.l_name};
        if (!process_files_lists(files, before, link.inside))
            status = add_link(files, &link);
    }
    return status;
}

/* Where the program's dynamic section has this entry; 0: nowhere. */
static uint64_t process_files_find_entry(const struct program *program, int64_t tag) {
    Elf64_Dyn entry = {.d_tag = DT_NULL + 1};
    uint64_t address = program->dynamic;
    for (; address && entry.d_tag != DT_NULL; address += sizeof entry) {
        if (!process_files_read_memory(program->pid, address, &entry, sizeof entry))
            return 0;
        if (entry.d_tag == tag)
            return address;
    }
    return 0;
}

/* One namespace; *address becomes that of the next one's, which later C libraries have. */
static int process_files_read_list(struct process_files *files, int64_t pid, uint64_t *address) {
    uint64_t first, base = *address;
    int32_t version;
    *address = 0;
    int status = read_piece(files, pid, base + offsetof(struct r_debug, r_version), &version,
                            sizeof version);
    if (status == TMPALLOC_OK)
        status =
            read_piece(files, pid, base + offsetof(struct r_debug, r_map), &first, sizeof first);
    if (status == TMPALLOC_OK && version > 1)
        status = read_piece(files, pid, base + sizeof(struct r_debug), address, sizeof *address);
    return status == TMPALLOC_OK ? process_files_follow(files, pid, first) : status;
}

/* Before the dynamic linker has a list there are the program and itself. */
static int add_first(struct process_files *files, const struct program *program) {
    struct process_link first = {program->bias, program->headers, 0};
    struct process_link linker = {program->linker, program->linker, program->linker_name};
    int status = add_link(files, &first);
    return status == TMPALLOC_OK && program->linker ? add_link(files, &linker) : status;
}

static int read_links(struct process_files *files, const struct program *program) {
    uint64_t entry = process_files_find_entry(program, DT_DEBUG), list = 0;
    int status = TMPALLOC_OK;
    if (program->linker && entry)
        status =
            read_piece(files, program->pid, entry + offsetof(Elf64_Dyn, d_un), &list, sizeof list);
    else if (program->linker ||
             process_files_find_entry(program, DT_SONAME)) /* a linker run as a program */
        return TMPALLOC_E_UNSUPPORTED;
    while (status == TMPALLOC_OK && list && files->piece_count < LINK_LIMIT)
        status = process_files_read_list(files, program->pid, &list);
    return status == TMPALLOC_OK && files->link_count == 0 ? add_first(files, program) : status;
}

/* Their paths. */

static int parse_mappings(struct mappings *mappings) {
    char *next, *text = mappings->text.data;
    for (char *line = text; line && *line; line = next) {
        unsigned long long start, end;
        int path = 0;
        next = strchr(line, '\n');
        if (!next)
            break;
        *next++ = '\0';
        if (sscanf(line, "%llx-%llx %*s %*s %*s %*s %n", &start, &end, &path) != 2 || path == 0 ||
            line[path] != '/')
            continue;
        if (MEMORY_RESERVE(mappings->items, &mappings->capacity, mappings->count + 1))
            return TMPALLOC_E_NOMEM;
        mappings->items[mappings->count++] = (struct mapping){start, end, line + path};
    }
    return TMPALLOC_OK;
}

static int read_mappings(int64_t pid, struct mappings *ret) {
    char path[64], chunk[4096];
    size_t length;
    text_init(&ret->text);
    snprintf(path, sizeof path, "/proc/%lld/maps", (long long)pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return TMPALLOC_E_UNSUPPORTED;
    while ((length = fread(chunk, 1, sizeof chunk, file)) > 0)
        text_append_bytes(&ret->text, chunk, length);
    fclose(file);
    return ret->text.failed ? TMPALLOC_E_NOMEM : parse_mappings(ret);
}

static void release_mappings(struct mappings *mappings) {
    text_deinit(&mappings->text);
    memory_release(mappings->items);
}

/* proc(5) lists mappings in the order of their addresses. */
static char *find_path(const struct mappings *mappings, uint64_t address) {
    size_t low = 0, high = mappings->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (mappings->items[middle].end <= address)
            low = middle + 1;
        else
            high = middle;
    }
    bool found = low < mappings->count && mappings->items[low].start <= address;
    return found ? mappings->items[low].path : NULL;
}

/* A file that has another one in its place now has its name still. */
static void strip_mark(char *path) {
    size_t length = strlen(path), mark = strlen(DELETED);
    if (length > mark && strcmp(path + length - mark, DELETED) == 0 && access(path, F_OK) != 0)
        path[length - mark] = '\0';
}

/* The linker's name; "": it has none, or one that means something in the process only. */
static void read_name(int64_t pid, uint64_t address, char name[PATH_MAX]) {
    size_t first = PAGE_BYTES - address % PAGE_BYTES; /* what follows may not be mapped */
    struct iovec local = {name, PATH_MAX};
    struct iovec remote[] = {{(void *)(uintptr_t)address, first},
                             {(void *)(uintptr_t)(address + first), PATH_MAX - first}};
    ssize_t size = address ? process_vm_readv((pid_t)pid, &local, 1, remote, 2, 0) : 0;
    if (size <= 0 || name[0] != '/' || !memchr(name, '\0', (size_t)size))
        name[0] = '\0';
}

static int process_files_add_item(struct process_files *files, const struct process_link *link,
                                  const char *name, const char *mapped) {
    struct loaded_file item = {.path = memory_copy_string(*name ? name : mapped),
                               .mapped = memory_copy_string(mapped),
                               .bias = link->bias,
                               .inside = link->inside,
                               .placed = true};
    if (!item.path || !item.mapped) {
        release_item(&item);
        return TMPALLOC_E_NOMEM;
    }
    files->items[files->count++] = item;
    return TMPALLOC_OK;
}

/* The program is what the kernel says: its own name for itself may be any. */
static int name_links(struct process_files *files, int64_t pid, const struct mappings *mappings) {
    int status = TMPALLOC_OK;
    char name[PATH_MAX] = "";
    if (MEMORY_RESERVE(files->items, &files->capacity, files->link_count))
        return TMPALLOC_E_NOMEM;
    for (size_t i = 0; i < files->link_count && status == TMPALLOC_OK; i++) {
        const struct process_link *link = &files->links[i];
        char *path = find_path(mappings, link->inside);
        if (!path) /* the kernel's own, or code that was unpacked */
            continue;
        strip_mark(path);
        if (i > 0)
            read_name(pid, link->name, name);
        status = process_files_add_item(files, link, name, path);
    }
    if (status != TMPALLOC_OK)
        return status;
    return files->count ? TMPALLOC_OK : TMPALLOC_E_UNSUPPORTED;
}

static int name_files(struct process_files *files, int64_t pid) {
    struct mappings mappings = {.count = 0};
    release_items(files);
    int status = read_mappings(pid, &mappings);
    if (status == TMPALLOC_OK)
        status = name_links(files, pid, &mappings);
    release_mappings(&mappings);
    return status;
}

int process_files_update(struct process_files *files, int64_t pid, bool *changed_ret) {
    struct program program = {.pid = pid};
    int status = TMPALLOC_E_UNSUPPORTED;
    *changed_ret = has_run(files, pid) && (files->told || !is_unchanged(files, pid));
    files->told = false;
    if (!*changed_ret)
        return TMPALLOC_OK;
    files->piece_count = files->link_count = 0;
    if (read_vector(&program) && process_files_read_segments(&program))
        status = read_links(files, &program);
    if (status == TMPALLOC_OK)
        status = name_files(files, pid);
    if (status != TMPALLOC_OK)
        files->piece_count = 0;
    return status;
}
