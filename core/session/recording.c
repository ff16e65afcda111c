#include "session/recording.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "debugger/process_linux.h"
#include "names/core_file.h"
#include "names/mapped_files.h"
#include "names/process_maps.h"
#include "support/memory.h"

struct mark {
    char *name;
    struct snapshot snapshot;
};

int recording_create(struct host *host, const char *engine, uint32_t max_threshold,
                     struct error *error, struct recording **ret) {
    struct recording *recording = memory_allocate_zeroed(1, sizeof(*recording));
    if (!recording)
        return error_no_memory(error);
    recording->host = host;
    recording->engine = engine;
    map_init(&recording->site_ids);
    if (tracker_create(max_threshold, &recording->tracker) != TMPALLOC_OK ||
        modules_create(&recording->modules) != TMPALLOC_OK ||
        symbolizer_create(recording->modules, &recording->symbolizer) != TMPALLOC_OK ||
        unwinder_create(host, recording->modules, tracker_stacks(recording->tracker),
                        &recording->unwinder) != TMPALLOC_OK ||
        interpreted_stacks_create(host, recording->modules, tracker_stacks(recording->tracker),
                                  recording->symbolizer, &recording->python) != TMPALLOC_OK) {
        recording_destroy(recording);
        return error_no_memory(error);
    }
    *ret = recording;
    return TMPALLOC_OK;
}

static void release_arguments(struct recording *recording) {
    for (char **argument = recording->arguments; argument && *argument; argument++)
        memory_release(*argument);
    memory_release(recording->arguments);
    recording->arguments = NULL;
}

static void release_mark(struct mark *mark) {
    memory_release(mark->name);
    snapshot_deinit(&mark->snapshot);
}

void recording_forget_marks(struct recording *recording) {
    for (size_t i = 0; i < recording->mark_count; i++)
        release_mark(&recording->marks[i]);
    recording->mark_count = 0;
}

void recording_destroy(struct recording *recording) {
    if (!recording)
        return;
    recording_forget_marks(recording);
    memory_release(recording->marks);
    map_deinit(&recording->past_stacks);
    map_deinit(&recording->site_ids);
    snapshot_deinit(&recording->latest);
    interpreted_stacks_destroy(recording->python);
    unwinder_destroy(recording->unwinder);
    process_files_deinit(&recording->files);
    symbolizer_destroy(recording->symbolizer);
    modules_destroy(recording->modules);
    tracker_destroy(recording->tracker);
    release_arguments(recording);
    memory_release(recording);
}

static size_t count_strings(const struct text *text) {
    size_t count = 0;
    for (size_t i = 0; i < text->length; i++)
        count += text->data[i] == '\0';
    return count;
}

static void read_arguments(struct recording *recording) {
    struct text text;
    text_init(&text);
    process_arguments(recording->process.pid, &text);
    size_t count = count_strings(&text);
    char **arguments = count ? memory_allocate_zeroed(count + 1, sizeof(char *)) : NULL;
    const char *next = text_get(&text);
    for (size_t i = 0; arguments && i < count; i++, next += strlen(next) + 1)
        arguments[i] = memory_copy_string(next);
    text_deinit(&text);
    recording->arguments = arguments;
}

static bool recording_read_process(void *arg, uint64_t address, void *buffer, size_t size) {
    struct recording *recording = arg;
    if (recording->process.core_file[0])
        return core_file_memory(recording->process.core_file, address, buffer, size);
    return host_read_data(recording->host, address, buffer, size, NULL) == TMPALLOC_OK;
}

static void set_process_of_modules(struct recording *recording) {
    const struct tmpalloc_process *process = &recording->process;
    modules_set_process(recording->modules,
                        &(struct module_process){.pid = process->local ? process->pid : 0,
                                                 .live = process->core_file[0] == '\0',
                                                 .read = recording_read_process,
                                                 .arg = recording});
}

void recording_set_process(struct recording *recording, const struct tmpalloc_process *process) {
    recording->process = *process;
    release_arguments(recording);
    if (process->local)
        read_arguments(recording);
    if (process->local && (process->executable[0] == '\0' ||
                           process_maps_is_executable(process->pid, process->executable)))
        process_maps_executable(process->pid, recording->process.executable,
                                sizeof(recording->process.executable));
    host_set_process(recording->host, process);
    set_process_of_modules(recording);
    unwinder_reset(recording->unwinder);
}

struct module_list {
    struct loaded_file *items;
    size_t count;
    size_t capacity;
};

static int collect_module(void *arg, const struct tmpalloc_module *module) {
    struct module_list *list = arg;
    if (MEMORY_RESERVE(list->items, &list->capacity, list->count + 1))
        return TMPALLOC_E_NOMEM;
    char *path = memory_copy_string(module->path);
    if (!path)
        return TMPALLOC_E_NOMEM;
    list->items[list->count++] =
        (struct loaded_file){.path = path, .text_address = module->text_address};
    return TMPALLOC_OK;
}

