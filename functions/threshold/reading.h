/*
 * reading.h: what a Smart Citizen Kit publishes:
 *   {"data":[{"recorded_at":"2018-01-11T17:52:51Z",
 *             "sensors":[{"id":10,"value":95},{"id":29,"value":66.35}]}]}
 */
#ifndef THRESHOLD_READING_H
#define THRESHOLD_READING_H

#include <mayfly_json.h>

#define WHERE_BYTES 64

/* Where a reading is wrong and how: "data[0].sensors[2].value", "a number belongs here". */
struct reading_fault {
    char where[WHERE_BYTES];
    const char *what;
    const char *found; /* what stands there instead, in words; NULL: said in `what` */
};

struct measurement {
    const char *recorded_at;
    uint32_t sensor;
    double value;
};

/* Called for each measurement, in order. */
typedef void reading_visit(void *context, const struct measurement *measurement);

/* Check all of it first, then visit; a fault anywhere visits nothing. False: fault is set. */
bool reading_each(const struct mayfly_json *reading, reading_visit *visit, void *context,
                  struct reading_fault *fault);

#endif
