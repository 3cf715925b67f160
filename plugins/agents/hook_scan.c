/* hook_scan.c - see hook_scan.h.
 *
 * The map, from the outside in:
 *   scan_feed()    one token state after the other
 *     between()      brackets, commas, colons; starts tokens
 *     in_string()    copies or skips; in_escape() and in_char() are its detours
 *     in_word()      numbers (hook_number.c), true, false, null
 *   begin_value(), end_key(), end_value()   what to keep and what to leave out
 *   make_room()    scans what was written again under a harder limit
 *
 * Why in place works: the second scan never writes more than it has read, because what was written
 * once needs no more replacements, and a cut (ellipsis included) is never longer than what it cuts.
 * Why it may stop anywhere between two tokens: the grammar's state (expect, depth, objects) is the
 * first scan's own; only what was kept is taken from the second. A comma is written with the entry
 * after it, so that an entry left out leaves nothing behind.
 *
 * Long because the states share one struct, and halves would share it all.
 */
#include "hook_scan.h"

#include "hook_number.h"
#include "hook_text.h"

#include <string.h>

/* Harder from row to row. The last one bounds any payload to about 100 KiB:
 * 64 + 40 outermost members of at most 580 bytes, or of two entries of at most 136 bytes each. */
static const struct limit {
    uint32_t top_text;    /* bytes of a string that is a member of the outermost object */
    uint32_t text;        /* bytes of any other string, and of any name */
    uint32_t top_entries; /* members of the outermost object (or array) */
    uint32_t entries;     /* entries of any other container */
    uint32_t depth;       /* containers from this depth on are emptied */
} limits[] = {
    // clang-format off
    {SCAN_TEXT_MAX, SCAN_TEXT_MAX, UINT32_MAX, UINT32_MAX, SCAN_DEPTH + 1},
    {SCAN_TEXT_MAX, 1024, UINT32_MAX, 256, 32},
    {2048, 256, 4096, 64, 16},
    {1024, 128, 1024, 16, 8},
    {512, 64, 256, 8, 5},
    {512, 64, 64, 4, 4},
    {512, 64, 64, 2, 3},
    // clang-format on
};
#define LEVELS (sizeof limits / sizeof *limits)

/* Members of the outermost object that a mapping picks its session and state from: kept (once)
 * however many came before. At most 64 names. */
// clang-format off
static const char *const kept_names[] = {
    "session_id", "sessionId", "hook_event_name", "hookEventName", "hookName", "event", "type",
    "cwd", "tool_name", "toolName", "tool_use_id", "agent_id", "agent_type", "prompt_id",
    "turn_id", "turn-id", "thread-id", "thread_id", "conversation_id", "generation_id",
    "trajectory_id", "execution_id", "agent_action_name", "notification_type", "message",
    "source", "reason", "status", "error", "permission_mode", "transcript_path",
    "workspace_roots", "working_dir", "timestamp", "properties", "stop_hook_active",
    "background_tasks", "last_assistant_message", "is_interrupt", "client",
};
// clang-format on
_Static_assert(sizeof kept_names / sizeof *kept_names <= 64, "seen has 64 bits");

void scan_init(struct scan *scan, char *out, size_t cap)
{
    /* kept[] and word[] need no zeroes; this runs on every hook. */
    memset(scan, 0, offsetof(struct scan, kept));
    scan->out = out;
    scan->cap = cap;
}

static bool in_object(const struct scan *scan)
{
    return scan->objects >> scan->depth & 1;
}

static uint32_t entry_limit(const struct scan *scan)
{
    const struct limit *limit = &limits[scan->level];
    if (scan->depth >= limit->depth)
        return 0;
    return scan->depth == 1 ? limit->top_entries : limit->entries;
}

static void put(struct scan *scan, char c)
{
    if (scan->len < scan->cap)
        scan->out[scan->len++] = c;
    else
        scan->bad = true;
}

/* Number and word tokens end only with what follows them. */
static void end_word(struct scan *scan);

static void shrink(struct scan *scan)
{
    struct scan second;
    scan_init(&second, scan->out, scan->cap);
    second.level = scan->level + 1;
    second.again = true;
    scan_feed(&second, scan->out, scan->len);
    if (second.token == TOKEN_NUMBER || second.token == TOKEN_WORD)
        end_word(&second);
    scan->bad = scan->bad || second.bad || second.depth != scan->depth;
    scan->level = second.level;
    scan->len = second.len;
    scan->drop_at = second.drop_at;
    scan->seen = second.seen;
    scan->values = second.values;
    memcpy(scan->kept, second.kept, sizeof scan->kept);
}

