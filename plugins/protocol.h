/* protocol.h - the words of the plugin protocol, version 1.
 *
 * A plugin is a program of its own, one process per receiver. One JSON object per line on its stdin
 * (from the host, that is quietbelld) and stdout (to the host); stderr is its log. The manual page
 * quietbell-plugin(7) says the same for authors in other languages. Every message has "type";
 * unknown keys are ignored, unknown types logged and ignored.
 *
 *   host                                     plugin
 *   hello  {protocol receiver settings}  ->
 *                                        <-  manifest {protocol name version role can}
 *                                        <-  ready                         serving from here
 *   deliver | update | withdraw {id ..}  ->
 *                                        <-  result {id outcome ..}        exactly one each
 *                                        <-  acted {alert version action}  unasked: a button was pressed
 *                                        <-  closed {alert version by}     unasked: it left the screen
 *                                        <-  event {id ..}                 unasked: a sensor
 *                                        <-  presence {..} | signals {..}  unasked: the presence sensor
 *                                        <-  file {id ..}                  unasked: the file watch
 *   ack {id ok seq|error}                ->                                answers an event or file, committed
 *   folders {..} | switch {..}           ->                                to the presence sensor only
 *   stop, or the end of stdin            ->  finishes and exits with 0
 */
#ifndef QUIETBELL_PROTOCOL_H
#define QUIETBELL_PROTOCOL_H

/* Another number in `hello` or `manifest` disables the plugin, with the reason. */
#define PROTOCOL_VERSION 1

/* Limits. A line that is longer is reported once and skipped, in both directions. */
#define PROTOCOL_LINE_MAX (256 * 1024) /* bytes of one line, without its newline */
#define PROTOCOL_NEEDS_MAX 50          /* needs listed in one alert; "more" counts the others */
#define PROTOCOL_REASON_MAX 300 /* bytes of a result's "reason" worth sending; the host cuts too */

/* ---- host -> plugin ---------------------------------------------------------------------- */

/* hello: the first line, once.
 *   protocol  integer  PROTOCOL_VERSION
 *   receiver  string   the receiver's name in the configuration
 *   settings  object   the receiver's keys as written, all of them; KEY_file was read and is
 *                      handed as KEY; a duration KEY of a plugin we ship comes as KEY_ms,
 *                      an integer, too. May hold secrets: never print one. A key the plugin
 *                      does not know is ignored. */
#define PROTOCOL_HELLO "hello"

/* deliver: the first version of an alert; or any version, for a plugin that cannot "update".
 * update:  a newer version of an alert this receiver was given before; only if the plugin can
 *          "update". After a restart of the plugin an update may name an alert it does not know: it
 *          shows it then as it would a new one.
 *   id     string  of this delivery; comes back in `result`
 *   alert  object  an ALERT, below */
#define PROTOCOL_DELIVER "deliver"
#define PROTOCOL_UPDATE "update"

/* withdraw: take the alert back; only if the plugin can "withdraw". An unknown alert is withdrawn
 *           already: delivered.
 *   id     string
 *   alert  object  {"id": string, "version": integer} */
#define PROTOCOL_WITHDRAW "withdraw"

/* ack: answers an `event` after its commit.
 *   id     string   the event's id
 *   ok     boolean
 *   seq    integer  its sequence number, if ok
 *   error  string   why not, if not ok; with "retry": true it may be sent again */
#define PROTOCOL_ACK "ack"

/* folders: to the presence sensor only: where sessions live, for commits; all of them, each time it changes.
 *   folders  array  objects: path (absolute), working (an agent is at work there) */
#define PROTOCOL_FOLDERS "folders"

/* switch: to the presence sensor only: the person switched by hand the focus that follows the desktop.
 *   dnd  boolean  the desktop's own do-not-disturb is to be on */
#define PROTOCOL_SWITCH "switch"

/* stop: no members. The end of stdin means the same. */
#define PROTOCOL_STOP "stop"

/* ---- plugin -> host ---------------------------------------------------------------------- */

/* manifest: answers hello.
 *   protocol  integer  PROTOCOL_VERSION
 *   name      string   of the plugin
 *   version   string   of the plugin, for logs
 *   role      string   "sender" or "sensor"
 *   can       array    of "update", "withdraw"; [] for a channel that cannot edit what it sent */
#define PROTOCOL_MANIFEST "manifest"
#define PROTOCOL_ROLE_SENDER "sender"
#define PROTOCOL_ROLE_SENSOR "sensor"
#define PROTOCOL_CAN_UPDATE "update"
#define PROTOCOL_CAN_WITHDRAW "withdraw"

/* ready: no members. Nothing is delivered before it. */
#define PROTOCOL_READY "ready"

/* result: exactly one for each deliver, update and withdraw. One attempt: the host alone retries.
 *   id        string
 *   outcome   string   one of the three below
 *   after_ms  integer  with retry, optional: not before this many milliseconds (Retry-After)
 *   reason    string   with retry and failed: a short sentence for the person, without secrets */
