/*
 * limits.h: every bound of the host side that is not part of the ABI, in one
 * place, so that a reader can ask "how much can they make us hold?".
 */
#ifndef MF_BASE_LIMITS_H
#define MF_BASE_LIMITS_H

/* Names of functions: a DNS label (RFC 1123), as in URLs and file names. */
#define MF_NAME_BYTES_MAX 63

/* Environment of a function. */
#define MF_ENV_COUNT_MAX 128
#define MF_ENV_BYTES_MAX 32768 /* all of it, as the boot page holds it */

/* How a Linux program is run (image/settings_program.h). */
#define MF_PORT_DEFAULT 8080
#define MF_ARGUMENTS_MAX 64u
#define MF_WARM_UP_BYTES_MAX 1024u
#define MF_USER_TEXT_BYTES 22u           /* two numbers of 32 bits, a colon and a zero */
#define MF_PROGRAM_PATH_BYTES_MAX 4095u

/* Settings of a function: defaults and bounds (image/settings.h). */
#define MF_TIMEOUT_MS_DEFAULT 30000
#define MF_TIMEOUT_MS_MAX 900000
#define MF_WAIT_MS_DEFAULT 2000
#define MF_WAIT_MS_MAX 60000
#define MF_IDLE_MS_DEFAULT 60000
#define MF_IDLE_MS_MAX 86400000
#define MF_INSTANCES_DEFAULT 16
#define MF_INSTANCES_MAX 4096
#define MF_ATTEMPTS_DEFAULT 5
#define MF_ATTEMPTS_MAX 100
#define MF_EVENT_AGE_S_MAX 2592000 /* thirty days */
#define MF_QUEUE_EVENTS_MAX 100000000
#define MF_THEN_MAX 16u             /* functions that get one's replies                          */
#define MF_TRIGGERS_MAX 16u         /* of one function                                          */
#define MF_TRIGGER_EVERY_MS_MIN 100u
#define MF_TRIGGER_EVERY_MS_MAX 2592000000u /* thirty days */
#define MF_TIMEZONE_BYTES_MAX 63u
#define MF_TOPIC_BYTES_MAX 1024u    /* of MQTT: of a name, of a filter; the standard has 65,535 */
#define MF_GRACE_MS_MAX 60000
#define MF_OFFLOAD_URL_BYTES_MAX 512
#define MF_CPU_SHARE_DEFAULT 100
#define MF_CPU_SHARE_MAX 1000

/* What a function may ask for while it runs (image/allow.h), and does. */
#define MF_ALLOW_COUNT_MAX 64u       /* entries of one list                                  */
#define MF_ALLOW_ENTRY_BYTES_MAX 512u
#define MF_ALLOW_BYTES_MAX 16384u    /* all of them                                          */
#define MF_CONTENT_TYPE_BYTES_MAX 256u /* of a pushed event, and so its CloudEvents type      */
#define MF_POP_LEASE_MS 30000u       /* of what is popped, beyond the time that its event has */
#define MF_POPS_PER_EVENT_MAX 1024u  /* of one event, from queues                            */

