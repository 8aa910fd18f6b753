/*
 * A seccomp filter, made shorter. Theory of operation:
 *
 * Jumps of classic BPF go forward only, so a program is a graph without circles. It is read from its
 * end to its beginning into nodes. Of two that are the same one is made: places can be compared by
 * their numbers, and what several calls or architectures do alike is there once.
 * At each load of the call's number, what follows is walked with the range of numbers that get
 * there, until an instruction that is not a comparison of the number with a constant: a leaf, which
 * finds what it found before. The leaves become a tree.
 * At the end the nodes that can be reached are written, from the last to the first, since a jump must
 * know how far its target is.
 */
#include "runtime/optimizer.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>

#include "runtime/filter.h"
#include "spec/base/own.h"

enum {
	NODES_MAX = 8 * FILTER_MAX,
	NAMES = 2 * NODES_MAX, /* a power of two, more than there can be nodes */
	STEPS_MAX = 4 << 20,   /* of all walks: some milliseconds */
	EXCEPTIONS_MAX = 4,    /* one after the other: with more, another bound is better */
	JUMP_MAX = 255,	       /* instructions that a conditional jump can pass over */
};

/* An instruction. One that is no jump has its successor in `then`; a return has none. */
struct node {
	uint16_t code, then, otherwise;
	uint32_t k;
};

/* Numbers from here to the next one's do the same. */
struct range {
	uint64_t from;
	uint16_t leaf;
};

/* Ranges of one leaf, but for single numbers among them that have others. */
struct run {
	size_t first, end;
};

struct graph {
	struct node nodes[NODES_MAX]; /* 0 is none */
	uint16_t names[NAMES];	      /* to find a node by its content */
	size_t n_nodes;
	struct range ranges[FILTER_MAX + 1];
	struct run runs[FILTER_MAX];
	size_t n_ranges;
	size_t steps;
	bool failed; /* too large: the filter stays as it is */

	struct sock_filter out[FILTER_MAX]; /* from its end */
	size_t n_out;
	uint16_t places[NODES_MAX]; /* of nodes that are written: n_out then, which is not 0 */
};

/* Whether it begins with another accumulator than it finds. */
static bool forgets(const struct node *x)
{
	return BPF_CLASS(x->code) == BPF_LD || x->code == (BPF_RET | BPF_K);
}

/* --- nodes ---------------------------------------------------------------------------------------
 */

/* The node of this content: the one that is there, or a new one. */
static uint16_t node_of(
	struct graph *g, uint16_t code, uint32_t k, uint16_t then, uint16_t otherwise)
{
	uint32_t name =
		(code * 31u + then) * 0x9e3779b1u ^ (k + otherwise * 0x10001u) * 0x85ebca6bu;
	for (name ^= name >> 15;; name++) {
		uint16_t at = g->names[name % NAMES];
		const struct node *x = &g->nodes[at];
		if (!at)
			break;
		if (x->code == code && x->k == k && x->then == then && x->otherwise == otherwise)
			return at;
	}
	if (g->n_nodes == NODES_MAX) {
		g->failed = true;
		return 1;
	}
	g->nodes[g->n_nodes] = (struct node){ code, then, otherwise, k };
	return g->names[name % NAMES] = (uint16_t)g->n_nodes++;
}

static uint16_t jump_node(
	struct graph *g, uint16_t code, uint32_t k, uint16_t then, uint16_t otherwise)
{
	const struct node *x = &g->nodes[otherwise];

	if (code != (BPF_JMP | BPF_JSET | BPF_K))
		return then == otherwise ? then : node_of(g, code, k, then, otherwise);
	/* One of these bits, or else one of those. */
	if (x->code == code && x->then == then)
		return node_of(g, code, k | x->k, then, x->otherwise);
	return then == otherwise || k == 0 ? otherwise : node_of(g, code, k, then, otherwise);
}

/* "and", "jeq": a "jset" where that is the same, which leaves the accumulator as it is. */
static uint16_t mask_node(struct graph *g, uint32_t mask, uint16_t next)
{
	const struct node *x = &g->nodes[next];
	bool is_bit = mask && (mask & (mask - 1)) == 0;

	if (x->code != (BPF_JMP | BPF_JEQ | BPF_K) || !forgets(&g->nodes[x->then]) ||
		!forgets(&g->nodes[x->otherwise]) || (x->k != 0 && (x->k != mask || !is_bit)))
		return node_of(g, BPF_ALU | BPF_AND | BPF_K, mask, next, 0);
	return x->k ? jump_node(g, BPF_JMP | BPF_JSET | BPF_K, mask, x->then, x->otherwise)
		    : jump_node(g, BPF_JMP | BPF_JSET | BPF_K, mask, x->otherwise, x->then);
}

