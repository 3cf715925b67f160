/* journal_file.c: see journal_file.h.
 *
 * Events are nearly all of the lines, so a line of an event is read without a JSON tree: its frame by hand, its body
 * by event_from_text(). All else, and every line that does not look like what we write, goes the slow way. */
#include "router/journal_file.h"

#include "router/event_json.h"
#include "router/journal.h"
#include "router/json_read.h"
#include "router/message.h"
#include "rules/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_MAX_BYTES = 64 << 20, DEPTH_MAX = 64 };

/* ---- writing ------------------------------------------------------------------------------------- */

struct writing {
    FILE *out;
    struct journal_counts *counts;
    struct moment zone;
    bool has_zone, gap;
    uint64_t last;   /* written */
    const char *key; /* of rows */
};

static void put_ms(FILE *out, int64_t ms)
{
    if (ms == NEVER_MS)
        fputs("null", out);
    else
        fprintf(out, "%" PRId64, ms);
}

static void write_row(void *arg, const char *noun, uint64_t id, const char *body)
{
    struct writing *writing = arg;
    fprintf(writing->out, "{\"%s\":\"%s\",\"id\":%" PRIu64 ",\"fields\":%s}\n", writing->key, noun,
            id, body);
    writing->counts->rows++;
}

static void write_zone(struct writing *writing, const struct moment *moment)
{
    if (writing->has_zone && writing->zone.utc_offset_s == moment->utc_offset_s &&
        writing->zone.next_offset_ms == moment->next_offset_ms &&
        writing->zone.next_offset_s == moment->next_offset_s)
        return;
    writing->zone = *moment;
    writing->has_zone = true;
    fprintf(writing->out, "{\"zone\":{\"utc_offset_s\":%d,\"next_offset_ms\":", moment->utc_offset_s);
    put_ms(writing->out, moment->next_offset_ms);
    fprintf(writing->out, ",\"next_offset_s\":%d}}\n", moment->next_offset_s);
}

static bool write_input(void *arg, const struct store_input *input)
{
    struct writing *writing = arg;
    const struct moment *moment = &input->moment;
    if (input->seq != writing->last + 1) {
        writing->gap = true;
        return false;
    }
    write_zone(writing, moment);
    fprintf(writing->out,
            "{\"seq\":%" PRIu64 ",\"at_ms\":%" PRId64 ",\"steady_ms\":%" PRId64
            ",\"type\":\"%s\",\"body\":",
            input->seq, moment->wall_ms, moment->steady_ms, input->type);
    fwrite(input->body, 1, input->body_len, writing->out);
    fputs("}\n", writing->out);
    writing->last = input->seq;
    if (!writing->counts->inputs++)
        writing->counts->first_wall_ms = moment->wall_ms;
    writing->counts->last_wall_ms = moment->wall_ms;
    return !ferror(writing->out);
}

/* The inputs, then the rest of them and the tables as of one moment. */
static int write_all(struct writing *writing, struct store *store)
{
    uint64_t before;
    int error = 0;
    do {
        before = writing->last;
        error = store_each_input(store, before + 1, write_input, writing);
    } while (!error && !writing->gap && writing->last > before + 10000);
    if (!error)
        error = store_begin(store);
    if (error)
        return error;
    error = store_each_input(store, writing->last + 1, write_input, writing);
    writing->key = "now";
    if (!error)
        error = store_each_row_now(store, write_row, writing);
    store_end(store);
    fprintf(writing->out, "{\"end\":%" PRIu64 "}\n", writing->last);
    return error ? error : writing->gap ? -EAGAIN : 0;
}

int journal_write(FILE *out, struct store *store, int64_t since_wall_ms, int64_t now_wall_ms,
                  struct journal_counts *counts)
{
    struct store_base base;
    struct writing writing = {.out = out, .counts = counts, .key = "row"};
    *counts = (struct journal_counts){0};
    int error = store_base(store, since_wall_ms, &base);
    if (error)
        return error;
    counts->base = writing.last = base.seq;
    counts->late = base.late;
    fprintf(out,
            "{\"journal\":1,\"version\":\"" QUIETBELL_VERSION "\",\"exported_ms\":%" PRId64
            ",\"from_ms\":%" PRId64 ",\"seq\":%" PRIu64 ",\"base\":%s}\n",
            now_wall_ms, since_wall_ms, base.seq, base.head ? base.head : "null");
    if (base.seq)
        error = store_each_row(store, base.seq, write_row, &writing);
    counts->rows = 0;
    if (!error)
        error = write_all(&writing, store);
    counts->last = writing.last;
    store_base_clear(&base);
    return error ? error : fflush(out) || ferror(out) ? -EIO : 0;
}

/* ---- reading ------------------------------------------------------------------------------------- */

bool journal_is(FILE *file)
{
    static const char begin[] = "{\"journal\":";
    char read[sizeof begin];
    bool is = fread(read, 1, sizeof begin - 1, file) == sizeof begin - 1 &&
              memcmp(read, begin, sizeof begin - 1) == 0;
    rewind(file);
    return is;
}

void journal_reader_open(struct journal_reader *reader, FILE *file, const char *path)
{
    *reader = (struct journal_reader){.file = file, .path = path, .moment.next_offset_ms = NEVER_MS};
}

void journal_reader_close(struct journal_reader *reader)
{
    fclose(reader->file);
    json_decref(reader->json);
    free(reader->text);
}

