/* Bars and lines. */
#include "cmd/top/graph.h"

static const char *const spark_blocks[] = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
static const char *const spark_ascii[] = { "_", ".", "-", "=", "+", "*", "%", "#" };

#define N_LEVELS ((int)(sizeof(spark_blocks) / sizeof(spark_blocks[0])))

const struct bar_part bar_private = { 0, LOOK_PRIVATE, '#', "█" };
const struct bar_part bar_shared = { 0, LOOK_SHARED, '=', "▒" };

/* How many of `width` columns end at or before `value`; rounded to the nearest. */
static int columns_of(uint64_t value, uint64_t full, int width)
{
	if (!full)
		return 0;
	double share = (double)value / (double)full;
	int n = (int)(share * width + 0.5);
	return n > width ? width : n;
}

static int put_repeated(
	struct canvas *c, int row, int column, int n, unsigned look, const char *text)
{
	for (int i = 0; i < n; i++)
		canvas_put(c, row, column + i, 1, look, text);
	return n;
}

void bar_put(struct canvas *c, int row, int column, int width, uint64_t full,
	const struct bar_part *parts, size_t n_parts)
{
	bool blocks = canvas_has_blocks();
	uint64_t sum = 0;
	int at = 0;

	for (size_t i = 0; i < n_parts; i++) {
		const char ascii[2] = { parts[i].ascii, '\0' };
		sum += parts[i].value;
		int end = columns_of(sum, full, width);
		if (end <= at && parts[i].value && at < width)
			end = at + 1;
		at += put_repeated(c, row, column + at, end > at ? end - at : 0, parts[i].look,
			blocks ? parts[i].block : ascii);
	}
	put_repeated(c, row, column + at, width - at, LOOK_DIM, blocks ? "░" : ".");
}

static int level_of(uint64_t value, uint64_t low, uint64_t high)
{
	if (value <= low || high <= low)
		return 0;
	double share = (double)(value - low) / (double)(high - low);
	int level = (int)(share * (N_LEVELS - 1) + 0.5);
	return level < N_LEVELS ? level : N_LEVELS - 1;
}

void spark_put(struct canvas *c, int row, int column, int width, unsigned look,
	const uint64_t *samples, size_t n, uint64_t low, uint64_t high)
{
	const char *const *levels = canvas_has_blocks() ? spark_blocks : spark_ascii;
	size_t shown = width > 0 && n > (size_t)width ? (size_t)width : n;

	if (width <= 0)
		return;
	for (size_t i = 0; i < shown; i++)
		canvas_put(c, row, column + width - (int)(shown - i), 1, look,
			levels[level_of(samples[n - shown + i], low, high)]);
}
