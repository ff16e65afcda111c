#include "profile/profile_ending.h"

#include <inttypes.h>
#include <signal.h>

static const struct signal_name {
    int32_t number;
    const char *name;
    bool fatal;
} signals[] = {
    {SIGSEGV, "SIGSEGV", true},  {SIGABRT, "SIGABRT", true},  {SIGBUS, "SIGBUS", true},
    {SIGFPE, "SIGFPE", true},    {SIGILL, "SIGILL", true},    {SIGSYS, "SIGSYS", true},
    {SIGKILL, "SIGKILL", false}, {SIGTERM, "SIGTERM", false}, {SIGINT, "SIGINT", false},
    {SIGHUP, "SIGHUP", false},   {SIGQUIT, "SIGQUIT", false}, {SIGPIPE, "SIGPIPE", false},
    {SIGALRM, "SIGALRM", false}, {SIGXCPU, "SIGXCPU", false},
};

static const struct signal_name *find_signal(int32_t number) {
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        if (signals[i].number == number)
            return &signals[i];
    }
    return NULL;
}

bool profile_is_fatal(int32_t signal) {
    const struct signal_name *found = find_signal(signal);
    return found && found->fatal;
}

static void append_signal(struct text *text, int32_t number) {
    const struct signal_name *found = find_signal(number);
    if (found)
        text_append(text, found->name);
    else
        text_printf(text, "signal %" PRId32, number);
}

enum profile_worth profile_ending_worth(const struct profile_ending *ending, bool incomplete) {
    switch (ending->how) {
    case ENDING_EXECED:
        return WORTH_NOTHING;
    case ENDING_SIGNALED:
    case ENDING_STOPPED:
        return WORTH_PARTIAL;
    case ENDING_EXITED:
    case ENDING_UNKNOWN:
        break;
    }
    if (incomplete)
        return WORTH_PARTIAL;
    return ending->how == ENDING_EXITED && ending->number != 0 ? WORTH_EXITED : WORTH_SOUND;
}

void profile_ending_append(const struct profile_ending *ending, bool incomplete,
                           struct text *text) {
    text_printf(text, "process %" PRId64 " ", ending->pid);
    switch (ending->how) {
    case ENDING_EXECED:
        text_append(text, "replaced its program by exec, the results are from before that");
        return;
    case ENDING_SIGNALED:
    case ENDING_STOPPED:
        text_append(text, ending->how == ENDING_SIGNALED ? "ended by " : "was stopped by ");
        append_signal(text, ending->number);
        return;
    case ENDING_EXITED:
        text_printf(text, "exited with %" PRId32, ending->number);
        break;
    case ENDING_UNKNOWN:
        text_append(text, "ended or was detached");
        break;
    }
    if (incomplete)
        text_append(text, ", its last results were read before that");
}
