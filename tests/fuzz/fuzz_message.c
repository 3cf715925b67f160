/* fuzz_message.c: any bytes as a line: parsed or refused, mapped or refused, and what comes out is inert, within
 * its caps, and the same after the journal. */
#include "event_json.h"
#include "mapping.h"
#include "rules/text.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int holds)
{
    if (!holds)
        abort();
}

static void check_text(const char *text, size_t cap, int lines)
{
    check(text != NULL && strlen(text) <= cap);
    for (; *text; text++)
        check((unsigned char)*text >= 0x20 || (lines && *text == '\n'));
}

static void check_event(const struct event *event)
{
    check_text(event->agent, TEXT_NAME, 0);
    check_text(event->session, TEXT_NAME, 0);
    check_text(text_or(event->thread, ""), TEXT_NAME, 0);
    check_text(text_or(event->request, ""), TEXT_PATH, 0);
    check_text(text_or(event->closes_request, ""), TEXT_PATH, 0);
    check_text(text_or(event->title, ""), TEXT_TITLE, 0);
    check_text(text_or(event->text, ""), TEXT_BODY, 1);
    check_text(text_or(event->repository, ""), TEXT_NAME, 0);
    check_text(text_or(event->cwd, ""), TEXT_PATH, 0);
    struct event back;
    json_t *json = event_to_json(event);
    check(event_from_json(json, &back) == 0);
    json_t *again = event_to_json(&back);
    check(json_equal(json, again));
    json_decref(json);
    json_decref(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct mappings *mappings;
    struct problems problems = {0};
    struct message message;
    struct refusal refusal;
    struct mapped mapped;
    if (!mappings)
        check(mappings_load(&mappings, NULL, &problems) == 0);
    if (message_parse(&message, (const char *)data, size, &refusal) < 0) {
        check_text(refusal.error, sizeof refusal.error - 1, 0);
        check_text(refusal.at, sizeof refusal.at - 1, 0);
        return 0;
    }
    if (mapping_event(mappings, &message, &mapped, &refusal) > 0)
        check_event(&mapped.event);
    message_clear(&message);
    return 0;
}
