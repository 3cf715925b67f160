/* jump_sway.c - a window of sway, by the process that it belongs to.
 *
 * Windows of Wayland have no id that an agent could know; but the terminal is an ancestor of the agent, and
 * sway says which process made a window. Its socket (SWAYSOCK) speaks i3's protocol: "i3-ipc", the length,
 * the type, a payload; answers likewise. */
#include "jump_way.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    RUN_COMMAND = 0,
    GET_TREE = 4,
    ANSWER_MAX = 8 << 20,
    DEPTH_MAX = 64,
    ANCESTORS_MAX = 32,
    WAIT_S = 1
};

struct header {
    char magic[6];
    uint32_t length, type;
} __attribute__((packed));

static bool read_all(int fd, void *to, size_t size)
{
    for (size_t got = 0; got < size;) {
        ssize_t n = read(fd, (char *)to + got, size - got);
        if (n <= 0 && !(n < 0 && errno == EINTR))
            return false;
        got += n > 0 ? (size_t)n : 0;
    }
    return true;
}

static int sway_connect(void)
{
    const struct timeval limit = {.tv_sec = WAIT_S};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = getenv("SWAYSOCK");
    if (!path || !jump_own_socket(path) || strlen(path) >= sizeof address.sun_path)
        return -1;
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    close(fd);
    return -1;
}

/* One question, its answer; NULL: none came. */
static json_t *ask(int fd, uint32_t type, const char *payload)
{
    struct header header = {.length = (uint32_t)strlen(payload), .type = type};
    memcpy(header.magic, "i3-ipc", 6);
    if (write(fd, &header, sizeof header) != sizeof header ||
        write(fd, payload, header.length) != (ssize_t)header.length ||
        !read_all(fd, &header, sizeof header) || header.length > ANSWER_MAX)
        return NULL;
    char *text = malloc(header.length + 1);
    if (!text)
        abort();
    json_t *answer =
        read_all(fd, text, header.length) ? json_loadb(text, header.length, 0, NULL) : NULL;
    free(text);
    return answer;
}

/* Windows of a process: how many, and the last one's id. */
static int windows_of(const json_t *node, int64_t pid, int depth, int64_t *id)
{
    static const char *const lists[] = {"nodes", "floating_nodes"};
    int n = 0;
    if (depth > DEPTH_MAX)
        return 0;
    if (json_integer_value(json_object_get(node, "pid")) == pid) {
        *id = json_integer_value(json_object_get(node, "id"));
        n++;
    }
    for (int i = 0; i < 2; i++) {
        size_t at;
        const json_t *child;
        json_array_foreach(json_object_get(node, lists[i]), at, child)
        {
            n += windows_of(child, pid, depth + 1, id);
        }
    }
    return n;
}

static void focus(int fd, int64_t id, struct jump_result *result)
{
    char command[64];
    snprintf(command, sizeof command, "[con_id=%lld] focus", (long long)id);
    json_t *answer = ask(fd, RUN_COMMAND, command);
    result->ok = json_is_true(json_object_get(json_array_get(answer, 0), "success"));
    if (!result->ok)
        jump_fail(result, "sway did not bring its window to the front");
    json_decref(answer);
}

void jump_sway(const struct jump_place *place, struct jump_result *result)
{
    int64_t id = 0, pid = place->pid;
    int n = 0;

    result->by = "sway";
    int fd = sway_connect();
    json_t *tree = fd < 0 ? NULL : ask(fd, GET_TREE, "");
    for (int i = 0; tree && pid > 1 && n == 0 && i < ANCESTORS_MAX; i++, pid = jump_parent(pid))
        n = windows_of(tree, pid, 0, &id);
    if (!tree)
        jump_fail(result, "sway does not answer");
    else if (n == 0)
        jump_fail(result, "none of sway's windows belongs to it");
    else if (n > 1)
        jump_fail(result, "its terminal has %d windows, and which of them shows it is not known", n);
    else
        focus(fd, id, result);
    json_decref(tree);
    if (fd >= 0)
        close(fd);
}
