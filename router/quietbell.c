/* quietbell.c: main of the command-line client: the table of commands, the options, the help.
 *
 * The map of the client stands in client.h. `replay` is router/replay.c and parses its own arguments. */
#include "client.h"

#include "host.h"
#include "problem.h"
#include "replay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int run_help(struct client *client, int argc, char **argv);

static const struct client_command commands[] = {
    {"status", "", "show the board: who needs you, where, and what to do next",
     "Sessions stand under their repository and worktree, those that need you first.\n"
     "Then the next thing to do, the focus that is on, and the daemon's own troubles.",
     NULL, client_status},
    {"sessions", "[--all]", "list the sessions", "--all  ended ones too", "all", client_sessions},
    {"needs", "[--all]", "list the open needs, most urgent first",
     "--all  resolved ones too, as far as remembered", "all", client_needs},
    {"alerts", "[--all]", "list the alerts that are open on receivers",
     "--all  withdrawn ones too, as far as remembered", "all", client_alerts},
    {"next", "[--peek | --go [ID]]", "show the one need to serve next, or go there",
     "Tells the daemon that you go there: until a minute passes without another act of yours, nothing\n"
     "else is told but what is critical, and that silently.\n"
     "--peek  only look\n"
     "--go    bring its place to the front: the tmux pane, the window, the kitty or WezTerm tab.\n"
     "        With an ID, as `why` takes it: go to that need",
     "peek go", client_next},
    {"why", "[ID]", "show how a need, session or alert was judged, step by step",
     "ID is one that `needs`, `sessions` or `alerts` show, the beginning of an agent's\n"
     "session id, or a repository in which one session needs you.\n"
     "Without an ID: the alert that was told last, what is held and why, and what was\n"
     "heard that was not worth telling.",
     NULL, client_why},
    {"ack", "ID… | all", "acknowledge: stays on the board, is not told again", NULL, NULL, client_ack},
    {"snooze", "ID… | all [30m]", "not now: judged afresh when the time is over",
     "The time is 90s, 30m, 1h30m, 2d; 30 minutes if there is none.", NULL, client_snooze},
    {"resolve", "ID… | all", "close by hand: nothing is to be done any more", NULL, NULL, client_resolve},
    {"focus", "on NAME [for 45m] | off [NAME] | status", "do not disturb, by name", NULL, NULL,
     client_focus},
    {"break", "", "say that you have just finished something: a good moment to be told", NULL, NULL,
     client_break},
    {"presence", "[active|idle|locked|away] [OPTION…]",
     "say where you are, for what the presence sensor does not see",
     "--pane %3 [--tmux SOCKET], --window ID, --tty PATH   what is in front of you\n"
     "--nowhere         nothing that is known is in front of you\n"
     "--dnd on|off      the desktop's own do-not-disturb switch\n"
     "--microphone on|off  one is in use: a call\n"
     "--breakpoint WHAT you have just finished this: \"a commit\"",
     "pane= tmux= window= tty= nowhere dnd= microphone= breakpoint=", client_presence},
    {"post", "[--agent A] [--session S] [--state STATE] [--kind KIND] --title T [OPTION…] | -",
     "post an event from a script, or JSON lines from stdin",
     "--agent A       which agent speaks (shell)\n"
     "--session S     its session id (shell-PID of the caller)\n"
     "--state STATE   started, working, blocked, done, failed, idle, ended or note; without it what\n"
     "                goes with the kind: done for review, failed for failure, else blocked\n"
     "--kind KIND     permission, question, plan, login, failure, limit, stalled, custom or review\n"
     "--title T       what is asked, one line;  --text T  more of it\n"
     "--urgency U     low, normal or critical\n"
     "--repository R, --worktree W, --branch B, --cwd DIR, --host H   where it is\n"
     "--tool T, --task T, --request ID, --thread ID                   see quietbell(1)\n"
     "-               read messages from stdin, one JSON object a line",
     "agent= session= state= kind= title= text= tool= task= urgency= request= thread= repository= worktree= "
     "branch= cwd= host=",
     client_post},
    {"test", "RECEIVER", "hand a test alert to a receiver", NULL, NULL, client_test},
    {"setup", "[--agent NAME] [--dry-run] [--yes] [--remove]",
     "connect the agents on this machine: put hooks into their settings",
     "Shows each change as a diff and asks. What else stands in a file stays, byte for byte; the file as it\n"
     "was lies beside it as FILE.quietbell-backup.\n"
     "--agent NAME  this agent only, even if it was not found\n"
     "--dry-run     show, and change nothing\n"
     "--yes         do not ask\n"
     "--remove      take the hooks out again",
     "agent= dry-run yes remove", client_setup},
    {"doctor", "", "check that all works, and say what mends it",
     "Looks at the hooks, the daemon, the receivers, the desktop, the clock and the folders.\n"
     "Exits with 1 if anything is bad.",
     NULL, client_doctor},
    {"check", "[FILE]", "check a configuration file; needs no daemon",
     "Prints every problem with file, line, column and a suggestion; exits with 1 if there is one.",
     NULL, client_check},
    {"mapping", "test FILE PAYLOAD [--event NAME]",
     "show what an agent's message becomes; needs no daemon",
     "FILE is a mapping file, or the name of an agent. PAYLOAD is a file, - for stdin, or the JSON\n"
     "itself: what the agent hands to its hook, or a whole message, or several of either.\n"
     "--event NAME    the name on the hook's command line",
     "event=", client_mapping},
    {"journal", "export [--since WHEN] [--out FILE]",
     "write what the daemon recorded to a file, for replay",
     "One JSON object a line, to stdout; what agents wrote is in it, secrets are not. Needs no daemon.\n"
     "--since WHEN  2d, 8h, 2026-11-24, \"2026-11-24 09:00\"; without it all there is\n"
     "--out FILE    write there, readable to you only",
     "since= out=", client_journal},
    {"replay", "[--json] [-c FILE] [--compare] RECORDING | JOURNAL",
     "play recorded days, also under another configuration; needs no daemon",
     "RECORDING  a file of messages: what would have been told, under FILE or the embedded defaults.\n"
     "JOURNAL    what `journal export` wrote: what was told. With -c FILE that beside what would have been\n"
     "           told under FILE, and the figures of both (--compare says the same).",
     NULL, NULL},
    {"stats", "[--day DATE | --week | --since WHEN]",
     "what a day came to: interruptions, avoided ones, how long agents waited",
     "Today without an option. Needs no daemon.\n"
     "--day DATE    2026-11-24, today or yesterday\n"
     "--week        the last seven days, one by one and in all\n"
     "--since WHEN  from then on, as for `journal export`",
     "day= week since=", client_stats},
    {"step", "[-c FILE]", "run the rules in a simulated world, over stdin and stdout; needs no daemon",
     "Reads what agents and the person do, one JSON object a line, answers each with what the person is shown,\n"
     "one object a line, and at last {\"deadline_ms\":T}. The language stands in quietbell(1).\n"
     "-c FILE  under this configuration; else the preset default, with the world's own numbers",
     "c=", client_step},
    {"reload", "", "read the configuration and the mapping files again", NULL, NULL, client_reload},
    {"help", "[COMMAND]", "show help", NULL, NULL, run_help},
};
enum { COMMANDS = sizeof commands / sizeof *commands };

