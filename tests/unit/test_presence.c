/* test_presence.c: what is said of the person as JSON, what a focus follows, and the presence sensor's microphone on
 * devices made of files. The sensor's other signals are tried with the real things: tests/e2e/test_presence.py. */
#include "plugins/presence/signals.h"
#include "router/presence.h"
#include "rules/text.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- as JSON ------------------------------------------------------------------------------------------- */

static int parse(const char *text, struct presence_input *presence, struct refusal *why)
{
    static json_t *json; /* strings are borrowed from it */
    json_decref(json);
    json = json_loads(text, 0, NULL);
    assert_non_null(json);
    return presence_parse(json, presence, why);
}

static void says_what_it_says(void **state)
{
    struct presence_input presence;
    struct refusal why;
    (void)state;
    assert_int_equal(parse("{\"microphone\":true,\"dnd\":false}", &presence, &why), 0);
    assert_int_equal(presence.says, PRESENCE_SAYS_MICROPHONE | PRESENCE_SAYS_DND);
    assert_true(presence.microphone && !presence.dnd);
    assert_int_equal(parse("{\"state\":\"locked\",\"front\":{\"tmux\":\"/t\",\"pane\":\"%1\",\"x\":1}}",
                           &presence, &why),
                     0);
    assert_int_equal(presence.says, PRESENCE_SAYS_STATE | PRESENCE_SAYS_FRONT);
    assert_string_equal(presence.front.pane, "%1");
    assert_int_equal(parse("{\"breakpoint\":\"a commit\"}", &presence, &why), 0);
    assert_int_equal(presence.says, 0);
}

/* The journalled form reads back to the same. */
static void reads_back(void **state)
{
    const char *text = "{\"state\":\"idle\",\"dnd\":true,\"engaged\":false,\"microphone\":true,"
                       "\"front\":{\"window\":\"77\"},\"breakpoint\":\"you left a call\"}";
    struct presence_input presence, again;
    struct refusal why;
    (void)state;
    assert_int_equal(parse(text, &presence, &why), 0);
    json_t *kept = presence_to_json(&presence);
    assert_int_equal(presence_parse(kept, &again, &why), 0);
    assert_int_equal(again.says, presence.says);
    assert_true(again.dnd && again.microphone && !again.engaged);
    assert_int_equal(again.state, PRESENCE_IDLE);
    assert_string_equal(again.front.window, "77");
    assert_string_equal(again.breakpoint, "you left a call");
    json_decref(kept);
}

static void refuses(void **state)
{
    static const char *const bad[][2] = {{"{}", ""},
                                         {"{\"state\":\"asleep\"}", "/state"},
                                         {"{\"state\":\"engaged\"}", "/state"},
                                         {"{\"state\":5}", "/state"},
                                         {"{\"dnd\":1}", "/dnd"},
                                         {"{\"engaged\":\"yes\"}", "/engaged"},
                                         {"{\"microphone\":\"on\"}", "/microphone"},
                                         {"{\"front\":\"%3\"}", "/front"},
                                         {"{\"signals\":{}}", ""}};
    struct presence_input presence;
    struct refusal why;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_true(parse(bad[i][0], &presence, &why) < 0);
        assert_string_equal(why.at, bad[i][1]);
    }
}

/* What would be cut is refused, so that the log of inputs is bounded. */
static void refuses_long_texts(void **state)
{
    struct presence_input presence;
    struct refusal why;
    char text[2048], name[601];
    (void)state;
    memset(name, 'x', 600);
    name[600] = '\0';
    snprintf(text, sizeof text, "{\"front\":{\"tmux\":\"%s\"}}", name);
    assert_true(parse(text, &presence, &why) < 0);
    snprintf(text, sizeof text, "{\"breakpoint\":\"%s\"}", name);
    assert_true(parse(text, &presence, &why) < 0);
    name[512] = '\0';
    snprintf(text, sizeof text, "{\"breakpoint\":\"%s\"}", name);
    assert_int_equal(parse(text, &presence, &why), 0);
}

/* ---- the microphone ---------------------------------------------------------------------------------------- */

