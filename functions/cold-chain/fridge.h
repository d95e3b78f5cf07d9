/*
 * fridge.h: what is known of one refrigerator, and when that is an alarm. Pure: what happened and
 * when goes in, the next state and what is to be told come out. Times in seconds since 1970.
 *
 * Messages overtake each other, as several instances work and what fails comes again: thermometer and
 * door have their own order, in which what is older than the last changes nothing. And nothing has
 * happened later than now: a sensor, or this machine, whose clock was ahead would else be believed
 * until then, and nobody after it.
 *
 * Three things can be wrong: too warm, door open, silent. Each is a watch:
 *
 *   fine ──begins──▶ pending ──for its limit──▶ raised ──nobody acknowledges──▶ escalated
 *     ▲                 │                          │                                │
 *     └─────ends────────┴───────ends: "over"───────┴────────────────────────────────┘
 */
#ifndef COLD_CHAIN_FRIDGE_H
#define COLD_CHAIN_FRIDGE_H

#include <mayfly_json.h>
#include <mayfly_state.h>

enum watch_kind { WATCH_WARM, WATCH_DOOR, WATCH_SILENT, WATCH_KINDS };
enum watch_level { LEVEL_FINE, LEVEL_RAISED, LEVEL_ESCALATED };

struct watch {
    double since; /* 0: fine */
    enum watch_level level;
    bool acknowledged;
};

struct fridge {
    double seen; /* the newest message's time; 0: none yet */
    double measured, moved; /* of the thermometer's, and of the door's */
    double temperature;
    struct watch watch[WATCH_KINDS];
};

struct limits {
    double temperature_max;
    double limit_s[WATCH_KINDS];
    double escalate_s;
};

struct news {
    enum { NEWS_TEMPERATURE, NEWS_DOOR, NEWS_TIME, NEWS_ACKNOWLEDGED } kind;
    double at;
    double now; /* by this machine's clock; 0: it has not been set */
    double temperature;
    bool open;
};

const char *watch_name(enum watch_kind kind);

/* text: "" or anything; what is not understood is as at first. */
struct fridge fridge_read(struct mayfly_event *event, const char *text);
void fridge_write(const struct fridge *fridge, struct mayfly_text *text);

/* Told for each watch that goes a step: what is "raised", "escalated" or "over". */
typedef void fridge_tell(void *context, const struct fridge *fridge, enum watch_kind kind,
                         const char *what, double since);

/* True: the fridge has changed. */
bool fridge_hears(struct fridge *fridge, const struct news *news, const struct limits *limits,
                  fridge_tell *tell, void *context);

#endif