/* Images and what they are made of; more stands in abi/image.h. */
#define MF_PROJECT_FILE_BYTES_MAX 65536u
#define MF_PROJECT_SOURCES_MAX 256u
#define MF_PROJECT_CFLAGS_MAX 64u
#define MF_WORKFLOW_FILE_BYTES_MAX (256u << 10)
#define MF_WORKFLOW_FUNCTIONS_MAX 128u
#define MF_TEMPLATE_BYTES_MAX 65536u       /* one file of `mayfly new`'s template              */
#define MF_ROOT_NAMES_MAX (1u << 18)       /* in a root file system, all folders together      */
#define MF_ROOT_DEPTH_MAX 64u              /* folders in folders                               */
#define MF_ROOT_STORE_BYTES_MAX (1ull << 30) /* contents, those that are replaced included     */
#define MF_OCI_BYTES_MAX (2ull << 30)      /* that all layers of an image unpack to            */
#define MF_OCI_ENTRIES_MAX (1u << 20)      /* of all layers                                    */
#define MF_OCI_LAYERS_MAX 128u
#define MF_OCI_JSON_BYTES_MAX (4u << 20)   /* an index, a manifest, a configuration            */
#define MF_YAML_DEPTH_MAX 16u
#define MF_YAML_NODES_MAX 10000u
#define MF_PACK_SECTIONS_MAX 512u          /* of kernel, of program; more are not looked at    */
#define MF_PACK_SYMBOLS_MAX (1u << 20)     /* the same                                         */
#define MF_PACK_NAME_BYTES_MAX 1024u       /* of a section or symbol, its NUL included         */
#define MF_SYMBOL_SECTIONS_MAX 1024u       /* looked at for an image's symbol table            */
#define MF_SYMBOL_NAME_BYTES_MAX 256u      /* its NUL included; a longer name is not told      */
#define MF_PARTS_MAX 64u                   /* folders of its kernel's that an image names       */
#define MF_PARTS_BYTES_MAX 65536u          /* of their names                                   */
#define MF_PART_NAME_BYTES_MAX 64u         /* of one, its NUL included                         */
#define MF_SCAN_CALLS_MAX 512u             /* different system calls told of one program       */
#define MF_SCAN_UNKNOWN_MAX 8u             /* addresses told of calls whose number is unknown  */
#define MF_SCAN_SITES_MAX 100000u          /* read closely, per segment; others are unknown    */
#define MF_SCAN_BACK_BYTES_MAX 128u        /* of code before a site                            */
#define MF_SCAN_STEPS_MAX 64u              /* instructions of it                               */

/* The pool of blank monitors. */
#define MF_BLANKS_DEFAULT 8
#define MF_BLANKS_MAX 512

#define MF_BLANKS_TRIED_MAX 3 /* for one event, if one after the other cannot be made */

/* Blanks and instances of one spawner together. */
#define MF_CHILDREN_MAX 8192

/* The gateway: what clients can make the node hold. */
#define MF_CONNECTIONS_DEFAULT 2048 /* each may make the node hold some 34 KiB for its head */
#define MF_CONNECTIONS_MAX 65536
#define MF_FRONTS_MAX 15u             /* threads that speak HTTP, beside the functions' own        */
#define MF_FRONT_AFTER_DEFAULT 16     /* connections that the functions' thread serves alone       */
#define MF_ACCEPT_RETRY_MS 100        /* after a want of descriptors                               */
#define MF_REQUEST_HEAD_MS_MAX 30000  /* to deliver a request's head; an idle connection's life */
#define MF_REQUEST_BODY_MS_MAX 120000 /* to deliver its body                                    */
#define MF_REPLY_MS_MAX 300000        /* to take the reply                                      */
#define MF_CLIENT_WATCH_MS 10         /* a call this old is ended when its client goes away     */
#define MF_BUFFERED_MIB_DEFAULT 64    /* bodies held node-wide, of requests and of replies      */
#define MF_BUFFERED_MIB_MAX 65536
#define MF_DISCARD_BYTES_MAX (64u << 20) /* of a body past its limit, read so that the client hears 413 */
#define MF_TARGET_BYTES_MAX 16384     /* a request's target: path and query                     */
#define MF_CALL_ID_BYTES_MAX 128
#define MF_RETRY_AFTER_S 1
#define MF_TLS_FILE_BYTES_MAX 262144u /* of certificates, of a key                              */
#define MF_TLS_CHAIN_MAX 16u          /* certificates                                           */

