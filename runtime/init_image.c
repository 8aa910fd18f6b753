/* The program of the child, as bytes: the Makefile builds it first and names it. */
#include "runtime/init_image.h"

/* clang-format off */
__asm__(".section .rodata.init_image, \"a\"\n"
	".balign 4096\n"
	".globl init_image\n"
	".hidden init_image\n"
	"init_image:\n"
	".incbin \"" INIT_IMAGE "\"\n"
	".Linit_image_end:\n"
	".balign 8\n"
	".globl init_image_size\n"
	".hidden init_image_size\n"
	"init_image_size:\n"
	".quad .Linit_image_end - init_image\n"
	".previous\n");
/* clang-format on */
