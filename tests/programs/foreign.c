/* A 32-bit program that sleeps; on a host without such, one that ends at once. */
#ifdef __i386__
__asm__(".globl _start\n"
	"_start:\n"
	"\tmovl $29, %eax\n" /* pause */
	"\tint $0x80\n"
	"\tjmp _start\n");
#else
int main(void)
{
	return 1;
}
#endif