static const struct client_command *find_command(const char *name)
{
    for (int i = 0; i < COMMANDS; i++) {
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    }
    return NULL;
}

/* ---- help ------------------------------------------------------------------------------------------- */

static void print_usage(FILE *out)
{
    fputs("usage: quietbell [--json] [-s SOCKET] COMMAND [ARGUMENT…]\n\n", out);
    for (int i = 0; i < COMMANDS; i++)
        fprintf(out, "  %-9s %s\n", commands[i].name, commands[i].summary);
    fputs("\n"
          "  --json            print one JSON document\n"
          "  -s, --socket PATH talk to the daemon at this socket\n"
          "  -h, --help        this, or the help of a command\n"
          "  --version         print the version\n\n"
          "exit status: 0 done, 1 refused or not found, 2 wrong usage, 3 the daemon is not reachable\n",
          out);
}

static int unknown_command(const char *name)
{
    const char *names[COMMANDS];
    for (int i = 0; i < COMMANDS; i++)
        names[i] = commands[i].name;
    const char *near = nearest(name, names, COMMANDS);
    client_fail(CLIENT_USAGE, "unknown command \"%s\"%s%s%s", name, near ? "; did you mean " : "",
                near ? near : "", near ? "?" : "");
    fputs("`quietbell help` lists the commands\n", stderr);
    return CLIENT_USAGE;
}

static int print_help(const struct client_command *command)
{
    printf("usage: quietbell %s%s%s\n\n%s\n", command->name, *command->args ? " " : "",
           command->args, command->summary);
    if (command->details)
        printf("\n%s\n", command->details);
    return CLIENT_OK;
}

static int run_help(struct client *client, int argc, char **argv)
{
    (void)client;
    if (argc == 0) {
        print_usage(stdout);
        return CLIENT_OK;
    }
    const struct client_command *command = find_command(argv[0]);
    return command ? print_help(command) : unknown_command(argv[0]);
}

/* ---- options ---------------------------------------------------------------------------------------- */

/* Whether a command has an option, and if so whether it takes a value. */
static bool has_option(const struct client_command *command, const char *name, size_t len,
                       bool *takes_value)
{
    for (const char *p = command && command->options ? command->options : ""; *p;) {
        size_t word = strcspn(p, " ="), end = strcspn(p, " ");
        if (word == len && strncmp(p, name, len) == 0) {
            *takes_value = word < end;
            return true;
        }
        p += end + strspn(p + end, " ");
    }
    return false;
}

struct arguments {
    char **list; /* what is no option, command first */
    int n;
    bool help, version;
};

