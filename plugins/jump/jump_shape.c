/* jump_shape.c - what the parts of a place must look like (see jump_way.h). */
#include "jump_way.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool jump_number(const char *text, uint32_t *number)
{
    uint64_t value = 0;
    if (!text || !*text || strlen(text) > 10)
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return false;
        value = value * 10 + (uint64_t)(*text - '0');
    }
    *number = (uint32_t)value;
    return value <= UINT32_MAX;
}

/* Letters, digits and a few signs: it is also shown, as part of a command to type. */
static bool is_plain_path(const char *path)
{
    static const char good[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+@%,:=";
    return path && path[0] == '/' && strspn(path, good) == strlen(path);
}

bool jump_own_socket(const char *path)
{
    struct stat stat;
    return is_plain_path(path) && lstat(path, &stat) == 0 && S_ISSOCK(stat.st_mode) &&
           stat.st_uid == geteuid();
}

int64_t jump_parent(int64_t pid)
{
    char path[64], stat[512];
    snprintf(path, sizeof path, "/proc/%lld/stat", (long long)pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    size_t n = fread(stat, 1, sizeof stat - 1, file);
    fclose(file);
    stat[n] = '\0';
    const char *end = strrchr(stat, ')'); /* the name before it may hold anything */
    return end && strlen(end) > 4 ? strtoll(end + 4, NULL, 10) : 0; /* ") S 4711 …" */
}