static int collect_missing(void *arg, const struct tmpalloc_module *module) {
    const struct module_list *list = arg;
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].text_address == module->text_address)
            return TMPALLOC_OK;
    }
    return collect_module(arg, module);
}

/* Debuggers don't know the program of a dynamic linker that was called by name.  It is searched
 * before the libraries that they know. */
static int complete_list(struct recording *recording, struct module_list *list,
                         struct error *error) {
    const struct tmpalloc_process *process = &recording->process;
    struct modules *modules = recording->modules;
    size_t known = list->count;
    bool linker = modules_loaded_count(modules) > 0 &&
                  modules_is_library(modules, modules_loaded(modules, 0));
    if (!linker || !process->local || process->pid == 0)
        return TMPALLOC_OK;
    if (mapped_files_for_each(process->pid, collect_missing, list) != TMPALLOC_OK)
        return error_no_memory(error);
    for (size_t i = known; i < list->count; i++) {
        struct loaded_file added = list->items[i];
        size_t place = 1 + i - known;
        memmove(&list->items[place + 1], &list->items[place], (i - place) * sizeof(added));
        list->items[place] = added;
    }
    return TMPALLOC_OK;
}

static int ask_debugger(struct recording *recording, bool *changed_ret, struct error *error) {
    struct module_list list = {0};
    int status = host_modules(recording->host, collect_module, &list, error);
    if (status == TMPALLOC_OK)
        status = complete_list(recording, &list, error);
    if (status == TMPALLOC_OK)
        status = modules_update(recording->modules, list.items, list.count, changed_ret, error);
    for (size_t i = 0; i < list.count; i++)
        memory_release((char *)list.items[i].path);
    memory_release(list.items);
    return status;
}

int recording_update_modules(struct recording *recording, const struct tmpalloc_process *process,
                             bool *changed_ret, struct error *error) {
    struct process_files *files = &recording->files;
    bool changed = false;
    int status = process->local && process->pid != 0
                     ? process_files_update(files, process->pid, &changed)
                     : TMPALLOC_E_UNSUPPORTED;
    if (status == TMPALLOC_E_UNSUPPORTED)
        return ask_debugger(recording, changed_ret, error);
    if (changed_ret)
        *changed_ret = false;
    if (status == TMPALLOC_OK && changed)
        status = modules_update(recording->modules, files->items, files->count, changed_ret, error);
    if (status != TMPALLOC_OK)
        process_files_deinit(files);
    return status == TMPALLOC_E_NOMEM ? error_no_memory(error) : status;
}

static int compare_first_sight(const void *a, const void *b) {
    const struct snapshot_site *x = *(struct snapshot_site *const *)a;
    const struct snapshot_site *y = *(struct snapshot_site *const *)b;
    return (x->id > y->id) - (x->id < y->id);
}

/* Sites get the ids that they have had before, then new ones in the order of the snapshot's own. */
static int number_in_order(struct recording *recording, struct snapshot_site **unknown,
                           size_t count) {
    if (count > 0)
        qsort(unknown, count, sizeof(*unknown), compare_first_sight);
    for (size_t i = 0; i < count; i++) {
        uint32_t id = (uint32_t)recording->site_ids.count + 1;
        int status = map_put(&recording->site_ids, unknown[i]->stack, id);
        if (status != TMPALLOC_OK)
            return status;
        unknown[i]->id = id;
    }
    return TMPALLOC_OK;
}

static int number_snapshot(struct recording *recording, struct snapshot *snapshot) {
    struct snapshot_site **unknown = memory_allocate_zeroed(snapshot->site_count, sizeof(*unknown));
    size_t count = 0;
    if (!unknown)
        return TMPALLOC_E_NOMEM;
    for (size_t i = 0; i < snapshot->site_count; i++) {
        struct snapshot_site *site = &snapshot->sites[i];
        uint64_t id;
        if (map_get(&recording->site_ids, site->stack, &id))
            site->id = (uint32_t)id;
        else
            unknown[count++] = site;
    }
    int status = number_in_order(recording, unknown, count);
    memory_release(unknown);
    return status;
}

int recording_set_latest(struct recording *recording, struct snapshot *snapshot,
                         enum recording_age age, struct error *error) {
    int status = number_snapshot(recording, snapshot);
    snapshot_deinit(&recording->latest);
    recording->latest = *snapshot;
    recording->age = age;
    return error_of_status(error, status);
}

