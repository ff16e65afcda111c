#include <string.h>

#include "commands/commands_table.h"

static int run_set(const struct command_call *call) {
    const char *value = call->arguments->words[1];
    return charge_settings_set(&call->session->charge, call->arguments->words[0],
                               value ? value : "", call->error);
}

static void append_setting(const struct command_call *call, const char *name) {
    text_printf(call->text, "tmpalloc %s is \"%s\".\n", name,
                charge_settings_get(&call->session->charge, name));
}

static int run_show(const struct command_call *call) {
    const char *wanted = call->arguments->words[0];
    size_t before = call->text->length;
    for (const char *const *name = charge_setting_names; *name; name++) {
        if (!wanted || strcmp(*name, wanted) == 0)
            append_setting(call, *name);
    }
    return call->text->length > before ? TMPALLOC_OK : charge_settings_refuse(wanted, call->error);
}

const struct command command_set = {
    .info =
        {"set", "NAME [VALUE]",
         "Say who is charged for what is allocated; without a VALUE nothing is said any more.\n"
         "charge: caller (the innermost frame that is no language's library), own (that is the\n"
         "program's own) or innermost (that is no allocator). own, foreign, wrapper: a regular\n"
         "expression for frames that are your own, that are others', and that allocate for\n"
         "whoever calls them; it is searched in FUNCTION at FULL/PATH and in the path of the\n"
         "file that the function is in.",
         command_no_options, 1, 2, charge_setting_names},
    .run = run_set,
};

const struct command command_show = {
    .info = {"show", "[NAME]", "Show what 'tmpalloc set' has set.", command_no_options, 0, 1,
             charge_setting_names, .repeats = 1},
    .run = run_show,
};
