/* store_known.c: which messages were taken already (store.h).
 *
 * A message may come twice: read from the socket, and from the spool because the hook gave up
 * waiting. The newest ids are kept in a ring, found by id alone. `complete_after_ms` is the newest
 * stamp that ever left the ring (or was not read at open): a message stamped later is here or
 * nowhere. That holds whatever the clock did, because a repeated message carries its stamp with it.
 * Older ones are asked of SQLite by (stamp, id): that index grows at its end, where one by the
 * random id alone would touch a page per message and cost more than the message itself. */
#include "store_inside.h"

#include <stdlib.h>
#include <string.h>

enum { N_SLOTS = 2 * STORE_IDS };

static unsigned slot_of(const struct known *known, uint64_t message_id)
{
    uint64_t h = message_id ^ known->salt;
    h = (h ^ h >> 33) * UINT64_C(0xff51afd7ed558ccd);
    h = (h ^ h >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
    return (unsigned)(h ^ h >> 33) % N_SLOTS;
}

/* The slot that holds the id, or the empty one where it belongs. */
static unsigned find_slot(const struct known *known, uint64_t message_id)
{
    unsigned at = slot_of(known, message_id);
    while (known->slots[at] && known->ring[known->slots[at] - 1].message_id != message_id)
        at = (at + 1) % N_SLOTS;
    return at;
}

/* Empties a slot and moves up those behind it that would not be found any more. */
static void empty_slot(struct known *known, unsigned hole)
{
    known->slots[hole] = 0;
    for (unsigned at = (hole + 1) % N_SLOTS; known->slots[at]; at = (at + 1) % N_SLOTS) {
        unsigned home = slot_of(known, known->ring[known->slots[at] - 1].message_id);
        if ((at - home) % N_SLOTS < (at - hole) % N_SLOTS)
            continue;
        known->slots[hole] = known->slots[at];
        known->slots[at] = 0;
        hole = at;
    }
}

static void forget_oldest(struct known *known)
{
    struct known_id *oldest = &known->ring[(known->head + STORE_IDS - known->n) % STORE_IDS];
    empty_slot(known, find_slot(known, oldest->message_id));
    if (known->complete || oldest->at_wall_ms > known->complete_after_ms)
        known->complete_after_ms = oldest->at_wall_ms;
    known->complete = false;
    known->n--;
}

static void add(struct known *known, const struct known_id *id)
{
    unsigned at = find_slot(known, id->message_id);
    if (known->slots[at]) {
        known->ring[known->slots[at] - 1].seq = id->seq;
        return;
    }
    if (known->n == STORE_IDS) {
        forget_oldest(known);
        at = find_slot(known, id->message_id);
    }
    known->ring[known->head] = *id;
    known->slots[at] = (uint16_t)(known->head + 1);
    known->head = (known->head + 1) % STORE_IDS;
    known->n++;
}

void known_init(struct known *known)
{
    known->ring = malloc(STORE_IDS * sizeof *known->ring);
    known->slots = calloc(N_SLOTS, sizeof *known->slots);
    if (!known->ring || !known->slots)
        abort();
    /* Ids are the senders' to choose; where we lie in memory is not, so they cannot aim at one
     * slot. */
    known->salt = (uint64_t)(uintptr_t)known->ring * UINT64_C(0x9e3779b97f4a7c15);
    known->complete = true;
}

void known_release(struct known *known)
{
    free(known->ring);
    free(known->slots);
}

int known_load(struct store *store)
{
    static const char sql[] = "SELECT message_id,at_wall_ms,seq FROM input WHERE message_id IS NOT NULL"
                              " ORDER BY at_wall_ms DESC,message_id DESC LIMIT ?";
    struct known *known = &store->known;
    struct known_id *newest = malloc(STORE_IDS_OPEN * sizeof *newest);
    sqlite3_stmt *row = NULL;
    int n = 0;
    if (!newest)
        abort();
    memset(known->slots, 0, N_SLOTS * sizeof *known->slots);
    known->head = known->n = 0;
    int rc = sqlite3_prepare_v2(store->reader, sql, -1, &row, NULL);
    sqlite3_bind_int(row, 1, STORE_IDS_OPEN);
    while (rc == SQLITE_OK && (rc = sqlite3_step(row)) == SQLITE_ROW && n < STORE_IDS_OPEN) {
        newest[n++] =
            (struct known_id){(uint64_t)sqlite3_column_int64(row, 0),
                              (uint64_t)sqlite3_column_int64(row, 2), sqlite3_column_int64(row, 1)};
        rc = SQLITE_OK;
    }
    sqlite3_finalize(row);
    known->complete = n < STORE_IDS_OPEN;
    known->complete_after_ms = n ? newest[n - 1].at_wall_ms : INT64_MIN;
    while (n)
        add(known, &newest[--n]);
    free(newest);
    return store_fail(store, store->reader, rc, "reading");
}

void store_remember(struct store *store, uint64_t message_id, int64_t at_wall_ms, uint64_t seq)
{
    if (message_id)
        add(&store->known, &(struct known_id){message_id, seq, at_wall_ms});
}

uint64_t store_known(struct store *store, uint64_t message_id, int64_t at_wall_ms)
{
    struct known *known = &store->known;
    unsigned at = find_slot(known, message_id);
    if (!message_id)
        return 0;
    if (known->slots[at])
        return known->ring[known->slots[at] - 1].seq;
    if (known->complete || at_wall_ms > known->complete_after_ms || !store->reader)
        return 0;
    int rc = SQLITE_OK;
    if (!store->find_id)
        rc = sqlite3_prepare_v3(store->reader,
                                "SELECT seq FROM input WHERE at_wall_ms=? AND message_id=?", -1,
                                SQLITE_PREPARE_PERSISTENT, &store->find_id, NULL);
    uint64_t seq = 0;
    if (rc == SQLITE_OK) {
        sqlite3_bind_int64(store->find_id, 1, at_wall_ms);
        sqlite3_bind_int64(store->find_id, 2, (int64_t)message_id);
        rc = sqlite3_step(store->find_id);
        if (rc == SQLITE_ROW)
            seq = (uint64_t)sqlite3_column_int64(store->find_id, 0);
        sqlite3_reset(store->find_id);
    }
    store_fail(store, store->reader, rc, "reading");
    return seq;
}
