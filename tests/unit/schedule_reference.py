#!/usr/bin/env python3
"""schedule_reference.py PROGRAM: asks PROGRAM (schedule_told.c) when cron expressions are due, in every
time zone there is and over many years, and compares with what follows from Python's zoneinfo."""
import calendar
import datetime
import random
import subprocess
import sys
import zoneinfo

UTC = datetime.timezone.utc
EPOCH = datetime.datetime(1970, 1, 1)


def seconds(naive):
    return int((naive - EPOCH).total_seconds())


def offset(zone, utc):
    return int(datetime.datetime.fromtimestamp(utc, zone).utcoffset().total_seconds())


def instant(zone, naive):
    """The first time a local time comes; left out, the moment at which it is."""
    first = naive.replace(tzinfo=zone, fold=0)
    utc = int(first.astimezone(UTC).timestamp())
    if datetime.datetime.fromtimestamp(utc, zone).replace(tzinfo=None) == naive:
        return utc
    low, high = seconds(naive) - 26 * 3600, seconds(naive) + 26 * 3600
    want = seconds(naive)
    while high - low > 1:  # the first moment whose local time is later
        middle = (low + high) // 2
        if middle + offset(zone, middle) > want:
            high = middle
        else:
            low = middle
    return high


def again(zone, naive):
    """The second time, of one that comes twice; None: it does not."""
    first, second = (int(naive.replace(tzinfo=zone, fold=fold).astimezone(UTC).timestamp()) for fold in (0, 1))
    shown = datetime.datetime.fromtimestamp(second, zone).replace(tzinfo=None)
    return second if second > first and shown == naive else None


def field(text, least, most):
    numbers = set()
    for part in text.split(','):
        span, _, step = part.partition('/')
        first, last = (least, most) if span == '*' else (int(span.split('-')[0]), int(span.split('-')[-1]))
        numbers |= set(range(first, last + 1, int(step or 1)))
    return numbers


def due(expression, zone, after, count):
    texts = expression.split()
    minutes, hours, days, months = (field(t, *r) for t, r in zip(texts, ((0, 59), (0, 23), (1, 31), (1, 12))))
    weekdays = {n % 7 for n in field(texts[4], 0, 7)}
    either = texts[2][0] != '*' and texts[4][0] != '*'
    times = sorted((h, m) for h in hours for m in minutes)
    each_hour = hours == set(range(24))
    day = (EPOCH + datetime.timedelta(seconds=after + offset(zone, after))).date() - datetime.timedelta(days=each_hour)
    answer = set()
    for _ in range(366 * 30):
        if len(answer) >= count and not each_hour:
            break
        in_month, in_week = day.day in days, day.isoweekday() % 7 in weekdays
        if day.month in months and (in_month or in_week if either else in_month and in_week):
            for hour, minute in times:
                local = datetime.datetime(day.year, day.month, day.day, hour, minute)
                answer |= {utc for utc in (instant(zone, local), again(zone, local) if each_hour else None)
                           if utc is not None and utc > after}
        if each_hour and len(answer) >= count + 2 * len(times):  # a day more: its hours may come before these
            break
        day += datetime.timedelta(days=1)
    return sorted(answer)[:count]


EXPRESSIONS = ['*/30 * * * *', '0 2 * * *', '30 2 * * *', '15,45 0-3 * * *', '0 0 1 * *', '59 23 31 12 *', '*/7 1 * 3,10,11 0',
               '0 12 13 * 5', '30 1 */5 * *', '0 3 * 3-4 7', '10 0 29 2 *', '5 4 * * 1-5']
TRICKY = ['Europe/Vienna', 'America/New_York', 'Australia/Lord_Howe', 'Africa/Casablanca', 'America/Havana',
          'Asia/Tehran', 'Pacific/Apia', 'Africa/El_Aaiun', 'Europe/Dublin', 'America/Sao_Paulo']


def around_changes(name):
    """Both changes of years, near and far, minute by minute."""
    zone = zoneinfo.ZoneInfo(name)
    for year in (1999, 2011, 2018, 2026, 2037, 2038, 2060):
        was = None
        for hour in range(365 * 24):
            utc = calendar.timegm((year, 1, 1, 0, 0, 0)) + 3600 * hour
            now = offset(zone, utc)
            if was is not None and now != was:
                yield name, '*/10 * * * *', utc - 3 * 3600, 40
                yield name, '30 0-4 * * *', utc - 30 * 3600, 12
            was = now


def questions():
    random.seed(20261130)
    for i, name in enumerate(sorted(zoneinfo.available_timezones() - {'localtime'})):
        for j in range(2):
            after = calendar.timegm((random.randrange(1972, 2090), random.randrange(1, 13), random.randrange(1, 29),
                                     random.randrange(24), random.randrange(60), random.randrange(60)))
            yield name, EXPRESSIONS[(i + j) % len(EXPRESSIONS)], after, 40 if j else 8
    for name in TRICKY:
        yield from around_changes(name)


def main():
    asked = list(questions())
    text = ''.join(f'{name}|{expression}|{after}|{count}\n' for name, expression, after, count in asked)
    told = subprocess.run([sys.argv[1]], input=text, capture_output=True, text=True, check=True).stdout.split('\n')
    wrong = 0
    for (name, expression, after, count), line in zip(asked, told):
        expected = due(expression, zoneinfo.ZoneInfo(name), after, count)
        if [int(t) for t in line.split() if t.lstrip('-').isdigit()][:len(expected)] != expected:
            wrong += 1
            if wrong <= 10:
                print(f'{name} "{expression}" after {after}\n  expected {expected[:6]} …\n  told     {line[:80]} …')
    print(f'{len(asked)} questions, {wrong} answered otherwise than by zoneinfo')
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
