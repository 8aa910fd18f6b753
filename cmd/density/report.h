/* The report: report.html in the results, one page for a browser, of everything else that is there. */
#ifndef CMD_DENSITY_REPORT_H
#define CMD_DENSITY_REPORT_H

#include "cmd/density/summary.h"

int report_make(const struct results *r, const struct summary *s, struct err *e);

#endif
