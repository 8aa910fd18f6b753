/*
 * The files of cmd/page/ as text, and their hashes, which the Makefile makes beside the objects and the
 * assembler is told to look for there.
 */
#include "cmd/page.h"

/* clang-format off */
#define FILE_AS(symbol, path)                                                                      \
	__asm__(".section .rodata.page, \"a\"\n"                                                   \
		".globl " #symbol "\n.hidden " #symbol "\n"                                        \
		#symbol ":\n.incbin \"" path "\"\n.byte 0\n.previous\n");                          \
	extern const char symbol[];
#define PART(name, file)                                                                           \
	FILE_AS(name##_text, "cmd/page/" file)                                                     \
	FILE_AS(name##_hash, file ".hash")                                                         \
	const struct page_part name = { name##_text, name##_hash };
/* clang-format on */

PART(page_html, "page.html")
PART(page_css, "page.css")
PART(page_js, "page.js")
PART(page_table_js, "table.js")
PART(page_bars_js, "bars.js")
PART(page_heat_js, "heat.js")
PART(page_memory_js, "memory.js")
PART(page_lines_js, "lines.js")
PART(page_density_js, "density.js")
