-- Tables, indices, joins, recursion, windows, triggers, JSON, full text.
CREATE TABLE shop (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE reading (shop INTEGER REFERENCES shop, at INTEGER, degrees REAL, PRIMARY KEY (shop, at)) WITHOUT ROWID;
CREATE INDEX by_degrees ON reading (degrees);
CREATE TABLE alarm (shop INTEGER, at INTEGER);
CREATE TRIGGER warm AFTER INSERT ON reading WHEN new.degrees > 9.5 BEGIN
  INSERT INTO alarm VALUES (new.shop, new.at);
END;
INSERT INTO shop VALUES (1, 'north'), (2, 'south'), (3, 'closed');
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 49999)
  INSERT INTO reading SELECT i % 2 + 1, i / 2, (i * 7919 % 1000) / 100.0 FROM n;
SELECT count(*), round(sum(degrees), 2), min(degrees), max(degrees) FROM reading;
SELECT name, count(degrees), round(avg(degrees), 3) FROM shop LEFT JOIN reading ON shop.id = shop GROUP BY name ORDER BY name;
SELECT shop, count(*) FROM alarm GROUP BY shop;
SELECT at, degrees, round(avg(degrees) OVER (ORDER BY at ROWS 3 PRECEDING), 3) FROM reading WHERE shop = 1 LIMIT 5;
EXPLAIN QUERY PLAN SELECT * FROM reading WHERE degrees = 5.0;
SELECT json_extract('{"a":[1,{"b":"c"}]}', '$.a[1].b'), json_group_array(id) FROM shop;
CREATE VIRTUAL TABLE words USING fts5(text);
INSERT INTO words VALUES ('the quick brown fox'), ('jumps over'), ('the lazy dog');
SELECT rowid, highlight(words, 0, '[', ']') FROM words WHERE words MATCH 'lazy OR quick' ORDER BY rowid;
SELECT hex(substr(zeroblob(4), 1)), typeof(1.0), 9223372036854775807 + 1, printf('%.3f', 1.0 / 3), 7 / 2, 'x' || NULL IS NULL;
PRAGMA integrity_check;
