/* trouble.c: what is wrong with quietbelld itself. See trouble.h. The list is packed and in order of age. */
#include "trouble.h"

#include "host.h"
#include "plain.h"

#include <stddef.h>
#include <string.h>

static struct trouble list[TROUBLE_MAX];
static int n_list;
static int64_t more;

/* Keys are kept cut, so they are compared cut. */
static struct trouble *find(const char *key)
{
    for (int i = 0; i < n_list; i++)
        if (strncmp(list[i].key, key, TROUBLE_KEY_MAX - 1) == 0)
            return &list[i];
    return NULL;
}

bool trouble_set(const char *key, const char *what, const char *todo)
{
    struct trouble *trouble = find(key);
    bool is_new = !trouble;

    if (is_new) {
        if (n_list == TROUBLE_MAX) {
            more++;
            return false;
        }
        trouble = &list[n_list++];
        memset(trouble, 0, sizeof *trouble);
        strncpy(trouble->key, key, TROUBLE_KEY_MAX - 1);
        trouble->since_wall_ms = host_wall_ms();
    }
    trouble->count++;
    plain_line(what, trouble->what, sizeof trouble->what);
    plain_line(todo, trouble->todo, sizeof trouble->todo);
    return is_new;
}

bool trouble_clear(const char *key)
{
    struct trouble *trouble = find(key);
    if (!trouble)
        return false;
    memmove(trouble, trouble + 1, (size_t)(&list[n_list] - (trouble + 1)) * sizeof *trouble);
    n_list--;
    more = 0;
    return true;
}

const struct trouble *trouble_next(const struct trouble *after)
{
    const struct trouble *next = after ? after + 1 : list;
    return next < list + n_list ? next : NULL;
}

int64_t trouble_more(void)
{
    return more;
}
