/* board.c: see board.h, and rules_board() in rules.h. Worth is in millionths per second of service; ratios are
 * compared crosswise. */
#include "board.h"

#include "core.h"

#include <stdlib.h>

enum { THOUSAND = 1000 };

static int64_t service_s(const struct deferral *numbers, const struct board_item *item)
{
    int64_t s = item->critical ? numbers->critical_s : numbers->service_s[item->kind];
    return s > 0 ? s : 1;
}

/* What serving it now is worth, in millionths: weight, a little more with age, much more when nearly late.
 * `all_s` is how long everything on the board takes. */
static int64_t worth(const struct deferral *numbers, const struct board_item *item, int64_t all_s)
{
    int64_t at_most_s = item->at_most_ms > THOUSAND ? item->at_most_ms / THOUSAND : 1;
    int64_t age_s = item->waited_ms / THOUSAND, slack_s = at_most_s + numbers->grace_s - age_s;
    int64_t value = numbers->weight[item->kind] * (int64_t)THOUSAND;
    value += value * 3 * age_s / (10 * at_most_s);
    if (slack_s > 0 && slack_s < all_s + 60)
        value +=
            numbers->late_s * THOUSAND * THOUSAND * THOUSAND / (2 * numbers->waiting) / (all_s + 60);
    return value;
}

struct ranked {
    struct board_item item;
    int64_t worth, service_s;
    bool taken;
};

static int by_urgency(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->item.critical != y->item.critical)
        return x->item.critical ? -1 : 1;
    if (x->item.critical && x->item.waited_ms != y->item.waited_ms)
        return x->item.waited_ms > y->item.waited_ms ? -1 : 1;
    if (!x->item.critical) { /* by repository, then by worth per second */
        int64_t left = x->worth * y->service_s, right = y->worth * x->service_s;
        if (x->item.group != y->item.group)
            return x->item.group < y->item.group ? -1 : 1;
        if (left != right)
            return left > right ? -1 : 1;
    }
    return x->item.id < y->item.id ? -1 : x->item.id > y->item.id;
}

/* The best beginning of any repository's list from `from` on: where it starts, how long it is. */
static int best_prefix(int64_t setup_s, const struct ranked *list, int n, uint64_t current, int *length)
{
    int64_t best_worth = -1, best_s = 1;
    int best = -1;
    for (int i = 0; i < n;) {
        uint64_t group = list[i].item.group;
        int64_t sum = 0, s = group == current ? 0 : setup_s;
        int start = -1, taken = 0;
        for (; i < n && list[i].item.group == group; i++) {
            if (list[i].taken)
                continue;
            if (start < 0)
                start = i;
            sum += list[i].worth;
            s += list[i].service_s;
            taken++;
            if (sum * best_s > best_worth * s) {
                best_worth = sum;
                best_s = s;
                best = start;
                *length = taken;
            }
        }
    }
    return best;
}

void board_order(const struct deferral *numbers, struct board_item *items, int n, uint64_t current)
{
    if (n < 2)
        return;
    struct ranked *list = calloc((size_t)n, sizeof *list);
    if (!list)
        abort();
    int64_t all_s = 0;
    for (int i = 0; i < n; i++)
        all_s += service_s(numbers, &items[i]);
    for (int i = 0; i < n; i++)
        list[i] = (struct ranked){items[i], worth(numbers, &items[i], all_s),
                                  service_s(numbers, &items[i]), false};
    qsort(list, (size_t)n, sizeof *list, by_urgency);
    int done = 0;
    for (; done < n && list[done].item.critical; done++) {
        items[done] = list[done].item;
        current = list[done].item.group;
    }
    struct ranked *rest = list + done;
    int n_rest = n - done;
    while (done < n) {
        int length = 0, at = best_prefix(numbers->setup_s, rest, n_rest, current, &length);
        for (; length > 0; at++) {
            if (rest[at].taken)
                continue;
            rest[at].taken = true;
            items[done++] = rest[at].item;
            current = rest[at].item.group;
            length--;
        }
    }
    free(list);
}

/* ---- the needs of the core ----------------------------------------------------------------------- */

static int by_need(const void *a, const void *b)
{
    const struct need *x = *(const struct need *const *)a, *y = *(const struct need *const *)b;
    bool x_quiet = x->acked || x->snoozed_until_ms, y_quiet = y->acked || y->snoozed_until_ms;
    if (x_quiet != y_quiet)
        return x_quiet ? 1 : -1;
    return need_compare(x, y);
}

static uint64_t group_of(const char *where)
{
    return text_empty(where) ? 0 : text_hash(TEXT_HASH, where) | 1;
}

/* The repository the person is in: of what they answered last, else of what is in front of them. */
static uint64_t current_group(const struct rules *rules)
{
    const struct person *person = rules->person;
    if (!person)
        return 0;
    if (person->engaged && !text_empty(person->served))
        return group_of(person->served);
    const struct session *session = rules_session_find(rules, person->front_id);
    return session ? group_of(session->repository) : 0;
}

/* A session of no known repository is a group of its own. */
static struct board_item item_of(const struct moment *now, const struct need *need)
{
    uint64_t group = group_of(need->session->repository);
    return (struct board_item){.id = need->record.id,
                               .group = group ? group : need->session->record.id << 1,
                               .kind = need->kind,
                               .critical = need->treatment.urgency == URGENCY_CRITICAL,
                               .waited_ms = need_stood(need, now->steady_ms),
                               .at_most_ms = need->treatment.at_most_ms};
}

/* Numbers the groups in the order in which they come, so that among equals the oldest is served first and not what
 * a hash says. The number of the current one, 0 if it is not among them. */
static uint64_t number_groups(struct board_item *items, int n, uint64_t current)
{
    uint64_t hashes[BOARD_ORDERED], found = 0;
    int n_groups = 0;
    for (int i = 0; i < n; i++) {
        int at = 0;
        while (at < n_groups && hashes[at] != items[i].group)
            at++;
        if (at == n_groups)
            hashes[n_groups++] = items[i].group;
        if (items[i].group == current)
            found = (uint64_t)at + 1;
        items[i].group = (uint64_t)at + 1;
    }
    return found;
}

int rules_board(const struct rules *rules, const struct moment *now, const struct need **list)
{
    struct board_item items[BOARD_ORDERED];
    int n = 0, wanting = 0;
    for (const struct need *need = rules->first_need; need; need = need->next) {
        if (need_open(need))
            list[n++] = need;
    }
    qsort(list, (size_t)n, sizeof *list, by_need);
    for (; wanting < n && wanting < BOARD_ORDERED; wanting++) {
        const struct need *need = list[wanting];
        if (need->acked || need->snoozed_until_ms)
            break;
        items[wanting] = item_of(now, need);
    }
    const struct deferral *numbers = rules->policy ? &rules->policy->deferral : &defer_defaults;
    board_order(numbers, items, wanting, number_groups(items, wanting, current_group(rules)));
    for (int i = 0; i < wanting; i++)
        list[i] = rules_need_find(rules, items[i].id);
    return n;
}
