/* draws_show.c: what was drawn, as JSON in the reference's order of members, to be compared with it. */
#include "draws.h"

#include <inttypes.h>
#include <stdio.h>

static const char *truth(bool value)
{
    return value ? "true" : "false";
}

static void show_need(const struct drawn_need *need)
{
    static const char *const raw[] = {"permission", "question", "plan", "failed", "finished"};
    printf("[%" PRId64 ",%d,\"%s\",%s,%" PRId64 ",%" PRId64 ",%s,%" PRId64 ",%" PRId64
           ",%s,%" PRId64 ",%" PRId64 ",[",
           need->work_ms, (int)need->kind, raw[need->raw], truth(need->critical), need->service_ms,
           need->self_ms, truth(need->lost), need->duplicate_ms, need->notice_ms, truth(need->race),
           need->resolved_lost_ms, need->progress_ms);
    for (int i = 0; i < need->n_subs; i++)
        printf("%s[%" PRId64 ",%s,%" PRId64 "]", i ? "," : "", need->subs[i].after_ms,
               truth(need->subs[i].unmarked), need->subs[i].progress_ms);
    printf("],%s,%" PRId64 ",%" PRId64 "]", truth(need->ends), need->gap_ms, need->progress_every_ms);
}

void draws_show(const struct workload *workload, uint64_t seed, int n_needs, int n_chunks)
{
    int n;
    struct draws *draws = draws_new(workload, seed);
    const struct period *calendar = draws_calendar(draws, &n);
    printf("{\"calendar\":[");
    for (int i = 0; i < n; i++)
        printf("%s[%" PRId64 ",%" PRId64 ",\"%s\"]", i ? "," : "", calendar[i].from_ms,
               calendar[i].to_ms, calendar[i].why == ABSENCE_LUNCH ? "lunch" : "meeting");
    const int64_t *hits = draws_false_hits(draws, &n);
    printf("],\n\"false\":[");
    for (int i = 0; i < n; i++)
        printf("%s%" PRId64, i ? "," : "", hits[i]);
    printf("],\n\"chunks\":[");
    for (int k = 0; k < n_chunks; k++) {
        struct drawn_chunk chunk = draws_chunk(draws, k);
        printf("%s[%" PRId64 ",%s,%s]", k ? "," : "", chunk.ms, truth(chunk.sensed),
               truth(chunk.self_check));
    }
    printf("],\n\"start\":[");
    for (int a = 0; a < workload->n_agents; a++)
        printf("%s%" PRId64, a ? "," : "", draws_start(draws, a));
    printf("],\n\"needs\":[");
    for (int a = 0; a < workload->n_agents; a++) {
        printf("%s[", a ? ",\n" : "");
        for (int k = 0; k < n_needs; k++) {
            fputs(k ? "," : "", stdout);
            show_need(draws_need(draws, a, k));
        }
        putchar(']');
    }
    printf("],\n\"scale\":[");
    for (int i = 0; i < 48; i++)
        printf("%s%.17g", i ? "," : "", draws_scale(draws, i * (DAY_MS / 48)));
    printf("]}\n");
    draws_free(draws);
}
