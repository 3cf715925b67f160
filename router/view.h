/* view.h: the core's nouns as JSON, for the client, for plugins and for whoever reads `--json`.
 *
 * Keys are the words of design.md section 2. Instants are wall milliseconds and end `_ms`; ids are texts
 * ("17.0"); a session's "session" is the agent's own id. Every text is inert (plain.h). Each function
 * gives a new reference and never NULL: out of memory aborts. */
#ifndef ROUTER_VIEW_H
#define ROUTER_VIEW_H

#include "rules/rules.h"

#include <jansson.h>

/* {"id","session","agent","host","state","repository","worktree","branch","cwd","task","where","place",
 *  "pid","since_ms","started_ms","seen_ms","silent_ms"?,"needs":[…]}; `needs` false leaves that member out.
 *  silent_ms: it works, and has not been heard of for so long that it is worth a look. */
json_t *view_session(const struct rules *rules, const struct moment *now,
                     const struct session *session, bool needs);

/* {"id","session","agent","host","repository","worktree","branch","where","place","kind","urgency","title",
 *  "text","tool","opened_ms","count","state":"open|acked|snoozed|resolved","until_ms"?,"told","told_ms"?,
 *  "receivers","delivered","alerts","decision":"tell|hold|drop|withdraw","why","due_ms"?,
 *  "resolved_ms"?,"resolved_by"?,"reasons":[{"kind","thread","request","title","text","tool","opened_ms",
 *  "count"}]} */
json_t *view_need(const struct rules *rules, const struct moment *now, const struct need *need);

/* {"id","receiver","key","group","version","urgency","open","audible","delivery","delivered","needs":[ids]} */
json_t *view_alert(const struct rules *rules, const struct alert *alert);

/* {"receiver","declared","up","down_ms"?,"trouble"?,"can":[…],"give_up_ms","fallback"?} */
json_t *view_receiver(const struct rules *rules, const struct moment *now,
                      const struct receiver *receiver);

/* {"focus","on","by":"hand|schedule","since_ms"?,"until_ms"?}; until: when it ends, or if off begins */
json_t *view_focus(const struct moment *now, const struct focus *focus);

/* The steps of a need's judgement: [{"sentence","rule"?,"file"?,"line"?}, …]; in the order of rules.md section 5. */
json_t *view_steps(const struct rules *rules, const struct moment *now, const struct need *need);
/* An explain_cb: one of them, added to the array `arg`. */
void view_step(void *arg, const char *sentence, const struct rule *rule);

/* Where the person finds a session again: what is known of it, maybe {}. */
json_t *view_place(const struct session *session);

/* What an alert was grouped by, for a person: "payments", "" for everything, "*" for a gathered one. */
const char *view_key(const struct alert *alert);

/* A steady instant as wall time. */
int64_t view_wall_ms(const struct moment *now, int64_t steady_ms);

/* Sets a member; takes the reference; aborts where jansson cannot. */
void view_set(json_t *object, const char *key, json_t *value);
/* Appends to an array, likewise. */
void view_add(json_t *array, json_t *value);
json_t *view_object(void);
json_t *view_array(void);

/* {"ok":true, key: value}; takes the reference. */
json_t *view_answer(const char *key, json_t *value);
/* {"ok":false,"error":…} */
json_t *view_refusal(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
