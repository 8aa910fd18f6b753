/* The tables of config.json's parts: one file per part, put together in spec.c. */
#ifndef SPEC_FIELDS_H
#define SPEC_FIELDS_H

#include "spec/spec.h"

extern const struct field mount_fields[];
extern const struct field hooks_fields[];
extern const struct field namespace_fields[];
extern const struct field id_map_fields[];
extern const struct field device_fields[];
extern const struct field time_offset_fields[];
extern const struct field net_device_fields[];
/* scheduling.c */
extern const struct field scheduler_fields[];
extern const struct field io_priority_fields[];
extern const struct field cpu_affinity_fields[];
extern const struct field memory_policy_fields[];
extern const struct field personality_fields[];
extern const struct field rdt_fields[];

#endif
