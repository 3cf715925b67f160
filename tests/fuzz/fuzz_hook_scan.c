/* fuzz_hook_scan.c - libFuzzer target for the hook client's scanner (its sources are included).
 *
 *   clang -g -O1 -fsanitize=fuzzer,address,undefined -D_GNU_SOURCE tests/fuzz/fuzz_hook_scan.c
 *
 * The first byte picks the buffer's size (small ones make it shrink often) and the size of the
 * pieces. Held: the result does not depend on the pieces; what comes out as complete is one line of
 * valid UTF-8 without control characters, no larger than its buffer, that scans to itself.
 */
#include "../../plugins/agents/hook_number.c"

#include "../../plugins/agents/hook_text.c"

#include "../../plugins/agents/hook_scan.c"

#include <stdlib.h>
#include <string.h>

static enum scan_result scan_pieces(struct scan *scan, char *out, size_t cap, const char *bytes,
                                    size_t n, size_t piece)
{
    scan_init(scan, out, cap);
    while (n > 0) {
        size_t now = n < piece ? n : piece;
        char *exact = malloc(now); /* so that a read beyond the piece is seen */
        memcpy(exact, bytes, now);
        scan_feed(scan, exact, now);
        free(exact);
        bytes += now;
        n -= now;
    }
    return scan_end(scan);
}

#define HOLD(what)                                                                                 \
    do {                                                                                           \
        if (!(what))                                                                               \
            abort();                                                                               \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    size_t cap = SCAN_ROOM + 1 + (data[0] >> 4) * (size_t)(data[0] >> 4) * 64;
    size_t piece = 1 + (data[0] & 15) * 7u;
    const char *bytes = (const char *)data + 1;
    size_t n = size - 1;
    char *whole_out = malloc(cap), *pieces_out = malloc(cap), *again_out = malloc(cap + SCAN_ROOM + 1);
    struct scan whole, pieces, again;

    enum scan_result result = scan_pieces(&whole, whole_out, cap, bytes, n, n ? n : 1);
    HOLD(result == scan_pieces(&pieces, pieces_out, cap, bytes, n, piece));
    if (result == SCAN_COMPLETE) {
        HOLD(whole.len <= cap && whole.len == pieces.len && !memcmp(whole_out, pieces_out, whole.len));
        for (size_t i = 0, len; i < whole.len; i += len) {
            len = text_char_len((unsigned char *)whole_out + i, whole.len - i);
            HOLD(len > 0 && (unsigned char)whole_out[i] >= 0x20);
        }
        HOLD(scan_pieces(&again, again_out, cap + SCAN_ROOM + 1, whole_out, whole.len, 13) ==
             SCAN_COMPLETE);
        HOLD(again.level == 0 || whole.values >= SCAN_VALUES);
        HOLD(again.len == whole.len && !memcmp(again_out, whole_out, whole.len));
    }
    free(whole_out);
    free(pieces_out);
    free(again_out);
    return 0;
}