#define PROTOCOL_RESULT "result"
#define PROTOCOL_DELIVERED "delivered" /* it is there */
#define PROTOCOL_RETRY "retry"         /* it is not, and may succeed later */
#define PROTOCOL_FAILED "failed"       /* it is not, and will not: say what the person has to do */

/* acted: the person pressed a button.
 *   alert    string   the alert's id
 *   version  integer  the version that was shown when it was pressed
 *   action   string   one of the three below
 *   for_ms   integer  with snooze: for how long; optional */
#define PROTOCOL_ACTED "acted"
#define PROTOCOL_ACKNOWLEDGE "acknowledge" /* seen: not told again until a new reason */
#define PROTOCOL_SNOOZE "snooze"           /* not now */
#define PROTOCOL_OPEN "open"               /* take me to its place */

/* closed: the alert left the screen, for another reason than `withdraw` or a button.
 *   alert    string
 *   version  integer
 *   by       string   one of the three below */
#define PROTOCOL_CLOSED "closed"
#define PROTOCOL_BY_PERSON "person" /* dismissed by hand: acknowledges every need in that version */
#define PROTOCOL_BY_EXPIRED "expired" /* timed out: says nothing about the person */
#define PROTOCOL_BY_SERVER "server"   /* the notification server went away or cleaned up */

/* event: a fact about a session, as on the socket.
 *   id     string   16 hexadecimal digits, unique; comes back in `ack`
 *   at_ms  integer  wall clock, optional
 *   agent session state kind title text context ...  see quietbell(1) */
#define PROTOCOL_EVENT "event"

/* file: what was seen in a file. Of the host's own file watch only.
 *   id       string   as with event
 *   at_ms    integer  when it was seen
 *   path     string   absolute
 *   format   string   "json", "json-lines" or "log"
 *   content  string   a whole file of JSON, or one new line; null: the file is gone
 *   gone     boolean  the same: it is gone
 *   head     string   optional: values of its first line, as the settings ask for */
#define PROTOCOL_FILE "file"

/* presence: what a sensor knows of the person. Every member is optional: one that is missing says nothing, and
 *           what was said stands. A sensor sends what has changed, and all it knows once after `ready`.
 *   state       string   "active", "idle", "locked" or "away"
 *   dnd         boolean  the desktop's own do-not-disturb is on
 *   microphone  boolean  a microphone is in use: a call
 *   front       object   the place in front of the person: tmux, pane, window, tty, those that are known; {}: none.
 *                        Each a string of at most PROTOCOL_PLACE_MAX bytes
 *   breakpoint  string   the person has just finished something: "a commit"; at most PROTOCOL_PLACE_MAX bytes
 * Of reports that come faster than the host commits, the newest of each member counts. */
#define PROTOCOL_PRESENCE "presence"
#define PROTOCOL_PLACE_MAX 512

/* signals: what a presence sensor can see, for `quietbell doctor`.
 *   signals  object  name: one line of text; of what is not there it begins with "no " */
#define PROTOCOL_SIGNALS "signals"

/* calendar: what a calendar says, expanded. Of the host's own calendar sensor only; answered with an ack.
 *   id       string   as with event
 *   focus    string   whose calendar it is
 *   busy     array    of [from_ms, until_ms], at most 512; or:
 *   problem  string   why the file cannot be used
 *   notes    array    optional: strings, what was left out */
#define PROTOCOL_CALENDAR "calendar"

/* ---- ALERT, the object in deliver and update -----------------------------------------------
 *   id       string   stable over all versions, never used again; with "version" a key to drop
 *                     duplicates by
 *   version  integer  1, 2, 3..; a lower one than shown is stale
 *   audible  boolean  false: show it, make no sound, raise no new popup for it
 *   urgency  string   "low", "normal" or "critical"
 *   title    string   one line of plain text: "payments: permission"
 *   body     string   plain text, "\n" between lines
 *   at_ms    integer  wall clock of this version
 *   key      string   what the alert was grouped by: "payments"; "*" for a gathered one
 *   more     integer  optional: needs beyond the PROTOCOL_NEEDS_MAX listed
 *   needs    array    in the order to do them, each an object:
 *     id          string   of the need
 *     kind        string   permission question plan login review failure limit stalled custom
 *     agent       string   "claude-code"
 *     session     string   the agent's own session id
 *     host        string   "" on this machine
 *     repository worktree branch   strings, "" when unknown
 *     title text  strings  what is asked, one line each or more, in the agent's words
 *     opened_ms   integer  wall clock
 *     count       integer  how often it was asked
 *     place       object   optional: tmux pane window kitty wezterm tty host, those that are known
 *
 * title, body and all texts of needs come from agents. The router took control characters out; a
 * plugin still escapes for its own medium (markup, Slack, terminal). */

#endif
