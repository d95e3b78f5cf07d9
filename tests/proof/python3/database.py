# sqlite3: files, transactions, threads, functions of ours, a backup. Debian packages no test_sqlite3.
import os
import sqlite3
import tempfile
import threading

folder = tempfile.mkdtemp()
path = os.path.join(folder, 'db')
db = sqlite3.connect(path)
db.execute('PRAGMA journal_mode = WAL').fetchone()
db.execute('CREATE TABLE number (n INTEGER PRIMARY KEY, square INTEGER, text TEXT)')
with db:
    db.executemany('INSERT INTO number VALUES (?, ?, ?)', ((n, n * n, f'number {n}') for n in range(10000)))
print(db.execute('SELECT count(*), sum(square) FROM number').fetchone())
try:
    with db:
        db.execute('DELETE FROM number')
        raise RuntimeError('on purpose')
except RuntimeError:
    print(db.execute('SELECT count(*) FROM number').fetchone())


def add(base):
    own = sqlite3.connect(path, timeout=30)
    for n in range(base, base + 50):
        with own:
            own.execute('INSERT INTO number VALUES (?, ?, ?)', (n, n * n, None))
    own.close()


threads = [threading.Thread(target=add, args=(20000 + i * 100,)) for i in range(6)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(db.execute('SELECT count(*) FROM number').fetchone())
db.create_function('reversed', 1, lambda text: text and text[::-1])
db.create_collation('by_length', lambda a, b: len(a) - len(b) or (a > b) - (a < b))
print(db.execute('SELECT reversed(text) FROM number WHERE n < 20 ORDER BY text COLLATE by_length DESC LIMIT 3').fetchall())
copy = sqlite3.connect(':memory:')
db.backup(copy)
print(copy.execute('SELECT max(n) FROM number').fetchone(), copy.execute('PRAGMA integrity_check').fetchone())
print(sum(1 for _ in db.iterdump()) > 10000)
db.close()
print(sorted(os.listdir(folder)))