/* What microphone.c says, in the place of presence.c. */
static struct {
    int told, in_use;
    char seen[160];
} said;

void presence_seen(enum signal signal, const char *format, ...)
{
    va_list args;
    assert_int_equal(signal, SIGNAL_MICROPHONE);
    va_start(args, format);
    vsnprintf(said.seen, sizeof said.seen, format, args);
    va_end(args);
}

void presence_microphone(bool in_use)
{
    said.told++;
    said.in_use = in_use;
}

void again_later(struct again *again)
{
    again->tries++;
}

void again_found(struct again *again)
{
    again->tries = 0;
}

void again_stop(struct again *again)
{
    (void)again;
}

static char root[64], devices[128], states[128], status[256];

static void write_status(const char *text)
{
    FILE *file = fopen(status, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

/* A card with a capture and a playback device. */
static int make_card(void **state)
{
    char path[256];
    (void)state;
    strcpy(root, "/tmp/qb-sound-XXXXXX");
    assert_non_null(mkdtemp(root));
    snprintf(devices, sizeof devices, "%s/snd", root);
    snprintf(states, sizeof states, "%s/asound", root);
    static const char *const folders[] = {"snd",
                                          "asound",
                                          "asound/card0",
                                          "asound/card0/pcm0c",
                                          "asound/card0/pcm0c/sub0",
                                          "asound/card0/pcm0p",
                                          "asound/card0/pcm0p/sub0"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        snprintf(path, sizeof path, "%s/%s", root, folders[i]);
        assert_int_equal(mkdir(path, 0700), 0);
    }
    snprintf(status, sizeof status, "%s/card0/pcm0p/sub0/status", states);
    write_status("state: RUNNING\nowner_pid   : 1\n"); /* music */
    snprintf(status, sizeof status, "%s/card0/pcm0c/sub0/status", states);
    write_status("closed\n");
    static const char *const nodes[] = {"pcmC0D0c", "pcmC0D0p"};
    for (size_t i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s", devices, nodes[i]);
        close(open(path, O_CREAT | O_WRONLY, 0600));
    }
    said.told = said.in_use = 0;
    return 0;
}

static int remove_card(void **state)
{
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", root);
    return system(command);
}

static int open_node(const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", devices, name);
    return open(path, O_RDONLY);
}

static gboolean too_late(gpointer late)
{
    *(bool *)late = true;
    return G_SOURCE_REMOVE;
}

/* Runs the loop until it was told so often, or for so long. */
static bool run_until_told(int told, unsigned ms)
{
    bool late = false;
    guint timer = g_timeout_add(ms, too_late, &late);
    while (said.told < told && !late)
        g_main_context_iteration(NULL, TRUE);
    if (!late)
        g_source_remove(timer);
    return said.told >= told;
}

static void a_microphone_in_use(void **state)
{
    (void)state;
    microphone_open(devices, states);
    assert_int_equal(said.told, 1);
    assert_false(said.in_use);
    assert_string_equal(said.seen, "in use or not, of sound cards");
    int played = open_node("pcmC0D0p"); /* somebody plays something: no question of the microphone */
    assert_false(run_until_told(2, 300));
    write_status("state: RUNNING\nowner_pid   : 4711\n");
    int recorded = open_node("pcmC0D0c");
    assert_true(run_until_told(2, 10000));
    assert_true(said.in_use);
    write_status("closed\n");
    close(recorded);
    assert_true(run_until_told(3, 10000));
    assert_false(said.in_use);
    close(played);
    microphone_close();
}

static void no_sound_card(void **state)
{
    (void)state;
    microphone_open("/nonexistent/snd", "/nonexistent/asound");
    assert_false(said.in_use);
    assert_string_equal(said.seen, "no sound device");
    microphone_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_what_it_says),
        cmocka_unit_test(reads_back),
        cmocka_unit_test(refuses),
        cmocka_unit_test(refuses_long_texts),
        cmocka_unit_test_setup_teardown(a_microphone_in_use, make_card, remove_card),
        cmocka_unit_test_setup_teardown(no_sound_card, make_card, remove_card),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
