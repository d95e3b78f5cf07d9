/* sending.c: see sending.h. */
#include "node/mqtt/sending.h"

#include <stdlib.h>
#include <string.h>

struct mqtt_sending *mqtt_sending_create(const void *record, size_t bytes)
{
    struct mqtt_sending *sending = calloc(1, sizeof *sending + bytes);
    if (!sending)
        return NULL;
    link_init(&sending->link);
    sending->bytes = bytes;
    if (record)
        memcpy(sending->record, record, bytes);
    return sending;
}

void mqtt_sendings_init(struct mqtt_sendings *sendings)
{
    *sendings = (struct mqtt_sendings){0};
    link_init(&sendings->list);
}

void mqtt_sendings_add(struct mqtt_sendings *sendings, struct mqtt_sending *sending)
{
    list_append(&sendings->list, &sending->link);
    sendings->count++;
    sendings->bytes += sending->bytes;
}

void mqtt_sendings_drop(struct mqtt_sendings *sendings, struct mqtt_sending *sending)
{
    list_remove(&sending->link);
    sendings->count--;
    sendings->bytes -= sending->bytes;
    free(sending);
}

struct mqtt_sending *mqtt_sendings_first(const struct mqtt_sendings *sendings)
{
    return list_of(sendings->list.next, struct mqtt_sending, link);
}

struct mqtt_sending *mqtt_sendings_of_mid(const struct mqtt_sendings *sendings, int mid)
{
    list_each(at, &sendings->list)
        if (list_of(at, struct mqtt_sending, link)->mid == mid)
            return list_of(at, struct mqtt_sending, link);
    return NULL;
}