static int bad(struct journal_reader *reader, const char *what)
{
    snprintf(reader->problem, sizeof reader->problem, "%s:%d: %s", reader->path, reader->line, what);
    return -EINVAL;
}

/* `,"key":` and a number. */
static bool take_number(char **at, const char *key, int64_t *value)
{
    size_t n = strlen(key);
    if (strncmp(*at, key, n) != 0)
        return false;
    char *end;
    errno = 0;
    *value = strtoll(*at + n, &end, 10);
    bool good = end > *at + n && !errno;
    *at = end;
    return good;
}

/* An event's line as we write it; false: it is another, and is unchanged. */
static bool read_event(struct journal_reader *reader, char *text, size_t len,
                       struct journal_line *line, int *status)
{
    static const char body[] = ",\"type\":\"event\",\"body\":";
    int64_t seq, wall_ms, steady_ms;
    char *at = text;
    if (!take_number(&at, "{\"seq\":", &seq) || !take_number(&at, ",\"at_ms\":", &wall_ms) ||
        !take_number(&at, ",\"steady_ms\":", &steady_ms) ||
        strncmp(at, body, sizeof body - 1) != 0 || text[len - 1] != '}')
        return false;
    at += sizeof body - 1;
    line->what = JOURNAL_INPUT;
    line->type = INPUT_EVENT;
    line->seq = (uint64_t)seq;
    line->moment = reader->moment;
    line->moment.wall_ms = wall_ms;
    line->moment.steady_ms = steady_ms;
    *status = event_from_text(at, (size_t)(text + len - 1 - at), &line->event)
                  ? bad(reader, "the event cannot be read")
                  : 1;
    return true;
}

static int64_t number(const json_t *json, const char *key, int64_t missing)
{
    const json_t *value = json_object_get(json, key);
    return json_is_integer(value) ? json_integer_value(value) : missing;
}

static void read_zone(const json_t *zone, struct moment *moment)
{
    moment->utc_offset_s = (int32_t)number(zone, "utc_offset_s", 0);
    moment->next_offset_ms = number(zone, "next_offset_ms", NEVER_MS);
    moment->next_offset_s = (int32_t)number(zone, "next_offset_s", moment->utc_offset_s);
}

static int read_input(struct journal_reader *reader, struct journal_line *line)
{
    line->what = JOURNAL_INPUT;
    line->seq = (uint64_t)number(reader->json, "seq", 0);
    line->moment = reader->moment;
    line->moment.wall_ms = number(reader->json, "at_ms", INT64_MIN);
    line->moment.steady_ms = number(reader->json, "steady_ms", INT64_MIN);
    line->json = json_object_get(reader->json, "body");
    line->type = journal_find_type(json_string_value(json_object_get(reader->json, "type")));
    if (line->type < 0 || line->moment.wall_ms == INT64_MIN || line->moment.steady_ms == INT64_MIN)
        return bad(reader, "an input has a type, at_ms and steady_ms");
    int error = line->type == INPUT_EVENT ? event_from_json(line->json, &line->event)
                : line->type == INPUT_LOADED
                    ? 0
                    : journal_input((enum input_type)line->type, line->json, &line->input);
    return error ? bad(reader, "the body cannot be read") : 1;
}

/* 1: known; 0: not, or no line of its own. */
static int read_any(struct journal_reader *reader, struct journal_line *line)
{
    const json_t *json = line->json = reader->json, *zone = json_object_get(json, "zone");
    if (json_object_get(json, "seq") && json_object_get(json, "type"))
        return read_input(reader, line);
    if (zone)
        read_zone(zone, &reader->moment);
    if (json_object_get(json, "journal")) {
        line->what = JOURNAL_HEAD;
        line->seq = (uint64_t)number(json, "seq", 0);
        return number(json, "journal", 0) == 1 ? 1 : bad(reader, "the journal is of another version");
    }
    line->seq = (uint64_t)number(json, "end", 0);
    line->what = json_object_get(json, "row")   ? JOURNAL_ROW
                 : json_object_get(json, "now") ? JOURNAL_NOW
                                                : JOURNAL_END;
    return line->what != JOURNAL_END || json_object_get(json, "end") ? 1 : 0;
}

int journal_read(struct journal_reader *reader, struct journal_line *line)
{
    for (;;) {
        errno = 0;
        ssize_t got = getline(&reader->text, &reader->size, reader->file);
        if (got < 0)
            return ferror(reader->file) ? -(errno ? errno : EIO) : 0;
        size_t len = (size_t)got;
        line->line = ++reader->line;
        while (len > 0 && strchr(" \t\r\n", reader->text[len - 1]))
            len--;
        if (len == 0)
            continue;
        int status = 0;
        if (len > LINE_MAX_BYTES || !message_is_utf8(reader->text, len))
            return bad(reader, "the line is too long, or no UTF-8");
        if (read_event(reader, reader->text, len, line, &status))
            return status;
        json_decref(reader->json);
        reader->json = json_read(reader->text, len, DEPTH_MAX);
        if (!reader->json)
            reader->json = json_loadb(reader->text, len, JSON_REJECT_DUPLICATES, NULL);
        if (!reader->json)
            return bad(reader, "the line is no JSON object");
        status = read_any(reader, line);
        if (status)
            return status;
    }
}
