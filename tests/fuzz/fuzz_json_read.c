/* fuzz_json_read.c: any bytes that pass message_scan(): what our reader takes, jansson takes to the same value. */
#include "json_read.h"
#include "message.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct refusal refusal;
    if (message_scan(text, size, &refusal) < 0)
        return 0;
    json_t *ours = json_read(text, size, MESSAGE_DEPTH_MAX);
    if (!ours)
        return 0;
    json_t *theirs = json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
    if (!theirs || !json_equal(ours, theirs))
        abort();
    json_decref(theirs);
    json_decref(ours);
    return 0;
}