/* Instances. */
#define MF_INSTANCES_NODE_MAX 8192 /* alive at once, blanks included                      */
#define MF_CANCEL_GRACE_MS 1000    /* for a handler to end once nobody waits for it       */
#define MF_PREEMPT_MS 10           /* of processor time, from one preempt to the next (abi/trap.h) */
#define MF_RESET_PAGES_KEPT_MAX 1024u /* of an instance between two events; more are given back */
#define MF_DRAIN_MS_MAX 5000       /* for an instance to halt once it was told to         */
#define MF_RESET_MS_MAX 1000       /* from a reply to an instance rolled back             */
#define MF_FREEZE_MS_MAX 10000     /* from a start to the first wait for an event         */
#define MF_STOP_MS_MAX 30000       /* for the node to finish what runs, once told to stop */
#define MF_SPURIOUS_BELLS_MAX 1024 /* doorbells with nothing behind them, in a row        */
#define MF_MESSAGES_PER_TURN 64    /* taken of one instance before the others' turn       */
#define MF_NOISE_PER_S 10000u      /* log records, console lines, idle doorbells of one function */
#define MF_NOISE_BURST 4096u       /* so many at once before                              */
#define MF_HOLD_MS 10              /* who makes more noise is not listened to for so long  */
#define MF_WARM_RETRY_MS 1000      /* when an instance that is always kept could not be had   */
#define MF_BLANK_REFILL_MS 5       /* after the last start; then the pool is filled again */
#define MF_SPAWNER_RETRY_MS 1000
#define MF_SLICE_NS 100000u        /* of a processor, while a function computes beside others: for all but its instances */
#define MF_SLICE_LONG_NS 3000000u  /* for these. 100,000 is the least that Linux takes             */

/* Snapshots. */
#define MF_SNAPSHOT_CHECK_NOW_BYTES_MAX (1u << 20) /* read in the loop's thread, once; larger ones beside it */
#define MF_SNAPSHOT_REFUSALS_MAX 2                 /* by monitors, of one version's; then it boots           */
#define MF_SNAPSHOT_RETRY_MS 60000                 /* after the disk was full, or suchlike                   */
#define MF_FREEZER_RETRY_MS 20                     /* when the spawner takes no more                         */

/* Pages that a first event touches: abi/touched.h has the bounds of one such file. */
#define MF_TOUCHED_WORTH 16u       /* written pages; fewer are not prepared: to open, hand over and
                                      read the file costs what preparing six saves       */
#define MF_TOUCHED_LOOK_EVERY 64u  /* starts: one is not prepared but looked at, as the first were */
#define MF_REHEARSALS_MAX 3u       /* of a snapshot's first event, before anybody asks (node/snapshots/rehearsal.h) */
#define MF_REHEARSAL_ROOM_MS 1000  /* until the next try, where the node has no room for another instance */
#define MF_LOOK_PAGES_MAX 32768u   /* of an instance, looked at after its first event    */

/* Images in the state directory. */
#define MF_IMAGE_CHECK_NOW_BYTES_MAX (1u << 20) /* as of snapshots, before the first start from one */

/* Logs of functions. */
#define MF_LOG_FILE_BYTES_MAX (1u << 20)
#define MF_LOG_FILES_MAX 4
#define MF_LOGS_OPEN_MAX 64       /* functions' files that stay open between two lines */
#define MF_LOG_LINES_PER_S 1000  /* sustained; what is more is counted and dropped */
#define MF_LOG_LINES_BURST 2000
#define MF_LOG_NAMES_MAX 32       /* addresses of one line that get their symbol's name: each is a search */
#define MF_LOG_TAIL_MAX 10000
#define MF_LOG_FOLLOWERS_MAX 64

/* Traces of calls (bench/trace.h). */
#define MF_TRACE_LINE_BYTES_MAX 512u
#define MF_TRACE_NAME_BYTES_MAX 128 /* of an application, of a function in it           */
#define MF_TRACE_EVENTS_MAX (1u << 22)
#define MF_TRACE_FUNCTIONS_MAX (1u << 17)

/* The management API. */
#define MF_API_CONNECTIONS_MAX 128
#define MF_API_JSON_BYTES_MAX (256u << 10)
#define MF_FRESH_IMAGES_MAX 128u        /* that came, and nothing uses: as many as one mayfly.yml may send */
#define MF_RECORD_BYTES_MAX (1u << 20) /* of a function: such a request, spread out, and its image's manifest */
#define MF_WORKFLOWS_MAX 1024u
#define MF_WORKFLOW_VERSIONS_MAX 10u             /* kept of each, the one in force included              */
#define MF_WORKFLOW_RECORD_BYTES_MAX (16u << 20) /* of all of them, and the manifests of one             */
#define MF_TOKEN_BYTES_MIN 16
#define MF_TOKEN_BYTES_MAX 512
#define MF_FUNCTIONS_DEFAULT 16384 /* each about 2 KiB of memory while nothing of it runs */
#define MF_FUNCTIONS_MAX 65536

