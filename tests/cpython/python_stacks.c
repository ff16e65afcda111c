/* The Python frames of the threads of a stopped process.
 *
 * python_stacks [-d DEPTH] [-r READ] [-a ALLOCATION] PID TID[:PTHREAD]...
 *
 * Prints JSON: the version, and for each thread its frames.  A frame whose code object can't be
 * copied has no name.  Reads from the one given on fail (1: the first), and that allocation does.
 */
#include <fcntl.h>
#include <gelf.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "cpython/python_code.h"
#include "cpython/python_frames.h"
#include "support/memory.h"
#include "tmpalloc/tmpalloc.h"

#define FRAME_LIMIT 2000

struct target {
    pid_t pid;
    Elf *elf; /* of the file with the runtime */
    uint64_t bias;
    uint64_t reads;
    uint64_t failing; /* 0: none */
};

static void die(const char *why) {
    fprintf(stderr, "%s\n", why);
    exit(1);
}

static bool read_memory(void *arg, uint64_t address, void *buffer, size_t size) {
    struct target *target = arg;
    struct iovec local = {.iov_base = buffer, .iov_len = size};
    struct iovec remote = {.iov_base = (void *)(uintptr_t)address, .iov_len = size};
    if (++target->reads >= target->failing && target->failing)
        return false;
    return size == 0 || process_vm_readv(target->pid, &local, 1, &remote, 1, 0) == (ssize_t)size;
}

/* Symbols. */

static uint64_t find_in_section(Elf_Scn *section, Elf *elf, const char *symbol) {
    GElf_Shdr header;
    GElf_Sym found;
    if (!gelf_getshdr(section, &header) || header.sh_type != SHT_DYNSYM)
        return 0;
    Elf_Data *data = elf_getdata(section, NULL);
    for (int i = 0; gelf_getsym(data, i, &found); i++) {
        const char *name = elf_strptr(elf, header.sh_link, found.st_name);
        if (found.st_shndx != SHN_UNDEF && name && strcmp(name, symbol) == 0)
            return found.st_value;
    }
    return 0;
}

static uint64_t find_in_file(Elf *elf, const char *symbol) {
    uint64_t value = 0;
    Elf_Scn *section = NULL;
    while (!value && (section = elf_nextscn(elf, section)))
        value = find_in_section(section, elf, symbol);
    return value;
}

static uint64_t find_symbol(void *arg, const char *symbol) {
    struct target *target = arg;
    uint64_t value = target->elf ? find_in_file(target->elf, symbol) : 0;
    return value ? value + target->bias : 0;
}

/* Link-time address of the file's first byte. */
static uint64_t link_start(Elf *elf) {
    GElf_Phdr segment;
    for (int i = 0; gelf_getphdr(elf, i, &segment); i++) {
        if (segment.p_type == PT_LOAD)
            return segment.p_vaddr - segment.p_offset;
    }
    return 0;
}

static bool try_file(struct target *target, const char *path, uint64_t start) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    Elf *elf = fd < 0 ? NULL : elf_begin(fd, ELF_C_READ_MMAP, NULL);
    if (elf && elf_kind(elf) == ELF_K_ELF && find_in_file(elf, "_PyRuntime")) {
        target->elf = elf;
        target->bias = start - link_start(elf);
        return true;
    }
    elf_end(elf);
    if (fd >= 0)
        close(fd);
    return false;
}

static void find_file(struct target *target) {
    char line[8192];
    snprintf(line, sizeof line, "/proc/%d/maps", (int)target->pid);
    FILE *maps = fopen(line, "re");
    if (!maps)
        die("there is no such process");
    while (fgets(line, sizeof line, maps)) {
        uint64_t start, offset;
        int path = 0;
        sscanf(line, "%" SCNx64 "-%*x %*s %" SCNx64 " %*s %*s %n", &start, &offset, &path);
        line[strcspn(line, "\n")] = '\0';
        if (offset == 0 && line[path] == '/' && try_file(target, line + path, start))
            break;
    }
    fclose(maps);
}

/* Output. */

static json_t *describe(const struct python_process *process, const struct python_runtime *runtime,
                        const struct python_frame *frame) {
    struct python_code code;
    json_t *described =
        json_pack("{s:I, s:I, s:I, s:b, s:I}", "address", (json_int_t)frame->address, "code",
                  (json_int_t)frame->code, "instruction", (json_int_t)frame->instruction, "entry",
                  (int)frame->is_entry, "loop", (json_int_t)frame->loop);
    if (python_code_copy(process, runtime, frame->code, &code) != TMPALLOC_OK)
        return described;
    json_t *more = json_pack("{s:s%, s:i}", "name", code.name, strlen(code.name), "line",
                             (int)python_code_line(&code, frame->instruction));
    json_object_update(described, more);
    json_decref(more);
    /* A file name need not be UTF-8. */
    json_t *bytes = json_array();
    for (const char *c = code.file; *c; c++)
        json_array_append_new(bytes, json_integer((unsigned char)*c));
    json_object_set_new(described, "file", bytes);
    python_code_deinit(&code);
    return described;
}

static json_t *list_thread(const struct python_process *process,
                           const struct python_runtime *runtime, const char *word, size_t depth) {
    static struct python_frame frames[FRAME_LIMIT];
    struct python_thread_id id = {0};
    bool truncated = false;
    sscanf(word, "%" SCNd64 ":%" SCNx64, &id.tid, &id.pthread);
    uint64_t thread = python_thread_find(process, runtime, &id);
    size_t count =
        thread ? python_frames_list(process, runtime, thread, frames, depth, &truncated) : 0;
    json_t *listed = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(listed, describe(process, runtime, &frames[i]));
    return json_pack("{s:b, s:b, s:o}", "found", thread != 0, "truncated", (int)truncated, "frames",
                     listed);
}

int main(int argc, char **argv) {
    struct target target = {0};
    size_t depth = FRAME_LIMIT;
    uint64_t failing_allocation = 0;
    int option;
    while ((option = getopt(argc, argv, "a:d:r:")) != -1) {
        if (option == 'd')
            depth = strtoul(optarg, NULL, 10);
        else if (option == 'a')
            failing_allocation = strtoul(optarg, NULL, 10);
        else
            target.failing = strtoul(optarg, NULL, 10);
    }
    if (argc - optind < 2 || depth > FRAME_LIMIT)
        die("usage: python_stacks [-d DEPTH] [-r READ] [-a ALLOCATION] PID TID[:PTHREAD]...");
    elf_version(EV_CURRENT);
    target.pid = (pid_t)atoi(argv[optind]);
    find_file(&target);
    struct python_process process = {.read = read_memory, .find = find_symbol, .arg = &target};
    struct python_runtime runtime = {0};
    enum python_answer answer = python_runtime_find(&process, &runtime);
    json_t *threads = json_array();
    memory_fail_after(failing_allocation);
    for (int i = optind + 1; i < argc && answer == PYTHON_FOUND; i++)
        json_array_append_new(threads, list_thread(&process, &runtime, argv[i], depth));
    json_t *output =
        json_pack("{s:i, s:i, s:I, s:o}", "answer", (int)answer, "version", (int)runtime.version,
                  "reads", (json_int_t)target.reads, "threads", threads);
    json_dumpf(output, stdout, 0);
    json_decref(output);
    elf_end(target.elf);
    return memory_in_use() == 0 ? 0 : 2;
}
