#include "engines/agent_preload.h"

#include <inttypes.h>
#include <stdio.h>

#include "tmpalloc/agent_image.h"

static void write_variable(const struct host *host, const struct engine_agent_options *options,
                           bool python, char *ret, size_t size) {
    snprintf(ret, size,
             AGENT_ENVIRONMENT "=start,traced,asks,max-threshold=%" PRIu32 ",stack-depth=%" PRIu32
                               ",memory-limit=%" PRIu64 "%s%s%s%s%s",
             options->max_threshold, options->stack_depth, options->memory_limit_bytes,
             options->mappings ? ",mappings" : "", python ? ",python" : "",
             engine_agent_options_name_functions(options) ? ",functions" : "",
             options->within ? ",within" : "", host_tells_breakpoints(host) ? "" : ",unannounced");
}

int agent_preload_begin(struct agent_preload *preload, struct host *host,
                        const struct engine_agent_options *options, bool python,
                        struct error *error) {
    char variable[256];
    agent_preload_end(preload);
    int status = agent_file_open(&preload->file, error);
    if (status != TMPALLOC_OK)
        return status;
    write_variable(host, options, python, variable, sizeof(variable));
    status = host_preload(host, preload->file.path, variable, error);
    if (status != TMPALLOC_OK)
        agent_file_close(&preload->file);
    else
        preload->host = host;
    return status == TMPALLOC_E_UNSUPPORTED
               ? error_set(error, status, "the debugger's settings leave no room for preloading")
               : status;
}

void agent_preload_end(struct agent_preload *preload) {
    if (!preload->host)
        return;
    host_preload(preload->host, NULL, NULL, NULL);
    agent_file_close(&preload->file);
    preload->host = NULL;
}
