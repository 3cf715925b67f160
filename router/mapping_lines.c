/* mapping_lines.c: what a recording says of a file, as the file watch would have told it: lines one by one, without
 * those that do not count, and with the values of the first line that the mapping asks for. */
#include "mapping_parts.h"

#include "rules/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool counts(const struct file_entry *entry, const char *line, size_t len)
{
    for (int i = 0; i < entry->n_contains; i++) {
        if (memmem(line, len, entry->contains[i], strlen(entry->contains[i])))
            return true;
    }
    return entry->n_contains == 0;
}

/* Of the first line that is ever seen of a file: the values that are texts, with blanks between them. */
static void take_head(const struct file_entry *entry, const char *path, const json_t *line, json_t *heads)
{
    char value[256] = "";
    size_t used = 0;
    if (!entry->n_head || json_object_get(heads, path))
        return;
    for (int i = 0; i < entry->n_head && used < sizeof value; i++) {
        struct path head;
        if (!path_parse(&head, entry->head[i]))
            continue;
        const char *text = json_string_value(path_value(&head, line));
        used += (size_t)snprintf(value + used, sizeof value - used, "%s%s", i ? " " : "",
                                 text_or(text, ""));
        free(head.text);
    }
    json_object_set_new(heads, path, json_string(value));
}

static void add(json_t *list, const struct message *message, json_t *content, const json_t *heads)
{
    json_t *one = json_copy(message->json), *head = json_object_get(heads, message->path);
    if (!one || !content || json_object_set_new(one, "content", content) != 0)
        abort();
    if (head && !json_object_get(one, "head"))
        json_object_set(one, "head", head);
    if (json_array_append_new(list, one) != 0)
        abort();
}

static void add_lines(const struct file_entry *entry, const struct message *message,
                      const char *text, json_t *heads, json_t *list)
{
    for (size_t len; *text; text += len + (text[len] == '\n')) {
        len = strcspn(text, "\n");
        json_t *line = entry->format == FORMAT_LOG ? NULL : json_loadb(text, len, 0, NULL);
        if (line)
            take_head(entry, message->path, line, heads);
        if (len > 0 && (line || entry->format == FORMAT_LOG) && counts(entry, text, len))
            add(list, message, json_stringn(text, len), heads);
        json_decref(line);
    }
}

json_t *mapping_sightings(const struct mappings *mappings, const struct message *message, json_t *heads)
{
    json_t *list = json_array();
    const struct mapping *mapping;
    const struct file_entry *entry = file_entry_find(mappings, message->path, &mapping);
    json_t *content = json_object_get(message->json, "content");
    const char *text = json_string_value(content);
    if (!list)
        abort();
    if (entry && message->gone) {
        add(list, message, json_null(), heads);
    } else if (entry && text && entry->format != FORMAT_JSON) {
        add_lines(entry, message, text, heads, list);
    } else if (entry && content) {
        json_t *whole = text ? json_loads(text, 0, NULL) : json_incref(content);
        json_object_del(heads, message->path); /* a whole file: always its newest */
        if (whole) {
            take_head(entry, message->path, whole, heads);
            add(list, message, json_incref(content), heads);
        }
        json_decref(whole);
    }
    return list;
}
