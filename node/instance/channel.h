/*
 * channel.h: the node's end of a channel (abi/channel.h). The other end is a
 * guest: nothing it writes is believed. No allocation after open. One thread.
 */
#ifndef MF_NODE_INSTANCE_CHANNEL_H
#define MF_NODE_INSTANCE_CHANNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "abi/channel.h"
#include "base/err.h"

struct mf_control;
struct mf_result;

/* A pair of rings: those of events, and those of streams. */
enum { LANE_EVENTS, LANE_STREAMS, LANES };

struct lane {
    uint32_t to_guest_tail;              /* ours, never read back from memory      */
    uint32_t to_guest_released;          /* the guest's head as last believed      */
    uint32_t to_node_head;               /* ours                                   */
    uint32_t data_tail;                  /* where the next chunk to the guest goes */
    uint32_t data_end[MF_RING_SLOTS];    /* per slot: end of its chunk             */
};

struct channel {
    uint8_t *base;                       /* shared mapping; NULL: not open         */
    struct mf_control *control;          /* behind it; NULL: the file has none     */
    int memfd;                           /* if kept                                */
    bool kept;
    struct lane lane[LANES];
    bool answered;                       /* something was put into the result area */
};

/* A message from the guest, all checks done: type known and of this direction,
 * sizes within the ABI, data copied. data is valid until the next take. */
struct channel_message {
    uint64_t id;
    enum mf_message type;
    bool end;
    uint32_t head_bytes;
    uint32_t data_bytes;
    uint64_t arg;
    const uint8_t *data;
};

/* Map memfd (MF_CHANNEL_BYTES or MF_CHANNEL_FILE_BYTES; stays the caller's) and clear the
 * control words. */
MF_CHECKED mf_err channel_open(int memfd, struct channel *channel);
void channel_close(struct channel *channel);
/* memfd becomes the channel's: channel_renew() needs it. */
void channel_keep(struct channel *channel, int memfd);

/* The guest stands still and knows of nothing (spawner/protocol.h, struct mf_control): not
 * a byte stays in the channel, whoever wrote it, and both ends begin anew. */
MF_CHECKED mf_err channel_renew(struct channel *channel);
/* Then, once a message is in it: enter the guest. */
void channel_go(struct channel *channel);

/* Place one message in the guest's ring. data = fields then body bytes; together at
 * most MF_CHUNK_BYTES_MAX. MF_EAGAIN: no room now. Does not ring. MF_EPROTO: the
 * guest's index is impossible. */
MF_CHECKED mf_err channel_put(struct channel *channel, const struct mf_desc *desc,
                              const void *head, const void *body);

/* How many body bytes one channel_put() could carry now, after head_bytes of head. */
uint32_t channel_room(const struct channel *channel, uint32_t head_bytes);

/* The answer to an operation (abi/operation.h), into the result area: head_bytes of head, the
 * rest of data_bytes of data. Does not ring. */
void channel_answer(struct channel *channel, const struct mf_result *result, const void *head,
                    const void *data);

/* Wake the guest if it sleeps. Call once after a batch of puts or takes. */
void channel_bell(struct channel *channel);

/* Take the next message; its data goes to scratch (MF_CHUNK_BYTES_MAX, the caller's).
 * MF_EAGAIN: none. MF_EPROTO: nonsense, with the reason; the instance must end. */
MF_CHECKED mf_err channel_take(struct channel *channel, uint8_t *scratch,
                               struct channel_message *message, struct mf_why *why);
/* So far it has written: the guest's word, only to be compared with to_node_head. What it wrote into
 * its other ring before is there. */
uint32_t channel_said(const struct channel *channel);

/*
 * The same for streams, without a copy of our own. peek: the oldest message; its data lie in the
 * channel, where the guest may change them: opaque bytes, or to be copied before they are
 * decoded. MF_EAGAIN, MF_EPROTO as above. release: it is done with.
 * place: room for a message of so many bytes at most, contiguous, what there is of it, in
 * *room; MF_EAGAIN: not even least. publish: that message, data_bytes of it filled; desc as for
 * channel_put(). put: the same for data elsewhere.
 */
MF_CHECKED mf_err channel_stream_peek(struct channel *channel, struct channel_message *message,
                                      struct mf_why *why);
void channel_stream_release(struct channel *channel);
MF_CHECKED mf_err channel_stream_place(struct channel *channel, uint32_t least, uint32_t most,
                                       uint8_t **data, uint32_t *room);
void channel_stream_publish(struct channel *channel, const struct mf_desc *desc,
                            const uint8_t *data);
MF_CHECKED mf_err channel_stream_put(struct channel *channel, const struct mf_desc *desc,
                                     const void *data);
/* Has the guest taken anything yet of what it was sent? */
bool channel_stream_begun(const struct channel *channel);

/* Say that we sleep. False: something has arrived meanwhile, take again first. */
bool channel_sleep(struct channel *channel);

/* Say that we are awake and will look by ourselves: the guest need not ring. */
void channel_awake(struct channel *channel);

#endif