/* The store: queues and key-values (node/store/store.h). */
#define MF_EVENT_BYTES_MAX ((6u << 20) + (64u << 10)) /* an entry: a body and what goes with it      */
#define MF_VALUE_BYTES_MAX (6u << 20)
#define MF_KEY_BYTES_MAX 256u           /* with tenant and prefix it fits LMDB's 511                 */
#define MF_QUEUE_BATCH_MAX 1024u        /* entries of one operation                                  */
#define MF_QUEUE_BATCH_BYTES_MAX (16u << 20) /* of one append                                        */
#define MF_QUEUE_COUNT_DEFAULT 1000000u
#define MF_QUEUE_BYTES_DEFAULT (1ull << 30)
#define MF_TENANT_QUEUES_MAX 64u        /* names of queues that a tenant's functions push to         */
#define MF_TENANT_QUEUES_BYTES_MAX (4ull << 30) /* of events in them, dead letters included          */
#define MF_QUEUE_DEAD_DEFAULT 100000u
#define MF_QUEUE_REASON_BYTES_MAX 1024u /* of a dead letter                                          */
#define MF_QUEUE_LEASE_MS_MAX 86400000u
#define MF_QUEUE_DELAY_MS_MAX 2592000000ull /* thirty days, until an entry may be taken again        */
#define MF_QUEUE_DROPPED_MAX 64u        /* entries that make room for one append                     */
#define MF_QUEUE_NAMES_MAX 256u         /* of queues, in one answer                                  */
#define MF_QUEUE_ENDED_TOLD_BYTES 33024u /* of the beginning of each: an event without its body    */
#define MF_QUEUE_DROP_LOOKS_MAX 2048u   /* at entries, for it: those that are taken are passed over  */
#define MF_QUEUE_AGED_MAX 64u           /* entries that one take finds too old; the next goes on     */
#define MF_SPACE_BYTES_DEFAULT (256ull << 20)
#define MF_SCAN_COUNT_MAX 1000u
#define MF_SCAN_BYTES_MAX (8u << 20)    /* keys and values of one answer: any value fits             */
#define MF_EXPIRED_PER_CHANGE_MAX 16u   /* keys past their end that one change removes on the way    */
#define MF_STORE_WAITING_MAX 65536u     /* operations not answered yet                               */
#define MF_STORE_WAITING_BYTES_MAX (256u << 20)
#define MF_STORE_ALSO_MAX 32u           /* queues that one change appends to                         */
#define MF_STORE_TAKEN_MAX 65536u       /* entries of one file that are taken at once                */
#define MF_STORE_SYNC_MS 1000u          /* until what need not be on the disk is there               */
#define MF_STORE_HELD_BYTES (16u << 20)  /* or until so much was freed that waits for it        */
#define MF_STORE_FILE_BYTES_MIN (16u << 20)  /* a file's map at first; doubled when full             */
#define MF_STORE_FILE_BYTES_MAX (16ull << 30)
#define MF_STORE_RESERVE_BYTES (1u << 20) /* of a full file, for what makes room again              */
#define MF_STORE_BATCH_MAX 4096u        /* operations of one commit                                  */

/* Events as others write them (node/events/). */
#define MF_EVENT_ATTRIBUTES_MAX 32u
#define MF_EVENT_NAME_BYTES_MAX 64u      /* of an attribute; the specification advises 20             */
#define MF_EVENT_VALUE_BYTES_MAX 4096u   /* of one attribute, before it is encoded                    */
#define MF_EVENT_BATCH_MAX 256u          /* events of one request                                     */
#define MF_JSON_DEPTH_MAX 256u

