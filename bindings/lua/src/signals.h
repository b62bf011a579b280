/* SIGINT and SIGTERM stop the servers that ask for it. */
#ifndef WSGILUA_SIGNALS_H
#define WSGILUA_SIGNALS_H

#include "shared.h"

/* From here on the signals stop this server, until signals_release. 0, or -1: too many servers ask
 * for them. Doing it twice is fine. */
int signals_take(shared *server);

/* When the last one has released them the signals are what they were before. */
void signals_release(shared *server);

#endif
