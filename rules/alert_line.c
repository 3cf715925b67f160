/* alert_line.c: see alert_line.h. What an alert has to know of all its lines is counted here as they come, change and go, so that
 * a look does not cost what an alert holds. */
#include "core.h"

// clang-format off
static const struct field line_fields[] = {
    FIELD(line, FIELD_ID, alert_id),
    FIELD(line, FIELD_ID, need_id),
    FIELD(line, FIELD_INT, version),
    FIELD(line, FIELD_INT, ring),
    FIELD(line, FIELD_BOOL, may_ring),
};
// clang-format on
const struct noun noun_line = {"line", sizeof(struct line), line_fields,
                               sizeof line_fields / sizeof *line_fields};

/* ---- the list of those that this look touched ------------------------------------------------------ */

static void mark(struct line *line)
{
    struct line **first = &line->alert->touched_lines;
    if (line->touched)
        return;
    line->touched = true;
    line->prev_touched = NULL;
    line->next_touched = *first;
    if (*first)
        (*first)->prev_touched = line;
    *first = line;
}

static void unmark(struct line *line)
{
    if (!line->touched)
        return;
    line->touched = false;
    *(line->prev_touched ? &line->prev_touched->next_touched : &line->alert->touched_lines) =
        line->next_touched;
    if (line->next_touched)
        line->next_touched->prev_touched = line->prev_touched;
}

/* ---- coming, changing and going -------------------------------------------------------------------- */

static void uncount(struct line *line)
{
    line->alert->many[line->urgency][line->kind] -= line->counted;
    line->counted = false;
}

void line_follow(struct need *need)
{
    for (struct line *line = need->lines; line; line = line->next_in_need) {
        uncount(line);
        line->counted = true;
        line->urgency = need->treatment.urgency;
        line->kind = need->kind;
        line->alert->many[line->urgency][line->kind]++;
    }
}

void line_join(struct line *line, struct alert *alert, struct need *need)
{
    line->prev_in_alert = alert->last_line;
    *(alert->last_line ? &alert->last_line->next_in_alert : &alert->lines) = line;
    alert->last_line = line;
    line->alert = alert;
    line->need = need;
    line->next_in_need = need->lines;
    need->lines = line;
    alert->n_lines++;
    alert->n_rang += line->ring == alert->ring;
    if (!alert->fresh && !(need->delivered & 1u << alert->receiver))
        alert->fresh = line;
    if (!line->version || line->may_ring) /* a new one, or restored before the look that it was touched for */
        mark(line);
}

void line_touch(struct rules *rules, struct line *line, bool ring)
{
    line->may_ring |= ring;
    mark(line);
    core_changed(rules, line);
    alert_mark(rules, line->alert, ring);
}

/* What a line that goes owed is not rung for those that stay. */
static void follow_ring(struct alert *alert)
{
    alert->may_ring = false;
    for (const struct line *line = alert->touched_lines; line; line = line->next_touched)
        alert->may_ring |= line->may_ring;
    if (alert->n_rang > 0)
        return;
    alert->ring = 0;
    for (const struct line *line = alert->lines; line; line = line->next_in_alert)
        alert->ring = line->ring > alert->ring ? line->ring : alert->ring;
    for (const struct line *line = alert->lines; line; line = line->next_in_alert)
        alert->n_rang += line->ring == alert->ring;
}

void line_remove(struct rules *rules, struct line *line)
{
    struct alert *alert = line->alert;
    struct line *prev = line->prev_in_alert, *next = line->next_in_alert;
    *(prev ? &prev->next_in_alert : &alert->lines) = next;
    *(next ? &next->prev_in_alert : &alert->last_line) = prev;
    struct line **at = &line->need->lines;
    while (*at != line)
        at = &(*at)->next_in_need;
    *at = line->next_in_need;
    if (alert->fresh == line)
        alert->fresh = next;
    unmark(line);
    uncount(line);
    alert->n_lines--;
    alert->n_rang -= line->ring == alert->ring;
    follow_ring(alert);
    alert_mark(rules, alert, false);
    core_gone(rules, line);
}

void line_publish(struct rules *rules, struct line *line, bool rings)
{
    struct alert *alert = line->alert;
    unmark(line);
    if (!line->version || line->may_ring)
        core_changed(rules, line);
    line->version = line->version ? line->version : alert->version;
    if (line->may_ring && rings) {
        line->ring = alert->version;
        alert->n_rang++;
    }
    line->may_ring = false;
}
