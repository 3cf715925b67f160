/* replay.h: `quietbell replay`: plays a recording through the mapping and the rules with a virtual clock, and
 * prints what would have happened; or a journal (replay_journal.h). Needs no daemon and touches nothing but its
 * arguments. */
#ifndef ROUTER_REPLAY_H
#define ROUTER_REPLAY_H

#include <stdbool.h>

/* width: of the terminal, 0: a pipe. argv[0] is "replay". Exit code: 0; 1 a file cannot be read, the configuration has problems, or lines were
 * refused (the others were played); 2 wrong arguments. */
int replay_main(int argc, char **argv, int width, bool colour);

#endif