/* The same where this word is already loaded: without loading it once more. */
static uint16_t loaded_node(struct graph *g, uint32_t word, uint16_t at)
{
	const struct node x = g->nodes[at];

	g->failed = g->failed || g->steps++ == STEPS_MAX;
	if (g->failed || (x.code == (BPF_LD | BPF_W | BPF_ABS) && x.k == word))
		return x.then;
	if (!x.otherwise)
		return at;
	uint16_t then = loaded_node(g, word, x.then);
	uint16_t otherwise = loaded_node(g, word, x.otherwise);
	return jump_node(g, x.code, x.k, then, otherwise);
}

/* --- ranges --------------------------------------------------------------------------------------
 */

static bool loads_number(const struct node *x)
{
	return x->code == (BPF_LD | BPF_W | BPF_ABS) && x->k == offsetof(struct seccomp_data, nr);
}

/* Whether the number alone decides where an instruction leads, and then between which two it is to
 * `then`; from > to: never. */
static bool decides(const struct node *x, uint32_t *from, uint32_t *to)
{
	*from = x->k;
	*to = UINT32_MAX;
	switch (x->code) {
	case BPF_JMP | BPF_JEQ | BPF_K:
		*to = x->k;
		return true;
	case BPF_JMP | BPF_JGE | BPF_K:
		return true;
	case BPF_JMP | BPF_JGT | BPF_K:
		if (x->k == UINT32_MAX)
			*to = 0;
		else
			*from = x->k + 1;
		return true;
	default:
		*from = 0;
		return loads_number(x);
	}
}

static void add_range(struct graph *g, uint32_t from, uint16_t leaf)
{
	if (g->n_ranges && g->ranges[g->n_ranges - 1].leaf == leaf)
		return;
	if (g->n_ranges == FILTER_MAX)
		g->failed = true;
	else
		g->ranges[g->n_ranges++] = (struct range){ from, leaf };
}

/* Where the numbers from `low` to `high` get from a node, in their order. */
static void walk(struct graph *g, uint16_t at, uint32_t low, uint32_t high)
{
	uint32_t from, to;

	while (!g->failed) {
		const struct node *x = &g->nodes[at];
		g->failed = g->steps++ == STEPS_MAX;
		if (!decides(x, &from, &to)) {
			add_range(g, low, at);
			return;
		} else if (high < from || low > to) {
			at = x->otherwise;
		} else if (low < from) {
			walk(g, x->otherwise, low, from - 1);
			low = from;
		} else if (high > to) {
			walk(g, x->then, low, to);
			low = to + 1;
			at = x->otherwise;
		} else {
			at = x->then;
		}
	}
}

/* --- trees ---------------------------------------------------------------------------------------
 */

static bool is_single(const struct graph *g, size_t i)
{
	return g->ranges[i + 1].from - g->ranges[i].from == 1;
}

/* Where the run that begins at a range ends: it goes on as long as single numbers lead back to its
 * leaf. */
static size_t end_of_run(const struct graph *g, size_t first)
{
	uint16_t leaf = g->ranges[first].leaf;
	size_t end = first + 1, exceptions = 0;

	for (;;) {
		size_t next = end;
		while (next < g->n_ranges && g->ranges[next].leaf != leaf && is_single(g, next))
			next++;
		exceptions += next - end;
		if (next == g->n_ranges || g->ranges[next].leaf != leaf ||
			exceptions > EXCEPTIONS_MAX)
			return end;
		end = next + 1;
	}
}

/* The exceptions one by one, then the leaf. */
static uint16_t run_node(struct graph *g, const struct run *run)
{
	uint16_t leaf = g->ranges[run->first].leaf, at = leaf;

	for (size_t i = run->end; i-- > run->first;)
		if (g->ranges[i].leaf != leaf)
			at = jump_node(g, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)g->ranges[i].from,
				g->ranges[i].leaf, at);
	return at;
}

static uint16_t tree_node(struct graph *g, const struct run *runs, size_t n)
{
	if (n == 1)
		return run_node(g, runs);
	uint16_t below = tree_node(g, runs, n / 2);
	uint16_t above = tree_node(g, runs + n / 2, n - n / 2);
	return jump_node(g, BPF_JMP | BPF_JGE | BPF_K, (uint32_t)g->ranges[runs[n / 2].first].from,
		above, below);
}

