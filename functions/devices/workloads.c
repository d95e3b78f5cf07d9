/* workloads.c: what each kind of device says (devices.h). */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "devices.h"

/* A number in 0 … below - 1 that belongs to (seed, device, k): splitmix64's finish. */
static uint32_t drawn(const struct scene *scene, uint32_t device, uint64_t k, uint32_t below)
{
    uint64_t x = scene->seed + device * 0x9e3779b97f4a7c15u + k * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return (uint32_t)((x ^ (x >> 31)) % below);
}

static int64_t time_of(const struct scene *scene, uint64_t k)
{
    return scene->start_s + (int64_t)k * scene->step_s;
}

static void date(const struct scene *scene, uint64_t k, const char *form, char text[static 32])
{
    time_t at = (time_t)time_of(scene, k);
    struct tm tm;
    gmtime_r(&at, &tm);
    strftime(text, 32, form, &tm);
}

/* A Smart Citizen Kit, in turn in each of the three forms it has. Sensor 112 is CO2, in ppm:
 * mostly good air, now and then not. */
static bool co2(const struct scene *scene, uint32_t device, uint64_t k, struct message *m)
{
    char at[32];
    uint32_t ppm = 400 + drawn(scene, device, k, 750), humidity = 30 + drawn(scene, device, k + 1, 40);
    bool raw = k % 3 == 2;
    date(scene, k, k % 3 == 1 ? "%Y-%m-%d %H:%M:%S" : "%Y-%m-%dT%H:%M:%SZ", at);
    (void)snprintf(m->topic, sizeof m->topic, "device/sck/kit%u/readings%s", device, raw ? "/raw" : "");
    (void)snprintf(m->payload, sizeof m->payload,
                   raw ? "{t:%s,112:%u,56:%u}"
                       : "{\"data\":[{\"recorded_at\":\"%s\",\"sensors\":[{\"id\":112,\"value\":%u},"
                         "{\"id\":56,\"value\":%u}]}]}",
                   at, ppm, humidity);
    return true;
}

static bool lights(const struct scene *scene, uint32_t device, uint64_t k, struct message *m)
{
    (void)scene;
    (void)snprintf(m->topic, sizeof m->topic, "lights/room%u/motion", device);
    (void)snprintf(m->payload, sizeof m->payload, "{\"motion\":%s,\"n\":%llu}", k % 2 ? "false" : "true",
                   (unsigned long long)k);
    return true;
}

static bool smoke(const struct scene *scene, uint32_t device, uint64_t k, struct message *m)
{
    (void)snprintf(m->topic, sizeof m->topic, "smoke/room%u/value", device);
    (void)snprintf(m->payload, sizeof m->payload, "{\"value\":%u,\"room\":\"room%u\",\"n\":%llu}",
                   drawn(scene, device, k, 60), device, (unsigned long long)k);
    return true;
}

static bool scale(const struct scene *scene, uint32_t device, uint64_t k, struct message *m)
{
    (void)snprintf(m->topic, sizeof m->topic, "health/user%u/weight", device);
    (void)snprintf(m->payload, sizeof m->payload, "{\"weight\":%u.%u,\"n\":%llu}",
                   60 + device % 40 + drawn(scene, device, k, 3), drawn(scene, device, ~k, 10),
                   (unsigned long long)k);
    return true;
}

static bool door(const struct scene *scene, uint32_t device, uint64_t k, struct message *m)
{
    int64_t at = time_of(scene, k) + drawn(scene, device, k, (uint32_t)scene->step_s + 1);
    (void)snprintf(m->topic, sizeof m->topic, "home/fridge%u/door", device);
    (void)snprintf(m->payload, sizeof m->payload, "{\"door\":\"%s\",\"at\":%lld,\"n\":%llu}",
                   k % 2 ? "closed" : "open", (long long)at, (unsigned long long)k);
    return true;
}

static bool index_asked(const struct scene *scene, uint32_t device, uint64_t k, struct message *m)
{
    (void)snprintf(m->topic, sizeof m->topic, "fib/user%u/index", device);
    (void)snprintf(m->payload, sizeof m->payload, "%u", 20 + drawn(scene, device, k, 6));
    return true;
}

/* A shop's refrigerators: the first warms up from its tenth reading on, the second's door stays
 * open from then, the third falls silent; all others are well. */
static bool fridge(const struct scene *scene, uint32_t device, uint64_t k, struct message *m)
{
    bool late = k >= 10;
    if (device == 2 && late)
        return false;
    bool opens = device == 1 && k == 10;
    uint32_t tenths = 30 + drawn(scene, device, k, 20) + (device == 0 && late ? 60 : 0);
    (void)snprintf(m->topic, sizeof m->topic, "shop/1/fridge/f%u/%s", device, opens ? "door" : "reading");
    if (opens)
        (void)snprintf(m->payload, sizeof m->payload, "{\"door\":\"open\",\"at\":%lld}",
                       (long long)time_of(scene, k));
    else
        (void)snprintf(m->payload, sizeof m->payload, "{\"temperature\":%u.%u,\"at\":%lld}", tenths / 10,
                       tenths % 10, (long long)time_of(scene, k));
    return true;
}

static const struct workload workloads[] = {
    {"co2", "Smart Citizen Kits on device/sck/KIT/readings, in all three forms", co2},
    {"cold-chain", "refrigerators on shop/1/fridge/FRIDGE/reading and door, three of them in trouble", fridge},
    {"lights", "motion sensors on lights/ROOM/motion", lights},
    {"alert", "smoke detectors on smoke/ROOM/value", smoke},
    {"dhs", "scales on health/USER/weight", scale},
    {"fdc", "door contacts on home/FRIDGE/door", door},
    {"fib", "people who ask for Fibonacci numbers on fib/USER/index", index_asked},
};

const struct workload *workload_at(size_t index)
{
    return index < sizeof workloads / sizeof workloads[0] ? &workloads[index] : NULL;
}

const struct workload *workload_find(const char *name)
{
    for (size_t i = 0; workload_at(i); i++)
        if (strcmp(workloads[i].name, name) == 0)
            return &workloads[i];
    return NULL;
}