/* One argument at argv[*i] that begins with a dash. CLIENT_OK, or CLIENT_USAGE after saying why. */
static int take_option(struct client *client, struct arguments *arguments, int argc, char **argv,
                       int *i)
{
    const char *text = argv[*i], *name = text + (text[1] == '-' ? 2 : 1), *value = strchr(name, '=');
    size_t len = value ? (size_t)(value - name) : strlen(name);
    bool is_long = text[1] == '-', takes_value = false;

    value = value ? value + 1 : NULL;
    if (!value && strcmp(text, "--json") == 0)
        client->json = true;
    else if (!value && (strcmp(text, "--help") == 0 || strcmp(text, "-h") == 0))
        arguments->help = true;
    else if (!value && strcmp(text, "--version") == 0)
        arguments->version = true;
    else if (strcmp(text, "-s") == 0 || (is_long && len == 6 && strncmp(name, "socket", 6) == 0)) {
        if (!value && *i + 1 >= argc)
            return client_fail(CLIENT_USAGE, "%s: which socket?", text);
        client->socket = value ? value : argv[++*i];
    } else if ((is_long || len == 1) && has_option(client->command, name, len, &takes_value)) {
        char key[32];
        if (takes_value && !value && *i + 1 >= argc)
            return client_usage(client, "%s needs a value", text);
        if (!takes_value && value)
            return client_usage(client, "--%.*s takes no value", (int)len, name);
        snprintf(key, sizeof key, "%.*s", (int)len, name);
        json_t *json = takes_value ? json_string(value ? value : argv[++*i]) : json_true();
        if (!json)
            return client_usage(client, "%s: its value is no UTF-8", text);
        json_object_set_new(client->options, key, json);
    } else if (client->command)
        return client_usage(client, "unknown option %s", text);
    else {
        client_fail(CLIENT_USAGE, "unknown option %s", text);
        print_usage(stderr);
        return CLIENT_USAGE;
    }
    return CLIENT_OK;
}

/* Options may stand anywhere; after "--" there are none. The command is the first argument that is none. */
static int take_arguments(struct client *client, struct arguments *arguments, int argc, char **argv)
{
    bool options = true;

    for (int i = 1; i < argc; i++) {
        if (options && strcmp(argv[i], "--") == 0) {
            options = false;
        } else if (options && argv[i][0] == '-' && argv[i][1]) {
            int code = take_option(client, arguments, argc, argv, &i);
            if (code)
                return code;
        } else {
            arguments->list[arguments->n++] = argv[i];
            if (arguments->n > 1)
                continue;
            client->command = find_command(argv[i]);
            if (!client->command)
                return unknown_command(argv[i]);
            if (!client->command->run) /* replay reads its own options */
                return CLIENT_OK;
        }
    }
    return CLIENT_OK;
}

/* `quietbell [--json] replay …`: from the word on, the arguments are replay's own. */
static int run_replay(const struct client *client, int argc, char **argv)
{
    static char json[] = "--json";
    char **own = calloc((size_t)argc + 2, sizeof *own);
    int n = 0, at = 1;

    if (!own)
        abort();
    while (strcmp(argv[at], "replay") != 0)
        at++;
    own[n++] = argv[at++];
    if (client->json)
        own[n++] = json;
    bool help = at < argc && (strcmp(argv[at], "--help") == 0 || strcmp(argv[at], "-h") == 0);
    while (at < argc)
        own[n++] = argv[at++];
    int code = help ? print_help(client->command) : replay_main(n, own, client->width, client->colour);
    free(own);
    return code;
}

/* ---- main ------------------------------------------------------------------------------------------- */

static void look_at_terminal(struct client *client)
{
    struct winsize size;
    const char *no_colour = host_env("NO_COLOR"), *term = host_env("TERM");

    if (!isatty(STDOUT_FILENO))
        return;
    client->colour = !(no_colour && *no_colour) && !(term && strcmp(term, "dumb") == 0);
    client->width = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

static int run(struct client *client, struct arguments *arguments, int argc, char **argv)
{
    int code = take_arguments(client, arguments, argc, argv);
    if (code)
        return code;
    if (arguments->version) {
        puts("quietbell " QUIETBELL_VERSION);
        return CLIENT_OK;
    }
    if (!client->command) {
        print_usage(arguments->help ? stdout : stderr);
        return arguments->help ? CLIENT_OK : CLIENT_USAGE;
    }
    if (arguments->help)
        return print_help(client->command);
    if (!client->command->run)
        return run_replay(client, argc, argv);
    return client->command->run(client, arguments->n - 1, arguments->list + 1);
}

int main(int argc, char **argv)
{
    struct client client = {.patience_ms = CLIENT_PATIENCE_MS, .fd = -1, .options = json_object()};
    struct arguments arguments = {.list = calloc((size_t)argc + 1, sizeof(char *))};

    if (!client.options || !arguments.list)
        abort();
    look_at_terminal(&client);
    int code = run(&client, &arguments, argc, argv);
    client_close(&client);
    json_decref(client.options);
    free(arguments.list);
    if (fflush(stdout) != 0 || ferror(stdout))
        return client_fail(CLIENT_REFUSED, "stdout: cannot write");
    return code;
}