/* Triggers (node/triggers/). */
#define MF_ZONE_FILE_BYTES_MAX 65536u
#define MF_ZONE_STEPS_MAX 4096u          /* of one time zone                                          */
#define MF_CRON_YEARS_MAX 41u            /* that are looked at: 29 February on a Sunday, past 2100    */
#define MF_TIMER_LATE_MS 60000u          /* a run that begins later than this was missed              */
#define MF_TIMER_BACK_MS 10800000u       /* set back by less, a clock makes no fixed hour come twice  */
#define MF_TRIGGER_RETRY_MS_FIRST 1000u  /* until a store that failed is asked again; doubled         */
#define MF_TRIGGER_RETRY_MS_MAX 30000u
#define MF_TRIGGER_VALUE_BYTES_MAX 16384u /* of a key's new value, told with its change               */
#define MF_TRIGGER_MOVE_COUNT 16u        /* entries that are moved at once from a named queue         */

/* Delivery of asynchronous calls (node/delivery/). */
#define MF_RETRY_MS_FIRST 1000u          /* after the first attempt that failed; doubled each time    */
#define MF_RETRY_MS_MAX 300000u
#define MF_OVERLOAD_MS_FIRST 100u        /* until an event that found no instance asks again          */
#define MF_OVERLOAD_MS_MAX 10000u
#define MF_OFFLOADS_MAX 64u             /* events on their way to other nodes                        */
#define MF_OFFLOAD_MS_MAX 10000u        /* for another node to take one                              */
#define MF_OFFLOAD_ANSWER_BYTES_MAX 4096u
#define MF_USAGE_SAVE_MS 5000u           /* until what was used is written                            */
#define MF_USAGE_RECORDS_MAX 65536u      /* functions, also such as there are no more; later ones are not counted */
#define MF_STOP_REASON_BYTES_MAX 256u    /* why a function is stopped                                 */
#define MF_UNSEEN_ATTEMPTS_MAX 16u       /* that the node did not live to see the end of, beside attempts_max */
#define MF_DELIVERY_LEASE_MS 30000u      /* of an event in hand; so long another node waits for ours  */
#define MF_DELIVERY_EXTEND_MS 10000u     /* until its lease is extended                               */
#define MF_DELIVERY_IN_HAND_MAX 1024u    /* events of one function, those included that are being ended */
#define MF_DELIVERY_TROUBLE_MS_FIRST 1000u /* until a store that failed is asked again; doubled       */
#define MF_DELIVERY_TROUBLE_MS_MAX 30000u
#define MF_DELIVERY_ROOM_RETRY_MS 20u    /* until there may be memory for the next events             */
#define MF_DELIVERY_LOOKS_MAX 64u        /* at queues, at once, when the node starts                  */
#define MF_ROOM_TRIES_MAX 16u            /* at a reply for which there is no memory; then it has failed         */
#define MF_STUCK_TRIES_MAX 12u           /* to pass on what a full queue of its own circle refuses: some 60 s  */
#define MF_CIRCLE_FUNCTIONS_MAX 256u     /* looked at for a circle; where there are more, it may be one        */
#define MF_THEN_HOPS_MAX 32u             /* times that an event may have been passed on: a loop ends there     */
#define MF_CALLS_REMEMBERED 2048u        /* that have ended                                           */
#define MF_NOTES_MAX 16384u              /* of ends, in the store: in LMDB of each file           */
#define MF_NOTE_CHUNK_BYTES 1900u        /* of notes in one record:                        */
#define MF_NOTE_LOOKS_MAX 128u           /* at such records, for one key in one step              */
#define MF_NOTE_BYTES_MAX 256u           /* of one                                                */
#define MF_CALL_SEARCH_MAX 16384u        /* entries that are looked at for one call id                */
#define MF_STORE_URL_BYTES_MAX 512u