/* What comes after a load of the number, as a tree. */
static uint16_t number_node(struct graph *g, uint16_t at)
{
	size_t n = 0;

	g->n_ranges = 0;
	walk(g, at, 0, UINT32_MAX);
	if (g->failed)
		return at;
	g->ranges[g->n_ranges].from = (uint64_t)UINT32_MAX + 1;
	for (size_t first = 0; first < g->n_ranges; first = g->runs[n++].end)
		g->runs[n] = (struct run){ first, end_of_run(g, first) };
	return tree_node(g, g->runs, n);
}

/* --- in and out ----------------------------------------------------------------------------------
 */

static uint16_t load_node(struct graph *g, uint32_t word, uint16_t next)
{
	next = word == offsetof(struct seccomp_data, nr) ? number_node(g, next)
							 : loaded_node(g, word, next);
	return forgets(&g->nodes[next]) ? next
					: node_of(g, BPF_LD | BPF_W | BPF_ABS, word, next, 0);
}

/* An instruction's node; `next` is what is known of those behind it, n of them. */
static uint16_t read_one(
	struct graph *g, const struct sock_filter *x, const uint16_t *next, size_t n)
{
	if (BPF_CLASS(x->code) == BPF_RET)
		return node_of(g, x->code, x->k, 0, 0);
	if (n == 0 || x->jt >= n || x->jf >= n || (x->code == (BPF_JMP | BPF_JA) && x->k >= n)) {
		g->failed = true;
		return 0;
	}
	if (x->code == (BPF_JMP | BPF_JA))
		return next[x->k];
	if (BPF_CLASS(x->code) == BPF_JMP)
		return jump_node(g, x->code, x->k, next[x->jt], next[x->jf]);
	if (x->code == (BPF_ALU | BPF_AND | BPF_K))
		return mask_node(g, x->k, next[0]);
	if (x->code == (BPF_LD | BPF_W | BPF_ABS))
		return load_node(g, x->k, next[0]);
	return node_of(g, x->code, x->k, next[0], 0);
}

/* The node where the program begins; jumps without a condition are no nodes. */
static uint16_t read_program(struct graph *g, const struct sock_filter *code, size_t n)
{
	uint16_t nodes[FILTER_MAX];

	for (size_t i = n; i-- > 0 && !g->failed;)
		nodes[i] = read_one(g, &code[i], nodes + i + 1, n - i - 1);
	return g->failed ? 0 : nodes[0];
}

static void put(struct graph *g, uint16_t code, uint32_t k, size_t jt, size_t jf)
{
	if (g->n_out == FILTER_MAX)
		g->failed = true;
	else
		g->out[g->n_out++] = (struct sock_filter){ code, (uint8_t)jt, (uint8_t)jf, k };
}

/* How many instructions are between the next that is put, and a node. */
static size_t distance(const struct graph *g, uint16_t node)
{
	return g->n_out - g->places[node];
}

/* Lets the next that is put get to a node that is further away than this: by another of the same
 * return, or by a jump. */
static void bring_near(struct graph *g, uint16_t node, size_t far)
{
	if (distance(g, node) <= far)
		return;
	if (BPF_CLASS(g->nodes[node].code) == BPF_RET)
		put(g, g->nodes[node].code, g->nodes[node].k, 0, 0);
	else
		put(g, BPF_JMP | BPF_JA, (uint32_t)distance(g, node), 0, 0);
	g->places[node] = (uint16_t)g->n_out;
}

static void write_node(struct graph *g, uint16_t node)
{
	const struct node *x = &g->nodes[node];

	if (g->places[node] || g->failed)
		return;
	if (x->then)
		write_node(g, x->then);
	if (x->otherwise) { /* the nearer one: the kernel has an instruction less then */
		write_node(g, x->otherwise);
		bring_near(g, x->then, JUMP_MAX - 1);
		bring_near(g, x->otherwise, JUMP_MAX);
		put(g, x->code, x->k, distance(g, x->then), distance(g, x->otherwise));
	} else {
		if (x->then)
			bring_near(g, x->then, 0);
		put(g, x->code, x->k, 0, 0);
	}
	g->places[node] = (uint16_t)g->n_out;
}

size_t optimizer_shorten(struct sock_filter *code, size_t n)
{
	autofree struct graph *g = n && n <= FILTER_MAX ? calloc(1, sizeof(*g)) : NULL;

	if (!g)
		return n;
	g->n_nodes = 1;
	uint16_t first = read_program(g, code, n);
	if (!g->failed)
		write_node(g, first);
	if (g->failed || g->n_out >= n)
		return n;
	for (size_t i = 0; i < g->n_out; i++)
		code[i] = g->out[g->n_out - 1 - i];
	return g->n_out;
}
