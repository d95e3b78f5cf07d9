"""sqlite3: in memory and in a file, transactions, functions of Python's, an index, a journal."""
import os
import sqlite3
import tempfile


def fill(base):
    base.execute('CREATE TABLE reading (at INTEGER PRIMARY KEY, sensor TEXT, value REAL)')
    with base:
        base.executemany('INSERT INTO reading VALUES (?, ?, ?)',
                         ((i, 's%d' % (i % 7), i * 0.5) for i in range(5000)))
    base.execute('CREATE INDEX by_sensor ON reading (sensor, value)')


def ask(base):
    base.create_function('twice', 1, lambda x: x * 2)
    for row in base.execute('SELECT sensor, count(*), twice(max(value)) FROM reading GROUP BY sensor'):
        print(row)
    try:
        with base:
            base.execute('DELETE FROM reading')
            base.execute('INSERT INTO reading VALUES (1, "a", 1), (1, "b", 2)')
    except sqlite3.IntegrityError as error:
        print(error)
    print(base.execute('SELECT count(*) FROM reading').fetchone())


memory = sqlite3.connect(':memory:')
fill(memory)
ask(memory)
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, 'base')
    for mode in ('delete', 'wal'):
        base = sqlite3.connect(path + mode)
        print(base.execute('PRAGMA journal_mode=' + mode).fetchone())
        fill(base)
        ask(base)
        base.close()
        again = sqlite3.connect(path + mode)
        print(again.execute('SELECT sum(value) FROM reading').fetchone(), again.execute('PRAGMA integrity_check').fetchone())
        again.close()
    print(sorted(os.listdir(folder)))
