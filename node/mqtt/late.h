/*
 * late.h: libmosquitto, loaded when the node has a broker: with OpenSSL, which it brings along,
 * it costs resident memory and time at the start. One thread calls mqtt_late(); then any.
 */
#ifndef MF_NODE_MQTT_LATE_H
#define MF_NODE_MQTT_LATE_H

#include <mosquitto.h>
#include <mqtt_protocol.h>

#include "base/err.h"

/* What we call of it. */
#define MOSQUITTO_CALLS(X)                                                                      \
    X(lib_init) X(new) X(destroy) X(threaded_set) X(int_option) X(username_pw_set) X(tls_set)   \
    X(tls_opts_set) X(connect_bind_v5) X(disconnect_v5) X(socket) X(loop_read) X(loop_write)    \
    X(loop_misc) X(want_write) X(user_data_set) X(log_callback_set) X(connect_v5_callback_set)  \
    X(disconnect_v5_callback_set) X(message_v5_callback_set) X(subscribe_v5_callback_set)       \
    X(unsubscribe_v5_callback_set) X(publish_v5_callback_set) X(publish_v5) X(subscribe_v5)     \
    X(unsubscribe_v5) X(strerror) X(connack_string) X(reason_string) X(property_add_int32)      \
    X(property_add_varint) X(property_add_string) X(property_add_string_pair)                   \
    X(property_free_all) X(property_read_int16) X(property_read_int32) X(property_read_byte)    \
    X(property_read_varint) X(property_read_string) X(property_read_string_pair)

#define MOSQUITTO_MEMBER(name) __typeof__(mosquitto_##name) *name;
struct mosquitto_calls {
    MOSQUITTO_CALLS(MOSQUITTO_MEMBER)
};
extern struct mosquitto_calls mosq; /* all NULL before mqtt_late() */

/* Once it returned MF_OK, it stays loaded. MF_EUNSUPPORTED: it is not installed, or too old. */
MF_CHECKED mf_err mqtt_late(struct mf_why *why);

#endif