/* Streams of functions with the outside (node/streams/); more stands in abi/channel.h. */
#define MF_LISTEN_BYTES_MAX 63u
#define MF_STREAM_DESCRIPTORS_SHARE 3    /* of the node's descriptors, one in so many              */
#define MF_STREAM_OTHERS_SHARE 3         /* of these, one in so many is left by a function to others */
#define MF_STREAM_WIDTH 0x30000u         /* credit beyond MF_STREAM_WINDOW for a guest whose peer keeps up */
#define MF_STREAM_WIDE_AFTER 0x80000u    /* bytes in a row that it took at once                    */
#define MF_STREAM_WIDE_MAX 64u           /* streams with so much, or with more than a window that waits */
#define MF_STREAM_IDLE_S 60              /* without a word: is the peer there?                     */
#define MF_STREAM_PROBE_S 10             /* if it does not say so, again                           */
#define MF_STREAM_PROBES 6               /* so often                                               */
#define MF_STREAM_SILENT_MS 120000       /* that a peer may take nothing of what it is sent        */
#define MF_STREAM_LINGERING_MAX 1024u    /* peers that have not taken all when their guest closed      */
#define MF_STREAM_LINGER_MS 30000u       /* for one of them to acknowledge what it was sent           */
#define MF_LISTEN_AGAIN_MS 10000u        /* until a port that was taken is asked for again                    */
#define MF_STREAM_RETRY_MS 20u           /* until connections that found no instance ask again        */
#define MF_STREAM_OLD_MS 60000u          /* that a version's connections may last behind the next one  */
#define MF_STREAM_LOOKUPS_MAX 16u        /* names that are looked up at once                          */
#define MF_FUNCTION_LOOKUPS_MAX 4u       /* by one function                                           */
#define MF_FUNCTION_LOOKUPS_WAIT 32u     /* more of it that wait                                      */
#define MF_STREAM_NAMES_MAX 256u         /* addresses that are remembered of one function, with names */

/* Requests to the outside (node/egress/). */
#define MF_URL_BYTES_MAX 4096u
#define MF_EGRESS_TRANSFERS_MAX 256u     /* under way at once                                         */
#define MF_EGRESS_OF_ONE_MAX 32u         /* of them, of one function                                  */
#define MF_EGRESS_IDLE_MAX 16u           /* connections kept for the next request                     */
#define MF_EGRESS_CONNECT_MS 10000u      /* to look a name up, connect and agree on TLS               */
#define MF_EGRESS_MS_MAX 120000u         /* for all of it                                             */
#define MF_EGRESS_BODY_BYTES_MAX (6u << 20)   /* of a request                                         */
#define MF_EGRESS_ANSWER_BYTES_MAX (6u << 20) /* of an answer's body                                  */
#define MF_EGRESS_HEAD_BYTES_MAX 65536u  /* of an answer's heads, interim ones and trailers included  */
#define MF_CALLBACKS_AT_ONCE_MAX 16u     /* letters to callers (node/callbacks/), on their way        */
#define MF_CALLBACKS_PER_HOST_MAX 4u     /* of these, to one host and port; as many more wait in hand   */
#define MF_CALLBACKS_FAILING_MAX 4u      /* of these, to all hosts together that took no letter since one failed */
#define MF_CALLBACKS_IN_HAND_MAX 64u     /* on their way, waiting for a place, or being given back    */
#define MF_CALLBACKS_WAITING_MAX 100000u /* in their queue; more are given up                         */
#define MF_CALLBACK_MS_MAX 10000u        /* for one POST; less than the lease                         */
#define MF_CALLBACK_LEASE_MS 60000u      /* more than a letter waits in hand, and its POST takes, and 10 s   */
#define MF_CALLBACK_HAND_MS 20000u       /* for which one waits for a place; then it goes back               */
#define MF_CALLBACK_AGE_MS_MAX 86400000u /* a day; then a letter is given up                          */
#define MF_CALLBACK_ANSWER_BYTES_MAX 65536u /* which nobody reads                                     */
#define MF_CALLBACK_STALL_MS 3000u       /* for which one may move nothing while its room is wanted   */
#define MF_CALLBACK_STALL_BYTES 65536u   /* in that time; less is nothing                             */
#define MF_CALLBACKS_ROOM_MS 100u        /* until there may be memory for the next one                */
#define MF_CALLBACK_PAUSES_MAX 64u       /* hosts that are left alone                                 */
#define MF_CALLBACK_PAUSE_MS_FIRST 1000u
#define MF_CALLBACK_PAUSE_MS_MAX 300000u
#define MF_CALLBACK_STRIKES_MAX 1021u    /* letters whose failures are counted; a prime: ids are steps apart */
#define MF_CALLBACKS_SHARE 4u            /* of --buffer-mib, one part in so many is for letters in hand */
#define MF_CALLBACK_TURNS_MAX 64u        /* hosts for which letters wait in turn                      */
#define MF_CALLBACK_TURN_MS_FIRST 250u   /* a POST to a host takes so long, while nothing is known    */
#define MF_CALLBACK_TURN_MS_MAX 60000u   /* until one that waits is looked at again                   */
#define MF_CALLBACK_PLACES_MAX 64u       /* that --callbacks names                                    */
#define MF_CALLBACK_PLACES_BYTES_MAX 4096u
#define MF_SECRET_NAME_BYTES_MAX 63u
#define MF_SECRET_BYTES_MAX 65536u

