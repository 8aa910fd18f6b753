/* Programs of the host by their names, as execvp() looks for them. */
#ifndef RUNTIME_SEARCH_H
#define RUNTIME_SEARCH_H

#include <stdbool.h>

/* Its absolute path; directories of PATH that are not absolute are passed over. */
bool search_program(const char *name, char out[4096]);

#endif
