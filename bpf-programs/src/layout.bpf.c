// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Never loaded. A structure that is only reserved in a ring buffer leaves no trace in the BTF of a
 * program, so this object names each one: tools/generate-layout.ts reads the record layout from here.
 */
#include <tcptracker/event.h>

#define NAMED(kind, name) const kind name *name##_named

NAMED(struct, tt_record);
NAMED(struct, tt_open);
NAMED(struct, tt_data);
NAMED(struct, tt_gap);
NAMED(struct, tt_close);
NAMED(struct, tt_connection);
NAMED(struct, tt_filter_input);

NAMED(enum, tt_record_type);
NAMED(enum, tt_direction);
NAMED(enum, tt_role);
NAMED(enum, tt_joined);
NAMED(enum, tt_network);
NAMED(enum, tt_gap_cause);
NAMED(enum, tt_shutdown);
NAMED(enum, tt_compared);
NAMED(enum, tt_verdict);
NAMED(enum, tt_limit);
NAMED(enum, tt_stage);
NAMED(enum, tt_syscall);
NAMED(enum, tt_counter);
