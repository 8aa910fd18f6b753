/* The least that a container can run. */
int main(void)
{
	return 0;
}