#define MF_REDIS_URL_BYTES_MAX 512u
#define MF_REDIS_CONNECT_MS 5000u
#define MF_REDIS_ANSWER_MS 10000u       /* without any answer: the connection is given up            */
#define MF_REDIS_RETRY_MS_MIN 50u
#define MF_REDIS_RETRY_MS_MAX 5000u

/* MQTT (node/mqtt/). */
#define MF_MQTT_URL_BYTES_MAX 512u
#define MF_MQTT_KEEP_ALIVE_S 60u           /* without a packet: then we ask whether the broker lives     */
#define MF_MQTT_ANSWER_MS 15000u           /* for the broker to greet, and to answer that                */
#define MF_MQTT_RETRY_MS_FIRST 200u        /* until a lost broker is tried again; doubled                */
#define MF_MQTT_RETRY_MS_MAX 60000u
#define MF_MQTT_STEADY_MS 10000u           /* so long a connection must last for the first retry to be quick */
#define MF_MQTT_SESSION_S 2592000u         /* thirty days: the broker keeps our session while we are away (MQTT 5) */
#define MF_MQTT_SEEN_MAX 1024u             /* messages received last, whose ids are kept                 */
#define MF_MQTT_IN_FLIGHT_MAX 128u         /* messages that the broker may send before we acknowledge (MQTT 5) */
#define MF_MQTT_BATCH_MAX 256u             /* messages that are made durable together                    */
#define MF_MQTT_BATCH_BYTES_MAX (8u << 20) /* of these, but for one more message                         */
#define MF_MQTT_PACKET_BYTES_MAX (16u << 20) /* larger ones we forbid the broker to send (MQTT 5)        */
#define MF_MQTT_PROPERTIES_MAX 64u         /* user properties of one message                             */
#define MF_MQTT_HOLD_MS_FIRST 50u          /* until events that found no room are tried again; doubled   */
#define MF_MQTT_HOLD_MS_MAX 2000u
#define MF_MQTT_HOLD_MS_GIVE_UP 30000u     /* then the connection goes, and the broker keeps them        */
#define MF_MQTT_FILTERS_MAX 16384u         /* subscriptions                                              */
#define MF_MQTT_OUT_WINDOW 64u             /* publications on their way to the broker                    */
#define MF_MQTT_OUT_BYTES_MAX (8u << 20)   /* of these, but for one                                      */
#define MF_MQTT_OUT_COUNT_MAX 100000u      /* that wait for a broker                                     */
#define MF_MQTT_OUT_QUEUE_BYTES_MAX (256u << 20)
#define MF_MQTT_OUT_ATTEMPTS_MAX 16u       /* of one, at each of which the broker went away              */
#define MF_MQTT_OUT_LEASE_MS 120000u
#define MF_MQTT_OUT_ANSWER_MS 60000u       /* for the broker to acknowledge one                          */
#define MF_MQTT_OUT_IDLE_MS 30000u         /* then the connection for publications is closed             */
#define MF_MQTT_LOOSE_MAX 256u             /* publications of QoS 0 that wait for a connection           */
#define MF_MQTT_LOOSE_BYTES_MAX (1u << 20)
#define MF_MQTT_LEASE_MS 15000u            /* a node that is silent for so long no longer hears for a function */
#define MF_MQTT_LEASE_BEAT_MS 5000u        /* what a node holds it renews, for the rest it asks          */
#define MF_MQTT_STACK_BYTES (512u << 10)   /* of the thread that connects                                */

#endif
