/* Lists of numbers. */
#include "spec/number_list.h"

#include <string.h>

/* The digits at *at, which moves on behind them. */
static bool take_number(const char **at, unsigned *ret)
{
	unsigned n = 0;
	const char *first = *at;

	for (; **at >= '0' && **at <= '9'; ++*at) {
		n = n * 10 + (unsigned)(**at - '0');
		if (n >= NUMBER_LIST_MAX)
			return false;
	}
	*ret = n;
	return *at > first;
}

static void add(struct number_list *list, unsigned n)
{
	uint64_t bit = 1ull << (n % 64);

	list->count += !(list->bits[n / 64] & bit);
	list->bits[n / 64] |= bit;
	list->end = n >= list->end ? n + 1 : list->end;
}

bool number_list_read(const char *text, struct number_list *ret)
{
	unsigned first, last;

	memset(ret, 0, sizeof(*ret));
	for (;; text++) {
		if (!take_number(&text, &first))
			return false;
		last = first;
		if (*text == '-' && (text++, !take_number(&text, &last)))
			return false;
		if (last < first)
			return false;
		for (; first <= last; first++)
			add(ret, first);
		if (*text != ',')
			return *text == '\0';
	}
}
