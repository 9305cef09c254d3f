"""When random cron expressions are due, worked out the slow way, for ScheduleOracleTests to compare with.

It shares nothing with the model: zones are those of Python's zoneinfo, expressions are kept as sets of numbers as they are made up,
and each minute of a stretch of time is looked at. Fixed times are decided by the fold of PEP 495.

    schedule_oracle.py due SEED CASES

prints one case a line: zone, expression, from, to (POSIX seconds), and the due times in from < t <= to, with tabs between;
or zone and expression alone where no day can match.

    schedule_oracle.py zones SEED CASES

prints random offsets of every zone: zone, time, its offset, a local time (as if it were UTC), and what it means: one time, two, or
"gap" and the first time after it.
"""

import random
import sys
from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo, available_timezones

ZONES = [
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kolkata",
    "Africa/Casablanca",
    "Pacific/Apia",
    "UTC",
    "America/Nuuk",
    "Europe/Dublin",
    "America/Sao_Paulo",
]
MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
DAYS = "sun mon tue wed thu fri sat".split()
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
MINUTE = timedelta(minutes=1)


class Field:
    """A random field: its text, and the values that it names."""

    def __init__(self, rng, low, high, names=None, first=0, density=0.5):
        def value(number):
            if names and rng.random() < 0.4:
                name = names[(number - first) % len(names)]
                return "".join(rng.choice([c.lower(), c.upper()]) for c in name)
            return str(number) if rng.random() < 0.9 else f"{number:02}"

        self.values = set()
        texts = []
        if rng.random() < density:
            self.text, self.star, self.values = "*", True, set(range(low, high + 1))
        else:
            for _ in range(rng.choice([1, 1, 1, 2, 3])):
                kind = rng.choice(["value", "value", "range", "range step", "star step"])
                a, b = sorted([rng.randint(low, high), rng.randint(low, high)])
                step = rng.randint(1, max(1, (high - low) // rng.choice([1, 2, 4])))
                if kind == "value":
                    texts.append(value(a))
                    self.values.add(a)
                elif kind == "range":
                    texts.append(f"{self.start(value, a, names)}-{self.end(value, a, b, names)}")
                    self.values.update(v for v in range(low, high + 1) if a <= v <= b)
                elif kind == "range step":
                    texts.append(f"{self.start(value, a, names)}-{self.end(value, a, b, names)}/{step}")
                    self.values.update(v for v in range(low, high + 1) if a <= v <= b and (v - a) % step == 0)
                else:
                    texts.append(f"*/{step}")
                    self.values.update(v for v in range(low, high + 1) if (v - low) % step == 0)
            self.text = ",".join(texts)
            self.star = self.text[0] == "*"
        if high == 7:
            self.values = {v % 7 for v in self.values}

    @staticmethod
    def start(value, a, names):
        # "sun" is 0 at the front of a range.
        return "7" if names is DAYS and a == 7 else value(a)

    @staticmethod
    def end(value, a, b, names):
        # "sun" is 7 at the end of a range that would run backwards otherwise.
        return str(b) if names is DAYS and a == 0 and b in (0, 7) else value(b)


class Cron:
    """An expression that is due now and then."""

    def __init__(self, rng, minute=0.3, hour=0.4, dom=0.6, month=0.7, dow=0.6):
        self.minute = Field(rng, 0, 59, density=minute)
        self.hour = Field(rng, 0, 23, density=hour)
        self.dom = Field(rng, 1, 31, density=dom)
        self.month = Field(rng, 1, 12, MONTHS, 1, density=month)
        self.dow = Field(rng, 0, 7, DAYS, 0, density=dow)
        self.text = " ".join(f.text for f in (self.minute, self.hour, self.dom, self.month, self.dow))
        self.interval = self.minute.star or self.hour.star

    def possible(self):
        """Whether any day of a leap year or a common one can match; told by trying all."""
        days = [date(2000, 1, 1) + timedelta(n) for n in range(366)]
        if self.dom.star or self.dow.star:
            return any(d.month in self.month.values and d.day in self.dom.values for d in days)
        return True

    def day(self, d):
        if d.month not in self.month.values:
            return False
        dom = d.day in self.dom.values
        dow = d.isoweekday() % 7 in self.dow.values
        if self.dom.star or self.dow.star:
            return dom and dow
        return dom or dow

    def time(self, t):
        return t.hour in self.hour.values and t.minute in self.minute.values


class SparseCron(Cron):
    """An expression that is due on few days, at few minutes."""

    def __init__(self, rng):
        super().__init__(rng, minute=0, dom=0.2, month=0.1)
        while len(self.minute.values) > 5:
            super().__init__(rng, minute=0, dom=0.2, month=0.1)


class Window:
    """Each minute of a stretch of time, and the local minutes in and around it."""

    def __init__(self, zone, start, minutes):
        self.zone = ZoneInfo(zone)
        self.name = zone
        self.start = start
        self.end = start + minutes * MINUTE
        self.instants = [start + n * MINUTE for n in range(1, minutes + 1)]
        self.shown = [self.local(t) for t in self.instants]
        first = self.local(start).replace(second=0) - timedelta(hours=49)
        last = self.local(self.end).replace(second=0) + timedelta(hours=49)
        self.fixed = []
        wall = first
        while wall <= last:
            due = self.due(wall)
            if start < due <= self.end:
                self.fixed.append((wall, due))
            wall += MINUTE

    def local(self, instant):
        return instant.astimezone(self.zone).replace(tzinfo=None)

    def due(self, wall):
        """Its first occurrence, or where it has none the first instant after the gap."""
        instant = wall.replace(tzinfo=self.zone, fold=0).astimezone(timezone.utc)
        if self.local(instant) == wall:
            return instant
        # With fold=0 a time in a gap is told by the offset before it, and so lands after it: walk back to the gap's end.
        while self.local(instant - MINUTE) > wall:
            instant -= MINUTE
        return instant

    def due_times(self, cron):
        days = {}

        def matches(wall):
            if not cron.time(wall):
                return False
            d = wall.date()
            if d not in days:
                days[d] = cron.day(d)
            return days[d]

        if cron.interval:
            return [t for t, wall in zip(self.instants, self.shown) if matches(wall)]
        return sorted({due for wall, due in self.fixed if matches(wall)})


def posix(instant):
    return int((instant - EPOCH).total_seconds())


def changes(zone, year):
    """The hours of a year at which the zone's offset has changed within an hour."""
    info = ZoneInfo(zone)

    def offset(instant):
        return instant.astimezone(info).utcoffset()

    day, hour = timedelta(days=1), timedelta(hours=1)
    days = [datetime(year, 1, 1, tzinfo=timezone.utc) + n * day for n in range(366)]
    turning = [d for d in days if offset(d) != offset(d + day)]
    return [d + n * hour for d in turning for n in range(24) if offset(d + n * hour) != offset(d + n * hour + hour)]


def window(rng, number):
    zone = ZONES[number % len(ZONES)]
    if zone == "Pacific/Apia" and rng.random() < 0.5:
        start = datetime(2011, 12, 28, tzinfo=timezone.utc) + timedelta(minutes=rng.randint(0, 2000))
        return Window(zone, start, 4000)
    year = rng.choice([rng.randint(1972, 2037), rng.randint(2020, 2030), rng.randint(2038, 2200)])
    near = changes(zone, year)
    if near and rng.random() < 0.8:
        start = rng.choice(near) - timedelta(minutes=rng.choice([rng.randint(0, 240), rng.randint(0, 1500)]))
        return Window(zone, start, rng.randint(400, 1600))
    start = datetime(year, 1, 1, tzinfo=timezone.utc) + timedelta(minutes=rng.randint(0, 525000))
    return Window(zone, start, rng.randint(500, 2500))


def sparse(rng, cron, zone):
    """All of some years, with the days picked first: for expressions that are seldom due."""
    start = datetime(rng.randint(1972, 2090), 1, 1, tzinfo=timezone.utc) + timedelta(minutes=rng.randint(0, 525000))
    end = start + timedelta(days=rng.choice([400, 4000, 15000]))
    info = ZoneInfo(zone)
    found = []
    d = start.date() - timedelta(2)
    while d <= end.date() + timedelta(2) and len(found) < 20:
        if cron.day(d):
            found.append(d)
        d += timedelta(1)
    # Only whole days before the cut are compared.
    if d <= end.date() + timedelta(2):
        end = datetime(d.year, d.month, d.day, tzinfo=timezone.utc) - timedelta(days=3)
    due = set()
    for d in found:
        day = Window.__new__(Window)
        day.zone = info
        for minute in range(1440):
            wall = datetime(d.year, d.month, d.day) + minute * MINUTE
            if not cron.time(wall):
                continue
            for fold in (0, 1) if cron.interval else (0,):
                instant = wall.replace(tzinfo=info, fold=fold).astimezone(timezone.utc)
                if day.local(instant) == wall:
                    due.add(instant)
                elif not cron.interval:
                    due.add(day.due(wall))
    return start, end, sorted(t for t in due if start < t <= end)


def show(zone, cron, start, end, due):
    print("\t".join([zone, cron.text, str(posix(start)), str(posix(end)), *(str(posix(t)) for t in due)]))


def due(rng, cases):
    made = 0
    number = 0
    while made < cases:
        number += 1
        stretch = window(rng, number)
        crons = [Cron(rng) for _ in range(100)]
        for cron in crons:
            if cron.possible():
                show(stretch.name, cron, stretch.start, stretch.end, stretch.due_times(cron))
            else:
                print(stretch.name, cron.text, sep="\t")
            made += 1
        for cron in (SparseCron(rng) for _ in range(8)):
            if cron.possible():
                show(stretch.name, cron, *sparse(rng, cron, stretch.name))
                made += 1


def zones(rng, cases):
    second = timedelta(seconds=1)
    # Those that count leap seconds, and the host's own, are not for everyone.
    names = sorted(n for n in available_timezones() if n != "localtime" and n[:6] not in ("right/", "posix/"))
    for number in range(cases):
        name = names[number % len(names)]
        info = ZoneInfo(name)

        def local(instant):
            return instant.astimezone(info).replace(tzinfo=None)

        time = EPOCH + timedelta(seconds=rng.randint(-4_000_000_000, 12_000_000_000))
        year = rng.randint(1850, 2150)
        near = changes(name, year)
        if near and rng.random() < 0.9:
            time = rng.choice(near) + timedelta(seconds=rng.randint(0, 3600))
        wall = local(time) + timedelta(minutes=rng.randint(-90, 90))
        meant = sorted({wall.replace(tzinfo=info, fold=fold).astimezone(timezone.utc) for fold in (0, 1)})
        real = [t for t in meant if local(t) == wall]
        if not real:
            # Between the two readings of a time in a gap the clock jumps over it: bisect.
            low, high = meant
            while high - low > second:
                middle = low + timedelta(seconds=int((high - low).total_seconds()) // 2)
                low, high = (low, middle) if local(middle) > wall else (middle, high)
            real = [high]
        offset = int(time.astimezone(info).utcoffset().total_seconds())
        shown = posix(wall.replace(tzinfo=timezone.utc))
        gap = ["gap"] if local(real[0]) != wall else []
        print(name, posix(time), offset, shown, *gap, *map(posix, real), sep="\t")


if __name__ == "__main__":
    {"due": due, "zones": zones}[sys.argv[1]](random.Random(int(sys.argv[2])), int(sys.argv[3]))
