#include "profile/profile_names.h"
#include "reports/report.h"
#include "reports/report_selection.h"
#include "support/progress.h"

int report_folded(const struct profile *profile, struct text *text, struct error *error) {
    int status = TMPALLOC_OK;
    for (size_t i = 0; i < profile->site_count && status == TMPALLOC_OK; i++) {
        const struct profile_site *site = &profile->sites[i];
        status = progress_step("writing", i, profile->site_count, "call sites");
        if (site->count == 0)
            continue;
        profile_append_folded(text, &site->stack);
        text_printf(text, " %llu\n", (unsigned long long)site->bytes);
    }
    if (profile->suppressed.count > 0)
        text_printf(text, "(suppressed) %llu\n", (unsigned long long)profile->suppressed.bytes);
    return report_end(status, text, error);
}