int recording_number_sites(struct recording *recording, struct error *error) {
    struct snapshot snapshot;
    if (recording->copied || !recording_has_results(recording))
        return TMPALLOC_OK;
    int status = recording_snapshot(recording, &snapshot, error);
    if (status != TMPALLOC_OK)
        return status;
    snapshot_deinit(&snapshot);
    return TMPALLOC_OK;
}

uint32_t recording_max_threshold(const struct recording *recording) {
    bool known = recording->copied && recording->age != RECORDING_NEVER;
    return known ? recording->latest.max_threshold : tracker_max_threshold(recording->tracker);
}

bool recording_has_results(const struct recording *recording) {
    return recording->copied ? recording->age != RECORDING_NEVER : recording->process.pid != 0;
}

const char *recording_why_no_results(const struct recording *recording) {
    if (recording->process.pid == 0)
        return "no results yet: tracking begins when the program starts";
    if (recording->running)
        return "no results yet: the process is running: interrupt it first";
    if (recording->unselected)
        return "no results yet: the process is not selected";
    if (!recording->over)
        return "no results yet: the program's own code has not begun";
    return "no results: the process has had no stop at which they could be read, and left without "
           "_exit(): set a breakpoint where it ends, or start with --engine breakpoint";
}

const char *recording_why_old(const struct recording *recording) {
    if (recording->running)
        return "running";
    return recording->unselected ? "not selected" : NULL;
}

int recording_snapshot(struct recording *recording, struct snapshot *ret, struct error *error) {
    if (!recording_has_results(recording))
        return error_set(error, TMPALLOC_E_STATE, "%s", recording_why_no_results(recording));
    int status = recording->copied ? snapshot_copy(&recording->latest, ret)
                                   : tracker_snapshot(recording->tracker, ret);
    if (status == TMPALLOC_OK && !recording->copied) {
        status = number_snapshot(recording, ret);
        if (status != TMPALLOC_OK)
            snapshot_deinit(ret);
    }
    return error_of_status(error, status);
}

static struct mark *find_mark(const struct recording *recording, const char *name) {
    for (size_t i = 0; i < recording->mark_count; i++) {
        if (strcmp(recording->marks[i].name, name) == 0)
            return &recording->marks[i];
    }
    return NULL;
}

static struct mark *add_mark(struct recording *recording, const char *name) {
    if (MEMORY_RESERVE(recording->marks, &recording->mark_capacity, recording->mark_count + 1))
        return NULL;
    struct mark *mark = &recording->marks[recording->mark_count];
    *mark = (struct mark){.name = memory_copy_string(name)};
    if (!mark->name)
        return NULL;
    recording->mark_count++;
    return mark;
}

/* Takes the snapshot over, also when it fails. */
static int set_mark(struct recording *recording, const char *name, struct snapshot *snapshot,
                    struct error *error) {
    struct mark *mark = find_mark(recording, name);
    if (mark)
        snapshot_deinit(&mark->snapshot);
    else
        mark = add_mark(recording, name);
    if (!mark) {
        snapshot_deinit(snapshot);
        return error_no_memory(error);
    }
    mark->snapshot = *snapshot;
    return TMPALLOC_OK;
}

int recording_mark(struct recording *recording, const char *name, struct error *error) {
    struct snapshot snapshot;
    int status = recording_snapshot(recording, &snapshot, error);
    return status == TMPALLOC_OK ? set_mark(recording, name, &snapshot, error) : status;
}

int recording_mark_beginning(struct recording *recording, const char *name, struct error *error) {
    struct snapshot snapshot = {.max_threshold = recording_max_threshold(recording)};
    return set_mark(recording, name, &snapshot, error);
}

static int refuse_mark(const struct recording *recording, const char *name, struct error *error) {
    struct text names;
    text_init(&names);
    for (size_t i = 0; i < recording->mark_count; i++)
        text_printf(&names, "%s%s", i ? ", " : ": there are ", recording->marks[i].name);
    int status =
        error_set(error, TMPALLOC_E_ARGUMENT, "no mark %s%s", name,
                  recording->mark_count ? text_get(&names) : ": 'tmpalloc mark NAME' sets one");
    text_deinit(&names);
    return status;
}

void recording_append_marks(const struct recording *recording, struct text *text) {
    for (size_t i = 0; i < recording->mark_count; i++) {
        const struct mark *mark = &recording->marks[i];
        text_printf(text, "%s: after ", mark->name);
        text_append_count(text, mark->snapshot.totals.allocations);
        text_printf(text, " allocation%s\n", text_plural(mark->snapshot.totals.allocations));
    }
}

const char *recording_mark_name(const struct recording *recording, size_t number) {
    return number < recording->mark_count ? recording->marks[number].name : NULL;
}

