/* The command `cow density`: an experiment from its words and files to its results. */
#ifndef CMD_DENSITY_DENSITY_H
#define CMD_DENSITY_DENSITY_H

#include "cmd/commands.h"

extern const struct command density_command;

#endif
