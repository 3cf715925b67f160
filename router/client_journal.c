/* client_journal.c: `quietbell journal export`: the daemon's log of inputs as a file, for replay.
 *
 * It reads the database itself, read-only: SQLite lets a reader in beside the daemon, each page of the log is a short
 * transaction, and it works when the daemon is away, which is when somebody wants to know what it did. */
#include "client.h"

#include "host.h"
#include "journal_file.h"
#include "paths.h"
#include "rules/text.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The file, 0600 even if it was there; NULL: not, and said. */
static FILE *open_out(const char *path)
{
    struct stat st;
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    bool good = fd >= 0 && fstat(fd, &st) == 0;
    if (good && S_ISREG(st.st_mode)) /* what agents said is nobody else's business */
        good = fchmod(fd, 0600) == 0 && ftruncate(fd, 0) == 0;
    FILE *out = good ? fdopen(fd, "w") : NULL;
    if (!out)
        client_fail(CLIENT_REFUSED, "%s: %s", path, strerror(errno));
    if (!out && fd >= 0)
        close(fd);
    return out;
}

static void say_done(const struct client *client, const char *path, const struct journal_counts *counts)
{
    char from[40], to[40];
    if (counts->late)
        fputs("quietbell: what was before is deleted: it begins later than you asked for\n", stderr);
    if (client->json && path)
        client_print_json(json_pack("{s:b, s:s, s:I, s:I, s:I, s:b}", "ok", 1, "file", path, "inputs",
                                    (json_int_t)counts->inputs, "base", (json_int_t)counts->base,
                                    "last", (json_int_t)counts->last, "late", counts->late));
    else if (path && counts->inputs == 0)
        printf("%s: nothing was recorded in that time\n", path);
    else if (path)
        printf("%s: %" PRId64 " inputs, %s to %s\n", path, counts->inputs,
               client_clock(counts->first_wall_ms, from, sizeof from),
               client_clock(counts->last_wall_ms, to, sizeof to));
}

static int write_out(struct client *client, struct store *store, int64_t since_ms, const char *path)
{
    struct journal_counts counts;
    char why[STORE_ERROR_MAX];
    FILE *out = path ? open_out(path) : stdout;
    if (!out)
        return CLIENT_REFUSED;
    int error = journal_write(out, store, since_ms, host_wall_ms(), &counts);
    if (path && fclose(out) != 0 && !error)
        error = -EIO;
    if (error == -EAGAIN)
        return client_fail(CLIENT_REFUSED, "old inputs were deleted meanwhile: try again");
    if (error == -EIO)
        return client_fail(CLIENT_REFUSED, "%s: cannot be written", path ? path : "stdout");
    if (error)
        return client_fail(CLIENT_REFUSED, "%s", store_error(store, why));
    say_done(client, path, &counts);
    return CLIENT_OK;
}

int client_journal(struct client *client, int argc, char **argv)
{
    const char *since = client_option(client, "since");
    int64_t since_ms = since ? client_instant(since) : 0;
    struct paths paths;
    struct store *store = NULL;
    char error[STORE_ERROR_MAX];
    int n, code = CLIENT_OK;

    if (argc != 1 || strcmp(argv[0], "export") != 0)
        return client_usage(client, "only knows `export`");
    if (since_ms < 0)
        return client_usage(
            client, "--since %s is no time: say 2d, 2026-11-24 or \"2026-11-24 09:00\"", since);
    paths_init(&paths);
    const struct noun *const *nouns = rules_nouns(&n);
    int status = paths.database ? store_open_reading(&store, paths.database, nouns, n, error) : -ENOENT;
    if (status == -ENOENT)
        code = client_fail(CLIENT_REFUSED, "nothing was recorded yet: there is no %s",
                           text_or(paths.database, "database"));
    else if (status)
        code = client_fail(CLIENT_REFUSED, "%s", error);
    else
        code = write_out(client, store, since_ms, client_option(client, "out"));
    store_close(store);
    paths_release(&paths);
    return code;
}