int recording_forget_mark(struct recording *recording, const char *name, struct error *error) {
    struct mark *mark = find_mark(recording, name);
    if (!mark)
        return refuse_mark(recording, name, error);
    const struct mark *end = recording->marks + recording->mark_count;
    release_mark(mark);
    memmove(mark, mark + 1, (size_t)(end - (mark + 1)) * sizeof *mark);
    recording->mark_count--;
    return TMPALLOC_OK;
}

struct profile_source recording_source(const struct recording *recording,
                                       const struct profile_view *view) {
    const struct tmpalloc_process *process = &recording->process;
    const char *executable = process->executable[0] ? process->executable : NULL;
    const char *unmatched;
    uint32_t interpreter = view->native_frames
                               ? FRAME_NO_MODULE
                               : interpreted_stacks_runtime_module(recording->modules);
    return (struct profile_source){
        .stacks = tracker_stacks(recording->tracker),
        .symbolizer = recording->symbolizer,
        .engine = recording->engine,
        .pid = process->pid,
        .executable = executable,
        .arguments = (const char *const *)recording->arguments,
        .directories = symbolizer_directories(recording->symbolizer, executable),
        .incomplete = modules_unmatched(recording->modules, &unmatched) > 0 || recording->placeless,
        .settings = view->settings,
        .by = view->by,
        .interpreter =
            interpreter == FRAME_NO_MODULE ? NULL : modules_path(recording->modules, interpreter),
    };
}

static const struct symbol *recording_locate(struct profile_stack *stack, size_t location) {
    const struct symbol *symbol = stack->symbols[location];
    profile_stack_release(stack);
    return symbol;
}

const struct symbol *recording_find_location(const struct recording *recording,
                                             const struct profile_view *view, uint32_t number) {
    const struct profile_source source = recording_source(recording, view);
    struct profile_stack stack;
    size_t location;
    if (number == SITE_NO_STACK ||
        profile_expand(&source, number, &stack, &location) != TMPALLOC_OK)
        return NULL;
    return recording_locate(&stack, location);
}

static void tell_lack(struct recording *recording, enum debug_lack lack, const char *what) {
    const char *file, *module;
    char more[48] = "";
    size_t count = symbolizer_lacking(recording->symbolizer, lack, &file, &module);
    if (count == 0 || recording->told_lacks[lack])
        return;
    recording->told_lacks[lack] = true;
    if (count > 1)
        snprintf(more, sizeof(more), " (the same of %zu more)", count - 1);
    host_message(recording->host, "tmpalloc: %s: %s %s%s", module, file, what, more);
}

/* Known only when names were looked for. */
static void tell_what_is_missing(struct recording *recording) {
    const char *file, *module;
    char more[32] = "";
    tell_lack(recording, DEBUG_LACKS_DWZ,
              "with a part of its debug information (dwz) isn't found: names may be missing");
    tell_lack(recording, DEBUG_LACKS_OWN, "isn't of the same build, so there are no lines");
    tell_lack(
        recording, DEBUG_LACKS_READABLE,
        "is compressed in a way that elfutils here can't read (zstd?), so there are no lines");
    tell_lack(recording, DEBUG_LACKS_LINES, "can't be read by elfutils here, so lines are missing");
    size_t count = symbolizer_missing(recording->symbolizer, &file, &module);
    if (count == 0 || recording->told_missing)
        return;
    recording->told_missing = true;
    if (count > 1)
        snprintf(more, sizeof(more), " and %zu more", count - 1);
    host_message(
        recording->host,
        "tmpalloc: %s: its debug information in %s%s isn't found or can't be read (elfutils "
        "reads .dwp files since 0.191): lines, but no inlined functions",
        module, file, more);
}

/* What was recorded since the mark; NULL: since the start. */
static int recording_record(struct recording *recording, const struct mark *since,
                            struct error *error, struct profile **ret) {
    struct snapshot snapshot;
    int status = recording_snapshot(recording, &snapshot, error);
    if (status != TMPALLOC_OK)
        return status;
    if (since)
        snapshot_subtract(&snapshot, &since->snapshot);
    struct profile_source source = recording_source(recording, &(struct profile_view){0});
    source.snapshot = &snapshot;
    status = profile_create(&source, error, ret);
    snapshot_deinit(&snapshot);
    return status;
}

int recording_profile(struct recording *recording, const struct recording_query *query,
                      struct error *error, struct profile **ret) {
    const struct mark *mark = query->since ? find_mark(recording, query->since) : NULL;
    struct profile *recorded = NULL;
    if (query->since && !mark)
        return refuse_mark(recording, query->since, error);
    int status = recording_record(recording, mark, error, &recorded);
    if (status == TMPALLOC_OK)
        status = profile_at_take(recorded, &query->view, error, ret);
    if (status == TMPALLOC_OK)
        tell_what_is_missing(recording);
    else
        profile_destroy(recorded);
    return status;
}