/* Before a token that will be written. May find that the very container we are in is left out. */
static void make_room(struct scan *scan)
{
    while (!scan->bad && !scan->again && !scan->drop_at &&
           (scan->len + SCAN_ROOM > scan->cap || scan->values >= SCAN_VALUES)) {
        if (scan->level + 1 < LEVELS)
            shrink(scan);
        else
            scan->bad = true;
    }
}

static void begin_value(struct scan *scan)
{
    make_room(scan);
    if (scan->drop_at)
        return;
    if (scan->depth > 0 && !in_object(scan)) {
        if (scan->kept[scan->depth] >= entry_limit(scan)) {
            scan->drop_at = scan->depth;
            return;
        }
        if (scan->kept[scan->depth]++ > 0)
            put(scan, ',');
    }
    scan->values++;
}

static void end_value(struct scan *scan)
{
    if (scan->drop_at == scan->depth)
        scan->drop_at = 0;
    scan->expect = scan->depth == 0 ? EXPECT_END : EXPECT_NEXT;
}

static void begin_string(struct scan *scan, bool is_key)
{
    const struct limit *limit = &limits[scan->level];
    scan->token = TOKEN_STRING;
    scan->is_key = is_key;
    scan->high = 0;
    scan->skip = scan->drop_at != 0;
    if (scan->skip)
        return;
    put(scan, '"');
    scan->start = scan->cut = scan->len;
    scan->max = !is_key && scan->depth <= 1 ? limit->top_text : limit->text;
}

static void begin_key(struct scan *scan)
{
    make_room(scan);
    if (!scan->drop_at && scan->depth > 1 && scan->kept[scan->depth] >= entry_limit(scan))
        scan->drop_at = scan->depth; /* no need to read its name */
    scan->mark = scan->len;
    if (!scan->drop_at && scan->kept[scan->depth] > 0)
        put(scan, ',');
    begin_string(scan, true);
}

/* Is the name just written one of those to keep, met for the first time? */
static bool is_kept_name(struct scan *scan)
{
    const char *name = scan->out + scan->start;
    size_t len = scan->len - scan->start;
    for (size_t i = 0; i < sizeof kept_names / sizeof *kept_names; i++) {
        if (kept_names[i][0] != name[0] || strlen(kept_names[i]) != len ||
            memcmp(kept_names[i], name, len) != 0)
            continue;
        bool first = !(scan->seen >> i & 1);
        scan->seen |= (uint64_t)1 << i;
        return first;
    }
    return false;
}

static void end_key(struct scan *scan)
{
    scan->expect = EXPECT_COLON;
    if (scan->drop_at)
        return;
    bool keep = scan->kept[scan->depth] < entry_limit(scan);
    if (scan->depth == 1 && scan->len > scan->start)
        keep = is_kept_name(scan) || keep;
    if (!keep) {
        scan->len = scan->mark;
        scan->drop_at = scan->depth;
        return;
    }
    put(scan, '"');
    scan->kept[scan->depth]++;
    scan->values++;
}

/* One character or escape of a string: whole, or the string is cut before it. */
static void put_unit(struct scan *scan, const char *bytes, size_t n)
{
    if (scan->skip)
        return;
    if (scan->len - scan->start + n > scan->max) {
        memcpy(scan->out + scan->cut, TEXT_ELLIPSIS, TEXT_ELLIPSIS_LEN);
        scan->len = scan->cut + TEXT_ELLIPSIS_LEN;
        scan->skip = true;
        return;
    }
    memmove(scan->out + scan->len, bytes, n);
    scan->len += n;
    if (scan->len - scan->start + TEXT_ELLIPSIS_LEN <= scan->max)
        scan->cut = scan->len;
}

/* A run of characters that need nothing. */
static void put_run(struct scan *scan, const char *bytes, size_t n)
{
    size_t have = scan->len - scan->start;
    bool fits = have + n <= scan->max;
    size_t before_cut = scan->max - TEXT_ELLIPSIS_LEN;
    if (!fits)
        n = have < before_cut ? before_cut - have : 0;
    memmove(scan->out + scan->len, bytes, n);
    scan->len += n;
    if (have < before_cut)
        scan->cut = scan->start + (have + n < before_cut ? have + n : before_cut);
    if (!fits)
        put_unit(scan, bytes, scan->max + 1); /* too long by itself: cuts, reads nothing */
}

static void end_high(struct scan *scan)
{
    scan->high = 0;
    put_unit(scan, "\\ufffd", 6);
}

static void end_string(struct scan *scan)
{
    if (scan->high)
        end_high(scan);
    scan->token = TOKEN_NONE;
    if (scan->is_key) {
        end_key(scan);
        return;
    }
    if (!scan->drop_at)
        put(scan, '"');
    end_value(scan);
}

