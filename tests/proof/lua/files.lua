-- Files in /tmp, positions, lines, removal, what is not there.
local name = os.tmpname()
local file <close> = assert(io.open(name, 'w+'))
for i = 1, 1000 do file:write(i, '\t', i * i, '\n') end
print('end', file:seek('end'))
print('start', file:seek('set', 0))
local sum = 0
for line in file:lines() do sum = sum + tonumber(line:match('\t(%d+)')) end
print('sum', sum)
file:seek('set', 2)
print('numbers', file:read('n', 'n', 'l', 'L', 5))
file:seek('set', 0)
print('all', #file:read('a'), file:read('a'), file:read('l'))
print('buffering', file:setvbuf('full', 65536))
file:write(('z'):rep(100000))
file:flush()
print('grown', file:seek('end'))
local other = name .. '.other'
print('rename', os.rename(name, other))
print('gone', io.open(name) == nil)
for line in io.lines(other) do print('first', line) break end
print('remove', os.remove(other))
print('missing', io.open('/nowhere/at/all'))
print('read-only', (io.open('/usr/bin/lua5.4', 'w')) == nil)
print('time', os.time({year = 2026, month = 11, day = 30, hour = 12}) > 0, os.date('!%Y-%m-%dT%H:%M:%S', 86400 * 365))
print('clock', os.clock() >= 0)
print('environment', os.getenv('HOME'), os.getenv('NOTHING'))
