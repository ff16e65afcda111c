#include "names/module_file.h"

#include <string.h>
#include <unistd.h>

#include "platform/page.h"

enum agreement { AGREES, DIFFERS, UNKNOWN };

static enum agreement module_file_compare(const struct module_process *process, uint64_t address,
                                          const unsigned char *bytes, size_t size) {
    unsigned char
        memory[ELF_BUILD_ID_BYTES > ELF_HEADER_BYTES ? ELF_BUILD_ID_BYTES : ELF_HEADER_BYTES];
    if (!process->read)
        return UNKNOWN;
    if (!process->read(process->arg, address, memory, size))
        return process->live ? DIFFERS : UNKNOWN;
    return memcmp(memory, bytes, size) == 0 ? AGREES : DIFFERS;
}

static enum agreement module_file_compare_bytes(const struct module_process *process,
                                                const struct elf_facts *facts, uint64_t bias) {
    if (bias != 0 && !facts->relocatable)
        return DIFFERS;
    if (facts->build_id_address)
        return module_file_compare(process, facts->build_id_address + bias, facts->build_id.bytes,
                                   facts->build_id.size);
    if (facts->loads_header)
        return module_file_compare(process, facts->start + bias, facts->header,
                                   sizeof facts->header);
    return UNKNOWN;
}

bool module_file_matches(const struct module_process *process, const struct elf_facts *facts,
                         uint64_t bias) {
    return module_file_compare_bytes(process, facts, bias) != DIFFERS;
}

uint64_t module_file_address(const struct loaded_file *loaded) {
    return loaded->placed ? loaded->inside : loaded->text_address;
}

/* A header alone proves little: builds that differ may have the same one. */
static bool is_mapped_file(const struct elf_facts *facts, const struct process_mapping *beginning) {
    return facts->build_id_address != 0 || facts->stamp.inode == beginning->inode;
}

/* What a file's name leads to here. */
static bool find_by_name(const struct module_process *process, struct process_maps *maps,
                         const struct loaded_file *loaded, struct module_file *ret) {
    struct module_file file = {.fd = -1};
    int fd = elf_file_open(loaded->path);
    if (fd < 0)
        return false;
    bool valid = elf_file_facts(fd, &file.facts);
    close(fd);
    if (!valid)
        return false;
    file.bias = loaded->placed ? loaded->bias : loaded->text_address - file.facts.text_address;
    if (maps->pid != 0 && file.facts.build_id_address == 0) {
        const struct process_mapping *beginning =
            process_maps_beginning(maps, module_file_address(loaded));
        if (!beginning || !is_mapped_file(&file.facts, beginning))
            return false;
    }
    *ret = file;
    return module_file_matches(process, &file.facts, file.bias);
}

/* Where the debugger says that it is a file lies by the debugger's own, perhaps another one. */
static uint64_t find_bias(const struct elf_facts *facts, const struct process_mapping *beginning,
                          const struct loaded_file *loaded) {
    return loaded->placed ? loaded->bias
                          : beginning->start - facts->start / PAGE_BYTES * PAGE_BYTES;
}

/* Takes over the file descriptor of a file that may be the one that is mapped. */
static bool take_open(const struct module_process *process, const struct process_mapping *beginning,
                      const struct loaded_file *loaded, int fd, bool is_mapped,
                      struct module_file *ret) {
    struct module_file file = {.fd = fd};
    if (fd < 0)
        return false;
    if (elf_file_facts(fd, &file.facts) && (is_mapped || is_mapped_file(&file.facts, beginning))) {
        file.bias = find_bias(&file.facts, beginning, loaded);
        if (module_file_matches(process, &file.facts, file.bias)) {
            *ret = file;
            return true;
        }
    }
    close(fd);
    return false;
}

bool module_file_find(const struct module_process *process, struct process_maps *maps,
                      const struct loaded_file *loaded, struct module_file *ret) {
    if (find_by_name(process, maps, loaded, ret))
        return true;
    const struct process_mapping *beginning =
        process_maps_beginning(maps, module_file_address(loaded));
    if (!beginning)
        return false;
    int64_t pid = process->pid;
    return take_open(process, beginning, loaded, process_maps_open(pid, beginning), true, ret) ||
           take_open(process, beginning, loaded, process_maps_open_executable(pid), false, ret) ||
           take_open(process, beginning, loaded, process_maps_open_in_root(pid, loaded->path),
                     false, ret) ||
           (loaded->mapped &&
            take_open(process, beginning, loaded, elf_file_open(loaded->mapped), false, ret));
}
