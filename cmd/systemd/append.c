/* Lines of property.h in a message of D-Bus. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/systemd/talk.h"

static int append_number(sd_bus_message *m, char type, const char *text)
{
	bool negative = *text == '-';
	uint64_t n = negative ? (uint64_t)strtoll(text, NULL, 10) : strtoull(text, NULL, 10);
	double d = strtod(text, NULL);
	/* As wide as the type. Both byte orders: the copy is of a variable of that very width. */
	uint8_t n8 = (uint8_t)n;
	uint16_t n16 = (uint16_t)n;
	uint32_t n32 = (uint32_t)n;
	int truth = strcmp(text, "true") == 0;

	switch (type) {
	case 'b':
		return sd_bus_message_append_basic(m, type, &truth);
	case 'y':
		return sd_bus_message_append_basic(m, type, &n8);
	case 'n':
	case 'q':
		return sd_bus_message_append_basic(m, type, &n16);
	case 'i':
	case 'u':
		return sd_bus_message_append_basic(m, type, &n32);
	case 'x':
	case 't':
		return sd_bus_message_append_basic(m, type, &n);
	case 'd':
		return sd_bus_message_append_basic(m, type, &d);
	default:
		return -EINVAL;
	}
}

static int append_single(sd_bus_message *m, char type, const char *text)
{
	return type == 's' ? sd_bus_message_append_basic(m, type, text)
			   : append_number(m, type, text);
}

/* Hexadecimal: cowrun's own, so two digits for each byte. */
static int append_bits(sd_bus_message *m, const char *text)
{
	uint8_t bytes[1024];
	size_t n = 0;

	for (; text[0] && text[1] && n < sizeof(bytes); text += 2, n++) {
		const char digits[] = { text[0], text[1], '\0' };
		bytes[n] = (uint8_t)strtoul(digits, NULL, 16);
	}
	return sd_bus_message_append_array(m, 'y', bytes, n);
}

static int append_list(sd_bus_message *m, const char *type, char *text)
{
	int r = sd_bus_message_open_container(m, 'a', type);

	while (r >= 0 && *text == '\t') {
		char *next = text + 1 + strcspn(text + 1, "\t"), end = *next;
		*next = '\0';
		r = append_single(m, *type, text + 1);
		*next = end;
		text = next;
	}
	return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_property(sd_bus_message *m, const char *name, const char *type, char *value)
{
	int r = sd_bus_message_open_container(m, 'r', "sv");

	if (r >= 0)
		r = sd_bus_message_append_basic(m, 's', name);
	if (r >= 0)
		r = sd_bus_message_open_container(m, 'v', type);
	if (r >= 0 && strcmp(type, "ay") == 0 && *value != '\t')
		r = append_bits(m, value);
	else if (r >= 0 && *type == 'a')
		r = append_list(m, type + 1, value);
	else if (r >= 0)
		r = append_single(m, *type, value);
	if (r >= 0)
		r = sd_bus_message_close_container(m);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

int talk_append(sd_bus_message *m, const struct talk *t, const char *lines)
{
	int r = 0;

	for (const char *line = lines; r >= 0 && *line;) {
		size_t n = strcspn(line, "\n");
		autofree char *one = strndup(line, n);
		unsigned since;
		char name[64], type[8];
		int at = 0;
		line += n + (line[n] == '\n');
		if (!one || sscanf(one, "%u %63s %7s%n", &since, name, type, &at) != 3 || !at)
			return one ? -EINVAL : -ENOMEM;
		if (since <= t->version)
			r = append_property(m, name, type, one + at + (one[at] == ' '));
	}
	return r;
}
