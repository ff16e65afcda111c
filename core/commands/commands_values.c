#include "commands/commands_values.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "commands/options.h"
#include "reports/report_blocks.h"

/* Of structs within the one that is asked for. */
#define MEMBER_DEPTH 3

static bool is_value_a_number(const char *text, uint64_t *ret) {
    char *end;
    errno = 0;
    *ret = strtoull(text, &end, text[0] == '0' ? 0 : 10);
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0;
}

static void join_words(const struct command_call *call, struct text *ret) {
    for (size_t i = 0; i < call->arguments->word_count; i++)
        text_printf(ret, "%s%s", i ? " " : "", call->arguments->words[i]);
}

static int commands_values_refuse(const struct command_call *call, const char *what,
                                  const char *words) {
    return error_set(call->error, TMPALLOC_E_ARGUMENT,
                     "no %s '%s': a number or an expression of this stop that gives one, without a "
                     "call, is accepted",
                     what, words);
}

/* A number, or what the debugger makes of the words. */
static int find_number(const struct command_call *call, const char *what, const char *words,
                       uint64_t *ret) {
    struct error problem;
    if (is_value_a_number(words, ret))
        return TMPALLOC_OK;
    int status = host_evaluate(&call->session->host, words, ret, &problem);
    if (status == TMPALLOC_E_STATE)
        return error_set(call->error, status, "%s", problem.text);
    return status == TMPALLOC_OK ? status : commands_values_refuse(call, what, words);
}

int command_site_id(const struct command_call *call, uint32_t *ret) {
    struct text words;
    uint64_t id = 0;
    text_init(&words);
    join_words(call, &words);
    int status = words.failed ? error_no_memory(call->error)
                              : find_number(call, "site", text_get(&words), &id);
    if (status == TMPALLOC_OK && id > UINT32_MAX)
        status = error_set(call->error, TMPALLOC_E_ARGUMENT, "no site %" PRIu64, id);
    text_deinit(&words);
    *ret = (uint32_t)id;
    return status;
}

void command_address_init(struct command_address *address) {
    *address = (struct command_address){.address = 0};
    text_init(&address->expression);
    text_init(&address->member);
}

void command_address_deinit(struct command_address *address) {
    text_deinit(&address->expression);
    text_deinit(&address->member);
}

struct member_search {
    const struct profile *profile;
    const struct profile_block *caught;
    struct command_address *ret;
    bool found;
};

static int look_at_member(void *arg, const char *name, uint64_t value) {
    struct member_search *search = arg;
    struct command_address *ret = search->ret;
    if (search->found)
        return TMPALLOC_OK;
    search->found = report_block_holds(search->caught, value) ||
                    report_find_block(search->profile, value) != NULL;
    if (!search->found && ret->member.length > 0)
        return TMPALLOC_OK;
    text_clear(&ret->member);
    text_append(&ret->member, name);
    ret->address = value;
    return ret->member.failed ? TMPALLOC_E_NOMEM : TMPALLOC_OK;
}

int command_find_address(const struct command_call *call, const struct profile *profile,
                         const struct profile_block *caught, struct command_address *ret) {
    join_words(call, &ret->expression);
    if (ret->expression.failed)
        return error_no_memory(call->error);
    const char *words = text_get(&ret->expression);
    int status = find_number(call, "address", words, &ret->address);
    if (status != TMPALLOC_E_ARGUMENT)
        return status;
    struct member_search search = {.profile = profile, .caught = caught, .ret = ret};
    host_pointers(&call->session->host, words, MEMBER_DEPTH, look_at_member, &search, NULL);
    return ret->member.length > 0 ? TMPALLOC_OK : status;
}
