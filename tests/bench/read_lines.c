/* read_lines.c: the bare loop that replay is measured against: reads a file of JSON lines as any program would, each
 * with jansson, looks at one member and forgets it.
 *
 *   read_lines FILE     prints {"n":LINES,"seconds":S} */
#include "bench.h"

#include <jansson.h>

int main(int argc, char **argv)
{
    FILE *file = argc == 2 ? fopen(argv[1], "r") : NULL;
    char *line = NULL;
    size_t size = 0;
    ssize_t len;
    long n = 0;
    if (!file)
        return 2;
    int64_t began_ns = now_ns();
    while ((len = getline(&line, &size, file)) > 0) {
        json_t *json = json_loadb(line, (size_t)len, JSON_REJECT_DUPLICATES, NULL);
        n += json_object_get(json, "at_ms") != NULL;
        json_decref(json);
    }
    printf("{\"n\":%ld,\"seconds\":%.3f}\n", n, (double)(now_ns() - began_ns) / 1e9);
    free(line);
    fclose(file);
    return 0;
}
