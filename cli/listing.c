/* listing.c: see listing.h. */
#include "cli/listing.h"

#include <getopt.h>
#include <stdio.h>

const char *listing_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "-";
}

long long listing_number(const json_t *object, const char *key)
{
    return (long long)json_integer_value(json_object_get(object, key));
}

void listing_table_open(struct cli_table *table, const char *const *heading, size_t columns)
{
    cli_table_open(table, columns);
    for (size_t i = 0; i < columns; i++)
        cli_table_add(table, "%s", heading[i]);
}

void listing_names(const json_t *list)
{
    const json_t *each;
    size_t i;
    json_array_foreach(list, i, each)
        printf("%s\n", listing_text(each, "name"));
}

void listing_options(struct listing *listing, const struct command *command, int argc, char **argv)
{
    int key;
    *listing = (struct listing){0};
    while ((key = cli_getopt(command, argc, argv)) != -1) {
        if (key == CLIENT_KEY_NODE)
            listing->node = optarg;
        listing->json |= key == LISTING_JSON;
        listing->quiet |= key == 'q';
    }
}