/* The next quote or backslash at or after p; eight bytes at a time, for the megabytes after a
 * cut. */
static const char *find_quote(const char *p, const char *end)
{
    const uint64_t ones = 0x0101010101010101u, highs = 0x8080808080808080u;
    while (end - p >= 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        uint64_t quote = word ^ (ones * '"'), slash = word ^ (ones * '\\');
        if ((((quote - ones) & ~quote) | ((slash - ones) & ~slash)) & highs)
            break;
        p += 8;
    }
    while (p < end && *p != '"' && *p != '\\')
        p++;
    return p;
}

static const char *in_string(struct scan *scan, const char *p, const char *end)
{
    const char *run = p;
    if (scan->skip)
        p = find_quote(p, end);
    else
        while (p < end && (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x80 && *p != '"' &&
               *p != '\\')
            p++;
    if (p > run && scan->high)
        end_high(scan);
    if (p > run && !scan->skip)
        put_run(scan, run, (size_t)(p - run));
    if (p == end)
        return p;

    unsigned char c = (unsigned char)*p++;
    scan->word_len = 0;
    if (c == '"') {
        end_string(scan);
    } else if (c == '\\') {
        scan->token = TOKEN_ESCAPE;
    } else if (scan->skip) {
        return p;
    } else {
        if (scan->high)
            end_high(scan);
        if (c < 0x20) {
            char escape[6];
            put_unit(scan, escape, text_escape_control(escape, c));
        } else if (text_char_size(c) == 0) {
            put_unit(scan, TEXT_REPLACEMENT, 3);
        } else {
            scan->word[scan->word_len++] = (char)c;
            scan->token = TOKEN_CHAR;
        }
    }
    return p;
}

static const char *in_char(struct scan *scan, const char *p)
{
    unsigned char lead = (unsigned char)scan->word[0];
    if (!text_char_byte_ok(lead, scan->word_len, (unsigned char)*p)) {
        put_unit(scan, TEXT_REPLACEMENT, 3); /* one for what began; *p is read afresh */
        scan->token = TOKEN_STRING;
        return p;
    }
    scan->word[scan->word_len++] = *p++;
    if (scan->word_len == text_char_size(lead)) {
        put_unit(scan, scan->word, scan->word_len);
        scan->token = TOKEN_STRING;
    }
    return p;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void put_code(struct scan *scan, unsigned code)
{
    static const char hex[] = "0123456789abcdef";
    char pair[12] = {'\\', 'u', 0, 0, 0, 0, '\\', 'u'};
    bool low = code >= 0xDC00 && code <= 0xDFFF;
    for (unsigned i = 0; i < 4; i++)
        pair[8 + i] = hex[code >> (12 - 4 * i) & 15];
    if (scan->high && low) {
        for (unsigned i = 0; i < 4; i++)
            pair[2 + i] = hex[scan->high >> (12 - 4 * i) & 15];
        scan->high = 0;
        put_unit(scan, pair, 12);
        return;
    }
    if (scan->high)
        end_high(scan);
    if (code >= 0xD800 && code <= 0xDBFF)
        scan->high = code;
    else if (low || code == 0)
        put_unit(scan, "\\ufffd", 6);
    else
        put_unit(scan, pair + 6, 6);
}

static const char *in_escape(struct scan *scan, const char *p)
{
    char c = *p++;
    scan->word[scan->word_len++] = c;
    if (scan->skip) { /* only a quote and a backslash matter, and both are one character */
        scan->token = TOKEN_STRING;
    } else if (scan->word_len == 1 && c != 'u') {
        char escape[2] = {'\\', c};
        scan->bad = scan->bad || !c || !strchr("\"\\/bfnrt", c);
        if (scan->high)
            end_high(scan);
        put_unit(scan, escape, 2);
        scan->token = TOKEN_STRING;
    } else if (scan->word_len > 1 && hex_value(c) < 0) {
        scan->bad = true;
    } else if (scan->word_len == 5) {
        unsigned code = 0;
        for (unsigned i = 1; i < 5; i++)
            code = code << 4 | (unsigned)hex_value(scan->word[i]);
        put_code(scan, code);
        scan->token = TOKEN_STRING;
    }
    return p;
}

static void end_word(struct scan *scan)
{
    const char *word = scan->word;
    enum number_form form = NUMBER_PLAIN;
    scan->word[scan->word_len] = 0;
    if (scan->token == TOKEN_NUMBER)
        form = number_form(word);
    else if (strcmp(word, "true") != 0 && strcmp(word, "false") != 0 && strcmp(word, "null") != 0)
        form = NUMBER_BAD;
    scan->token = TOKEN_NONE;
    if (!scan->drop_at) {
        scan->bad = scan->bad || form == NUMBER_BAD;
        for (word = form == NUMBER_HUGE ? "null" : word; *word; word++)
            put(scan, *word);
        if (form == NUMBER_WIDE)
            put(scan, '.'), put(scan, '0');
    }
    end_value(scan);
}

static const char *in_word(struct scan *scan, const char *p, const char *end)
{
    bool number = scan->token == TOKEN_NUMBER;
    for (; p < end; p++) {
        if (number ? !number_has(*p) : *p < 'a' || *p > 'z') {
            end_word(scan);
            return p;
        }
        if (scan->word_len < sizeof scan->word - 1)
            scan->word[scan->word_len++] = *p;
    }
    return p;
}

static void open_container(struct scan *scan, bool object)
{
    begin_value(scan);
    if (scan->depth == SCAN_DEPTH) {
        scan->bad = true;
        return;
    }
    if (!scan->drop_at)
        put(scan, object ? '{' : '[');
    scan->depth++;
    scan->kept[scan->depth] = 0;
    uint64_t bit = (uint64_t)1 << scan->depth;
    scan->objects = object ? scan->objects | bit : scan->objects & ~bit;
    scan->expect = object ? EXPECT_FIRST_KEY : EXPECT_FIRST_VALUE;
}

static void close_container(struct scan *scan, bool object)
{
    if (scan->depth == 0 || in_object(scan) != object) {
        scan->bad = true;
        return;
    }
    if (!scan->drop_at)
        put(scan, object ? '}' : ']');
    scan->depth--;
    end_value(scan);
}

static void begin_token(struct scan *scan, char c)
{
    if (c == '{' || c == '[') {
        open_container(scan, c == '{');
        return;
    }
    begin_value(scan);
    if (c == '"') {
        begin_string(scan, false);
        return;
    }
    scan->word[0] = c;
    scan->word_len = 1;
    if (c == '-' || (c >= '0' && c <= '9'))
        scan->token = TOKEN_NUMBER;
    else if (c >= 'a' && c <= 'z')
        scan->token = TOKEN_WORD;
    else
        scan->bad = true;
}

static void between(struct scan *scan, char c)
{
    switch (scan->expect) {
    case EXPECT_FIRST_VALUE:
        if (c == ']')
            close_container(scan, false);
        else
            begin_token(scan, c);
        return;
    case EXPECT_VALUE:
        if (scan->depth == 0 && scan->bom < 3 && c == "\xEF\xBB\xBF"[scan->bom])
            scan->bom++; /* a byte order mark before all */
        else
            begin_token(scan, c);
        return;
    case EXPECT_FIRST_KEY:
        if (c == '}') {
            close_container(scan, true);
            return;
        }
        /* fall through */
    case EXPECT_KEY:
        if (c == '"')
            begin_key(scan);
        else
            scan->bad = true;
        return;
    case EXPECT_COLON:
        if (c == ':' && !scan->drop_at)
            put(scan, ':');
        scan->bad = scan->bad || c != ':';
        scan->expect = EXPECT_VALUE;
        return;
    case EXPECT_NEXT:
        if (c == ',')
            scan->expect = in_object(scan) ? EXPECT_KEY : EXPECT_VALUE;
        else if (c == ']' || c == '}')
            close_container(scan, c == '}');
        else
            scan->bad = true;
        return;
    case EXPECT_END:
        scan->bad = true;
        return;
    }
}

void scan_feed(struct scan *scan, const char *bytes, size_t n)
{
    const char *p = bytes, *end = bytes + n;
    while (p < end && !scan->bad) {
        switch (scan->token) {
        case TOKEN_NONE:
            if (*p != ' ' && *p != '\n' && *p != '\t' && *p != '\r')
                between(scan, *p);
            p++;
            break;
        case TOKEN_STRING:
            p = in_string(scan, p, end);
            break;
        case TOKEN_ESCAPE:
            p = in_escape(scan, p);
            break;
        case TOKEN_CHAR:
            p = in_char(scan, p);
            break;
        case TOKEN_NUMBER:
        case TOKEN_WORD:
            p = in_word(scan, p, end);
            break;
        }
    }
}

bool scan_is_complete(const struct scan *scan)
{
    return !scan->bad && scan->expect == EXPECT_END;
}

enum scan_result scan_end(struct scan *scan)
{
    if (!scan->bad && (scan->token == TOKEN_NUMBER || scan->token == TOKEN_WORD))
        end_word(scan);
    if (scan_is_complete(scan))
        return SCAN_COMPLETE;
    bool untouched = scan->expect == EXPECT_VALUE && scan->depth == 0 && scan->token == TOKEN_NONE;
    return !scan->bad && untouched ? SCAN_EMPTY : SCAN_BAD;
}
