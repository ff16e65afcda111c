#include "names/path_names.h"

#include <stddef.h>
#include <string.h>

#include "names/name_lists.h"

static const char *const system_folders[] = {"/usr", "/lib",  "/lib32", "/lib64", "/libx32",
                                             "/bin", "/sbin", "/opt",   NULL};
static const char *const package_folders[] = {
    "/site-packages/", "/dist-packages/", "/.cargo/registry/",
    "/.cargo/git/",    "/node_modules/",  "/go/pkg/mod/",
    "/lib/python3.",   "/lib64/python3.", NULL};

/* What people type into an interpreter or hand it as text, and what compilers call no file. */
static const char *const typed_names[] = {
    "<string>",     "<stdin>",    "<console>",        "<input>",         "<exec>",
    "<eval>",       "<unknown>",  "<ipython-input-*", "<python-input-*", "<doctest *",
    "<timeit-src>", "<built-in>", "<artificial>",     "<command-line>",  NULL};

bool path_names_have_package(const char *path) {
    if (!path)
        return false;
    /* All others in brackets are modules without files and code that packages make up. */
    if (path[0] == '<')
        return !name_is_like_one_of(path, typed_names);
    const char *const *folder = package_folders;
    while (*folder && !strstr(path, *folder))
        folder++;
    return *folder != NULL;
}

bool path_names_beneath(const char *path, const char *folder) {
    const char *rest = name_skip_prefix(path, folder);
    return rest && (*rest == '/' || (rest > path && rest[-1] == '/'));
}

bool path_names_of_system(const char *path) {
    for (const char *const *folder = system_folders; path && *folder; folder++) {
        if (path_names_beneath(path, *folder))
            return true;
    }
    return false;
}

bool path_names_hold_system(const char *folder) {
    if (folder[0] != '/' || folder[1] == '\0')
        return true;
    static const char *const shared[] = {"/usr/lib",           "/usr/lib64", "/usr/include",
                                         "/usr/share",         "/usr/local", "/usr/local/lib",
                                         "/usr/local/include", NULL};
    return name_is_one_of(folder, system_folders) || name_is_one_of(folder, shared);
}

bool path_names_are_interpreter(const char *module) {
    const char *slash = strrchr(module, '/');
    const char *name = slash ? slash + 1 : module;
    return name_skip_prefix(name, "python") || name_skip_prefix(name, "libpython");
}
