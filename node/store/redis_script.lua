-- redis_script.lua: what queues and key-values are, in Redis: what ledger.h is for the other
-- back ends. Sent once to each server (SCRIPT LOAD); one call is one operation, whole or not
-- at all. Every answer begins with an mf_err.
--
-- KEYS[1] is the beginning of all names of one queue, mayfly:{TENANT/QUEUE}: (or mayfly:{TENANT}:
-- of one space), behind it:
--   0 1     streams of entries by priority, ids 0-ID, fields e (event), t (enqueued_ms); group
--           mayfly holds in its list of pending ones who has which, and how often it was given.
--           Consumer - has those that came back.
--   l0 l1   leases: ids by their end        r0 r1  what came back: ids by "not before"; padded
--           with zeros, for what ends at the same time is ordered as text
--   x X     dead letters: ids; id to what it was        m  counters
--   wake    a channel: something can be taken, or later than thought
--   v e     keys to values, to their ends   k  keys in order   t  keys by their end
-- and of a tenant whose queues are counted, mayfly:{TENANT}: and behind it:
--   q       their names        f  no id of one that gave its name back is above it
--   b       their bytes are no more than that: what was appended since they were last added up
-- and of any other, mayfly:{TENANT}: and behind it:
--   n       the names of its queues, in order
-- mayfly:notes: is of all queues: behind it
--   v       keys to notes of ends      k  keys in the order of these      n  how many there ever were
-- Numbers are doubles: everything is below 2^53 but values of `increment`, which stay text.
local ENOENT, EEXIST, EINVAL, EFULL, ETOOBIG = -5, -6, -1, -14, -7
local GROUP, NOBODY, NEVER = 'mayfly', '-', -1
local AGED_MAX, EXPIRED_MAX, BYTES_MAX, MOVED_BYTES_MAX = 64, 16, 8388608, 16777216
local DROPPED_MAX, DROP_LOOKS_MAX, ENDED_TOLD = 64, 2048, 33024
local NOTES, NOTES_MAX = 'mayfly:notes:', 16384
local base, now = KEYS[1], tonumber(ARGV[2])
local call = redis.call

local function text(number) return string.format('%.0f', number + 0) end -- -0 is 0
local function key(name) return base .. name end
local function priority_of(id) return tonumber(id) % 4 end
local function stream_of(id) return key(text(priority_of(id))) end
local function counter(name) return tonumber(call('HGET', key('m'), name) or '0') end
local function count(name, by) call('HINCRBY', key('m'), name, text(by)) end
local function wake() call('PUBLISH', key('wake'), '') end

local operation = {}

-- What appends have dropped, a take has found too old, or a purge removed, if any, is an answer's last element, a list;
-- of each: for which append (0: the operation's own, else that to KEYS[i + 1]), id, enqueued_ms, attempts, the event's
-- beginning. Also that an append to KEYS[i + 1] became a dead letter.
local told_ended
local function with_ended(answer)
  if told_ended then answer[#answer + 1] = told_ended end
  return answer
end

-- Redis runs all of this anew for each call, and every function costs a part of a microsecond to
-- define: what is called often stands first.

-- Of a queue whose tenant has bounds: how the tenant's own names begin, and the queue's; nil: no
-- room for it there. judged: that was asked before anything of this step was written.
local function tenant_of(k, is_new, more_bytes, queues_max, bytes_max, judged)
  local tenant, name = string.match(k, '^mayfly:{([^/]*)/([^}]*)}:$')
  local whose = 'mayfly:{' .. tenant .. '}:'
  if judged then return whose, name end
  if is_new and call('SCARD', whose .. 'q') >= tonumber(queues_max) then return nil end
  local most = tonumber(call('GET', whose .. 'b') or '-1')
  if most < 0 or most + more_bytes > tonumber(bytes_max) then
    most = 0
    for _, each in ipairs(call('SMEMBERS', whose .. 'q')) do
      local was = call('HMGET', 'mayfly:{' .. tenant .. '/' .. each .. '}:m', 'bytes', 'dead_bytes')
      most = most + tonumber(was[1] or '0') + tonumber(was[2] or '0')
    end
    call('SET', whose .. 'b', text(most))
  end
  if most + more_bytes > tonumber(bytes_max) then return nil end
  return whose, name
end

-- What it takes to append that much to the queue whose names begin so; nil: it is refused. Its
-- counter, count and bytes; `dropped`: which of the oldest go for it, those that nobody holds, bulk
-- ones first; `buried`: it becomes dead letters. overflow: as in store.h.
local function room_for(k, priority, more_count, more_bytes, count_max, bytes_max, overflow, dead_max, tenant_queues_max,
    tenant_bytes_max, judged)
  local was = call('HMGET', k .. 'm', 'counter', 'count', 'bytes') -- few calls: this is the common one
  local ids, count_was, bytes_was = tonumber(was[1] or '0'), tonumber(was[2] or '0'), tonumber(was[3] or '0')
  local dropped, looks, whose, name, is_new = nil, 0, nil, nil, ids == 0
  if tenant_queues_max ~= '0' then
    whose, name = tenant_of(k, is_new, more_bytes, tenant_queues_max, tenant_bytes_max, judged)
    if not whose then return nil end
    if is_new then ids = tonumber(call('GET', whose .. 'f') or '0') end
  end
  count_max, bytes_max = tonumber(count_max) - more_count, tonumber(bytes_max) - more_bytes
  if (count_was > count_max or bytes_was > bytes_max) and overflow == '1' then
    dropped = {}
    for each = 1, priority, -1 do
      local from, stop = '-', false
      while not stop and (count_was > count_max or bytes_was > bytes_max) do
        local found = call('XRANGE', k .. text(each), from, '+', 'COUNT', 16)
        for _, one in ipairs(found) do
          if count_was <= count_max and bytes_was <= bytes_max then break end
          looks = looks + 1
          stop = #dropped == DROPPED_MAX or looks > DROP_LOOKS_MAX
          if stop then break end
          local id = string.sub(one[1], 3)
          from = '(' .. one[1]
          if not call('ZSCORE', k .. 'l' .. text(each), string.format('%017.0f', tonumber(id))) then
            dropped[#dropped + 1] = { text(each), id, one[2][2], one[2][4] }
            count_was, bytes_was = count_was - 1, bytes_was - #one[2][2]
          end
        end
        stop = stop or #found < 16
      end
    end
  end
  local fits, buried = count_was <= count_max and bytes_was <= bytes_max, false
  if not fits and overflow == '2' then
    buried = tonumber(call('HGET', k .. 'm', 'dead_count') or '0') + more_count <= tonumber(dead_max)
  end
  if not fits and not buried then return nil end
  return { ids = ids, count = count_was, bytes = bytes_was, dropped = dropped, buried = buried, whose = whose,
    name = name, is_new = is_new }
end

-- A queue of a tenant that may have any number.
local function list_name(k)
  local tenant, name = string.match(k, '^mayfly:{([^/]*)/([^}]*)}:$')
  if call('SISMEMBER', 'mayfly:{' .. tenant .. '}:q', name) == 0 then call('ZADD', 'mayfly:{' .. tenant .. '}:n', 0, name) end
end

local function bury_in(k, priority, first, last, answer)
  for i = first, last do
    local id = text(call('HINCRBY', k .. 'm', 'counter', 1) * 4 + priority)
    call('ZADD', k .. 'x', id, id)
    call('HSET', k .. 'X', id, cmsgpack.pack({ now, now, 0, 'queue full', ARGV[i] }))
    call('HINCRBY', k .. 'm', 'dead_count', 1)
    call('HINCRBY', k .. 'm', 'dead_bytes', #ARGV[i])
    answer[#answer + 1] = id
  end
  answer[#answer + 1] = last - first + 1
end

local function tell_ended(which, id, enqueued, attempts, event)
  told_ended = told_ended or {}
  for _, field in ipairs({ which, id, enqueued, attempts, string.sub(event, 1, ENDED_TOLD) }) do
    told_ended[#told_ended + 1] = field
  end
end

local function drop_from(k, dropped, which)
  for _, each in ipairs(dropped) do
    local stream, id, event, enqueued = k .. each[1], '0-' .. each[2], each[3], each[4]
    local pending = call('XPENDING', stream, GROUP, id, id, 1)[1]
    tell_ended(which, each[2], enqueued, pending and pending[4] or 0, event)
    call('XACK', stream, GROUP, id)
    call('XDEL', stream, id)
    call('ZREM', k .. 'r' .. each[1], string.format('%017.0f', tonumber(each[2])))
  end
end

-- ARGV[first] to ARGV[last], as room_for() found; which: of the appends of this step.
local function append_to(k, priority, first, last, more_bytes, room, answer, which)
  local ids = room.ids
  if room.is_new then
    call('HSET', k .. 'm', 'counter', text(ids)) -- where bury_in() goes on, too
    if not room.whose then list_name(k) end
    for each = 0, 1 do redis.pcall('XGROUP', 'CREATE', k .. text(each), GROUP, '0', 'MKSTREAM') end
  end
  if room.whose then
    if room.is_new then call('SADD', room.whose .. 'q', room.name) end
    call('INCRBY', room.whose .. 'b', text(more_bytes))
  end
  if room.buried then return bury_in(k, priority, first, last, answer) end
  if room.dropped and #room.dropped > 0 then drop_from(k, room.dropped, which) end
  local stream = k .. text(priority)
  for i = first, last do
    ids = ids + 1
    local id = text(ids * 4 + priority)
    call('XADD', stream, '0-' .. id, 'e', ARGV[i], 't', ARGV[2])
    answer[#answer + 1] = id
  end
  call('HSET', k .. 'm', 'counter', text(ids), 'count', text(room.count + last - first + 1), 'bytes',
    text(room.bytes + more_bytes))
  if room.dropped then answer[#answer + 1] = #room.dropped end
  call('PUBLISH', k .. 'wake', '')
end

-- What is appended to other queues in the same step: KEYS[2] … are their names, and behind the
-- operation's own arguments stand for each: priority, count_max, bytes_max, overflow, dead_max,
-- tenant_queues_max, tenant_bytes_max, the event; last, where these begin.
local own_last, also_fits, also_append = #ARGV, nil, nil
if #KEYS > 1 then
  local first = tonumber(ARGV[#ARGV])
  own_last = first - 1

  local function room_of(i, judged)
    local at = first + (i - 2) * 8
    return room_for(KEYS[i], tonumber(ARGV[at]), 1, #ARGV[at + 7], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4],
      ARGV[at + 5], ARGV[at + 6], judged)
  end

  function also_fits()
    for i = 2, #KEYS do
      if not room_of(i) then return false end
    end
    return true
  end

  function also_append()
    for i = 2, #KEYS do
      local at = first + (i - 2) * 8
      local room = room_of(i, true)
      append_to(KEYS[i], tonumber(ARGV[at]), at + 7, at + 7, #ARGV[at + 7], room, {}, i - 1)
      if room.buried then tell_ended(i - 1, '0', '0', 0, '') end -- who sent it has the event
    end
  end
end

-- priority, count_max, bytes_max, overflow, dead_max, tenant_queues_max, tenant_bytes_max, events …
local FIRST_EVENT = 10
if ARGV[1] == 'append' then
  local priority, more_bytes, answer = tonumber(ARGV[3]), 0, { 0 }
  for i = FIRST_EVENT, own_last do more_bytes = more_bytes + #ARGV[i] end
  local room = room_for(base, priority, own_last - FIRST_EVENT + 1, more_bytes, ARGV[4], ARGV[5], ARGV[6], ARGV[7],
    ARGV[8], ARGV[9])
  if not room or (also_fits and not also_fits()) then return { EFULL } end
  append_to(base, priority, FIRST_EVENT, own_last, more_bytes, room, answer, 0)
  if also_append then also_append() end
  return with_ended(answer)
end

-- ---- key-values ----

if not string.find(base, '/', 1, true) then
  -- When it ends; nil: it has.
  local function end_of(name)
    local expires = tonumber(call('HGET', key('e'), name) or NEVER)
    return (expires == NEVER or expires > now) and expires or nil
  end

  -- A value, or nil where there is none or not any more; its end.
  local function value_of(name)
    local expires = end_of(name)
    local value = expires and call('HGET', key('v'), name)
    if not value then return nil end
    return value, expires
  end

  local function bytes_of(name) return call('HSTRLEN', key('v'), name) end

  local function drop(name)
    local value = call('HGET', key('v'), name)
    if not value then return end
    call('HDEL', key('v'), name)
    call('HDEL', key('e'), name)
    call('ZREM', key('k'), name)
    call('ZREM', key('t'), name)
    count('bytes', -(#name + #value))
  end

  local function drop_expired()
    for _, name in ipairs(call('ZRANGEBYSCORE', key('t'), '-inf', text(now), 'LIMIT', 0, EXPIRED_MAX)) do drop(name) end
  end

  local function keep(name, value, life)
    drop(name)
    call('HSET', key('v'), name, value)
    call('ZADD', key('k'), 0, name)
    if life > 0 then
      call('HSET', key('e'), name, text(now + life))
      call('ZADD', key('t'), text(now + life), name)
    end
    count('bytes', #name + #value)
  end

  -- That value, and what is appended elsewhere.
  local function fits(name, old, value, bytes_max)
    return counter('bytes') - (old and #name + #old or 0) + #name + #value <= bytes_max and
      (not also_fits or also_fits())
  end

  -- key, bytes_max
  function operation.read()
    if bytes_of(ARGV[3]) > tonumber(ARGV[4]) then return { end_of(ARGV[3]) and ETOOBIG or ENOENT } end
    local value, expires = value_of(ARGV[3])
    if not value then return { ENOENT } end
    return { 0, value, text(expires) }
  end

  -- key
  function operation.note()
    local note = call('HGET', NOTES .. 'v', ARGV[3])
    if not note then return { ENOENT } end
    return { 0, note }
  end

  -- key, value, life_ms, bytes_max
  function operation.set()
    drop_expired()
    if not fits(ARGV[3], value_of(ARGV[3]), ARGV[4], tonumber(ARGV[6])) then return { EFULL } end
    keep(ARGV[3], ARGV[4], tonumber(ARGV[5]))
    if also_append then also_append() end
    return { 0 }
  end

  -- key
  function operation.delete()
    drop_expired()
    if not value_of(ARGV[3]) then return { ENOENT } end
    if also_fits and not also_fits() then return { EFULL } end
    drop(ARGV[3])
    if also_append then also_append() end
    return { 0 }
  end

  -- key, by, bytes_max
  function operation.increment()
    drop_expired()
    local name, old = ARGV[3], value_of(ARGV[3])
    if not old then drop(name) end
    local done = redis.pcall('HINCRBY', key('v'), name, ARGV[4])
    if type(done) == 'table' then return { EINVAL } end
    local value = call('HGET', key('v'), name)
    if not fits(name, old, value, tonumber(ARGV[5])) then
      if old then call('HSET', key('v'), name, old) else call('HDEL', key('v'), name) end
      return { EFULL }
    end
    call('ZADD', key('k'), 0, name)
    count('bytes', old and #value - #old or #name + #value)
    if also_append then also_append() end
    return { 0, value }
  end

  -- key, value, life_ms, bytes_max, whether one is expected, expected
  function operation.compare()
    drop_expired()
    local old, expires = value_of(ARGV[3])
    if not old and ARGV[7] == '1' then return { ENOENT } end
    if old and (ARGV[7] == '0' or old ~= ARGV[8]) then return { EEXIST, old, text(expires) } end
    if not fits(ARGV[3], old, ARGV[4], tonumber(ARGV[6])) then return { EFULL } end
    keep(ARGV[3], ARGV[4], tonumber(ARGV[5]))
    if also_append then also_append() end
    return { 0 }
  end

  -- prefix, where to begin (as of ZRANGEBYLEX), count_max, bytes_max, with values
  function operation.scan()
    local prefix, count_max, told, bytes, answer = ARGV[3], tonumber(ARGV[5]), 0, 0, { 0, 0 }
    local from, bytes_max, values = ARGV[4], tonumber(ARGV[6]), ARGV[7] == '1'
    while true do
      local found = call('ZRANGEBYLEX', key('k'), from, '+', 'LIMIT', 0, 100)
      for _, name in ipairs(found) do
        if string.sub(name, 1, #prefix) ~= prefix then return answer end
        local expires = told < count_max and end_of(name)
        local more = expires and #name + (values and bytes_of(name) or 0)
        if told == count_max or (more and bytes + more > bytes_max) then
          if told == 0 then return { ETOOBIG } end
          answer[2] = 1
          return answer
        end
        if more then
          local value = values and call('HGET', key('v'), name) or ''
          for _, field in ipairs({ name, text(expires), value }) do answer[#answer + 1] = field end
          told, bytes = told + 1, bytes + more
        end
      end
      if #found < 100 then return answer end
      from = '(' .. found[#found]
    end
  end

  return with_ended(operation[ARGV[1]]())
end

-- ---- queues ----

-- An entry, or nil: its event, its time.
local function entry(id)
  local found = call('XRANGE', stream_of(id), '0-' .. id, '0-' .. id)[1]
  if not found then return nil end
  return found[2][2], tonumber(found[2][4])
end

local function attempts_of(id)
  local found = call('XPENDING', stream_of(id), GROUP, '0-' .. id, '0-' .. id, 1)[1]
  return found and found[4] or 0
end

local function give(id, consumer, attempts)
  call('XCLAIM', stream_of(id), GROUP, consumer, 0, '0-' .. id, 'RETRYCOUNT', attempts, 'FORCE', 'JUSTID',
    'LASTID', '0-' .. id)
end

local function pad(id) return string.format('%017.0f', tonumber(id)) end
local function list_of(name, id) return key(name .. text(priority_of(id))) end

local function list(name, id, due) call('ZADD', list_of(name, id), text(due), pad(id)) end

local function unlist(id)
  call('ZREM', list_of('l', id), pad(id))
  call('ZREM', list_of('r', id), pad(id))
end

local function due_of(name, id) return call('ZSCORE', list_of(name, id), pad(id)) end

local function holds(id, attempts) return due_of('l', id) and attempts_of(id) == attempts end

local function remove(id, event)
  call('XACK', stream_of(id), GROUP, '0-' .. id)
  call('XDEL', stream_of(id), '0-' .. id)
  unlist(id)
  count('count', -1)
  count('bytes', -#event)
end

local function bury(id, event, enqueued, attempts, reason)
  remove(id, event)
  call('ZADD', key('x'), id, id)
  call('HSET', key('X'), id, cmsgpack.pack({ enqueued, now, attempts, reason, event }))
  count('dead_count', 1)
  count('dead_bytes', #event)
end

local function has_room(count_max, bytes_max, more_count, more_bytes)
  return counter('count') + more_count <= count_max and counter('bytes') + more_bytes <= bytes_max
end

local function add(priority, event)
  local id = text(call('HINCRBY', key('m'), 'counter', 1) * 4 + priority)
  call('XADD', key(text(priority)), '0-' .. id, 'e', event, 't', text(now))
  count('count', 1)
  count('bytes', #event)
  return id
end

if ARGV[1] == 'take' then
  -- node, count_max, bytes_max, lease_ms, age_ms_max, dead_max
  local take

  local function consider(id, event, enqueued, attempts)
    if take.age_max > 0 and now - enqueued > take.age_max and
        take.dead + take.aged < take.dead_max then
      if take.aged == AGED_MAX then
        take.full = true
        return
      end
      take.aged = take.aged + 1
      take.buried[#take.buried + 1] = { id, event, enqueued, attempts }
      return
    end
    if take.count == take.count_max or
        (take.count > 0 and (take.bytes >= take.bytes_max or #event > take.bytes_max - take.bytes)) then
      take.full = true
      return
    end
    take.count = take.count + 1
    take.bytes = take.bytes + #event
    unlist(id)
    list('l', id, now + take.lease)
    give(id, take.node, attempts + 1)
    local answer = take.answer
    for _, field in ipairs({ id, text(enqueued), text(now + take.lease), attempts + 1, event }) do
      answer[#answer + 1] = field
    end
  end

  -- Of those whose time has come, in its order.
  local function consider_due(name)
    local due = call('ZRANGEBYSCORE', key(name), '-inf', text(now), 'LIMIT', 0, take.count_max + AGED_MAX + 1)
    for _, padded in ipairs(due) do
      if take.full then return end
      local id = text(tonumber(padded))
      local event, enqueued = entry(id)
      if event then consider(id, event, enqueued, attempts_of(id)) else unlist(id) end
    end
  end

  local function consider_fresh(priority)
    local last = 'last' .. text(priority)
    while not take.full do
      local found = call('XRANGE', key(text(priority)), '(0-' .. (call('HGET', key('m'), last) or '0'), '+',
        'COUNT', math.min(16, take.count_max - take.count + 1))
      if #found == 0 then return end
      for _, each in ipairs(found) do
        local id = string.sub(each[1], 3)
        consider(id, each[2][2], tonumber(each[2][4]), 0)
        if take.full then return end
        call('HSET', key('m'), last, id)
      end
    end
  end

  local function next_due()
    local next = NEVER
    for _, name in ipairs({ 'l0', 'r0', 'l1', 'r1' }) do
      local found = call('ZRANGEBYSCORE', key(name), '(' .. text(now), '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
      if found[2] and (next == NEVER or tonumber(found[2]) < next) then next = tonumber(found[2]) end
    end
    return next
  end

  local function run()
    take = {
      node = ARGV[3], count_max = tonumber(ARGV[4]), bytes_max = tonumber(ARGV[5]), lease = tonumber(ARGV[6]),
      age_max = tonumber(ARGV[7]), dead_max = tonumber(ARGV[8]), dead = counter('dead_count'), aged = 0,
      count = 0, bytes = 0, full = false, buried = {}, answer = { 0, 0 }
    }
    if counter('counter') == 0 then return { 0, NEVER } end
    for priority = 0, 1 do
      if not take.full then consider_due('l' .. text(priority)) end
      if not take.full then consider_due('r' .. text(priority)) end
      if not take.full then consider_fresh(priority) end
    end
    for _, aged in ipairs(take.buried) do
      tell_ended(0, aged[1], text(aged[3]), aged[4], aged[2])
      bury(aged[1], aged[2], aged[3], aged[4], 'too old')
    end
    take.answer[2] = take.full and now or next_due()
    return take.answer
  end

  return with_ended(run())
end

-- What is said of an end, under a key.
local function keep_note(name, said)
  call('HSET', NOTES .. 'v', name, said)
  call('ZADD', NOTES .. 'k', call('INCR', NOTES .. 'n'), name)
  if call('ZCARD', NOTES .. 'k') > NOTES_MAX then call('HDEL', NOTES .. 'v', call('ZPOPMIN', NOTES .. 'k')[1]) end
end

-- ARGV[7], empty: nothing is; ARGV[8].
local function note()
  if ARGV[7] ~= '' then keep_note(ARGV[7], ARGV[8]) end
end

-- Of what this node's operations before have ended by themselves: key, note, …
function operation.notes()
  for i = 3, #ARGV, 2 do keep_note(ARGV[i], ARGV[i + 1]) end
  return { 0 }
end

-- id, attempts, and what each needs
function operation.ack()
  if not holds(ARGV[3], tonumber(ARGV[4])) then return { ENOENT } end
  local event = entry(ARGV[3])
  if not event then return { ENOENT } end
  if also_fits and not also_fits() then return { EFULL } end
  remove(ARGV[3], event)
  note()
  if also_append then also_append() end
  return { 0 }
end

function operation.nack()
  local id, attempts = ARGV[3], tonumber(ARGV[4])
  if not holds(id, attempts) then return { ENOENT } end
  unlist(id)
  list('r', id, now + tonumber(ARGV[5]))
  give(id, NOBODY, attempts)
  wake()
  return { 0 }
end

function operation.extend()
  if not holds(ARGV[3], tonumber(ARGV[4])) then return { ENOENT } end
  list('l', ARGV[3], now + tonumber(ARGV[5]))
  return { 0 }
end

function operation.bury()
  local id, attempts = ARGV[3], tonumber(ARGV[4])
  if not holds(id, attempts) then return { ENOENT } end
  local event, enqueued = entry(id)
  if not event then return { ENOENT } end
  if counter('dead_count') >= tonumber(ARGV[6]) then return { EFULL } end
  bury(id, event, enqueued, attempts, ARGV[5])
  note()
  return { 0 }
end

function operation.stat()
  return { 0, counter('count'), counter('bytes'), counter('dead_count'), counter('dead_bytes') }
end

-- The queues of its tenant: count_max, after which name, whether these are counted
function operation.siblings()
  local tenant, answer, count_max = string.match(base, '^mayfly:{([^/]*)/'), { 0, 0 }, tonumber(ARGV[3])
  local whose, after, names = 'mayfly:{' .. tenant .. '}:', ARGV[4], {}
  if ARGV[5] == '0' then
    names = call('ZRANGEBYLEX', whose .. 'n', after == '' and '-' or '(' .. after, '+', 'LIMIT', 0, count_max + 1)
  else
    for _, name in ipairs(call('SMEMBERS', whose .. 'q')) do
      if name > after then names[#names + 1] = name end
    end
    table.sort(names)
  end
  for i, name in ipairs(names) do
    if i > count_max then
      answer[2] = 1
      break
    end
    answer[#answer + 1] = name
    for _, field in ipairs({ 'count', 'bytes', 'dead_count', 'dead_bytes' }) do
      answer[#answer + 1] = call('HGET', 'mayfly:{' .. tenant .. '/' .. name .. '}:m', field) or '0'
    end
  end
  return answer
end

-- What one entry is told as: id, enqueued, due, attempts, died, bytes, event if not too large, reason
local function tell(answer, body_max, id, enqueued, due, attempts, died, event, reason)
  local body = #event <= body_max and event or ''
  for _, field in ipairs({ id, text(enqueued), text(due), attempts, text(died), #event, body, reason }) do
    answer[#answer + 1] = field
  end
  return #body + #reason
end

local function peek_dead(answer, after, count_max, body_max)
  local bytes = 0
  for i, id in ipairs(call('ZRANGEBYSCORE', key('x'), '(' .. after, '+inf', 'LIMIT', 0, count_max + 1)) do
    if i > count_max or bytes >= BYTES_MAX then
      answer[2] = 1
      return
    end
    local dead = cmsgpack.unpack(call('HGET', key('X'), id))
    bytes = bytes + tell(answer, body_max, id, dead[1], 0, dead[3], dead[2], dead[5], dead[4])
  end
end

-- dead, after_id, count_max, body_max
function operation.peek()
  local answer, after, count_max, body_max = { 0, 0 }, ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6])
  if ARGV[3] == '1' then
    peek_dead(answer, after, count_max, body_max)
    return answer
  end
  local told, bytes = 0, 0
  for priority = after == '0' and 0 or priority_of(after), 1 do
    local from = after ~= '0' and priority_of(after) == priority and '(0-' .. after or '-'
    for _, each in ipairs(call('XRANGE', key(text(priority)), from, '+', 'COUNT', count_max - told + 1)) do
      if told == count_max or bytes >= BYTES_MAX then
        answer[2] = 1
        return answer
      end
      local id = string.sub(each[1], 3)
      local due = due_of('l', id) or due_of('r', id) or '0'
      bytes = bytes + tell(answer, body_max, id, tonumber(each[2][4]), tonumber(due), attempts_of(id), 0, each[2][2], '')
      told = told + 1
    end
  end
  return answer
end

-- count_max, queue's count_max, bytes_max
function operation.redrive()
  local moved, bytes = 0, 0
  for _, id in ipairs(call('ZRANGE', key('x'), 0, tonumber(ARGV[3]) - 1)) do
    if bytes > MOVED_BYTES_MAX then break end
    local event = cmsgpack.unpack(call('HGET', key('X'), id))[5]
    if not has_room(tonumber(ARGV[4]), tonumber(ARGV[5]), 1, #event) then
      if moved == 0 then return { EFULL, 0 } end
      break
    end
    call('ZREM', key('x'), id)
    call('HDEL', key('X'), id)
    count('dead_count', -1)
    count('dead_bytes', -#event)
    add(priority_of(id), event)
    moved, bytes = moved + 1, bytes + #event
  end
  if moved > 0 then wake() end
  return { 0, moved }
end

-- dead, count_max, tenant_queues_max
function operation.purge()
  local gone, count_max, told_bytes = 0, tonumber(ARGV[4]), 0

  -- Nothing is left of it but its name, which is given back.
  local function forget()
    local ids = counter('counter')
    if ARGV[5] == '0' or ids == 0 or counter('count') > 0 or counter('dead_count') > 0 then return end
    local tenant, name = string.match(base, '^mayfly:{([^/]*)/([^}]*)}:$')
    local whose = 'mayfly:{' .. tenant .. '}:'
    call('SET', whose .. 'f', text(math.max(ids, tonumber(call('GET', whose .. 'f') or '0'))))
    call('SREM', whose .. 'q', name)
    for _, each in ipairs({ '0', '1', 'l0', 'l1', 'r0', 'r1', 'x', 'X', 'm' }) do call('DEL', key(each)) end
  end

  if ARGV[3] == '1' then
    for _, id in ipairs(call('ZRANGE', key('x'), 0, count_max - 1)) do
      count('dead_bytes', -#cmsgpack.unpack(call('HGET', key('X'), id))[5])
      count('dead_count', -1)
      call('ZREM', key('x'), id)
      call('HDEL', key('X'), id)
      gone = gone + 1
    end
    forget()
    return { 0, gone }
  end
  for priority = 0, 1 do
    repeat
      local found = call('XRANGE', key(text(priority)), '-', '+', 'COUNT', math.min(16, count_max - gone))
      for _, each in ipairs(found) do
        if told_bytes >= BYTES_MAX then break end
        local id, event = string.sub(each[1], 3), each[2][2]
        tell_ended(0, id, each[2][4], attempts_of(id), event)
        remove(id, event)
        told_bytes, gone = told_bytes + math.min(#event, ENDED_TOLD), gone + 1
      end
    until #found == 0 or gone == count_max or told_bytes >= BYTES_MAX
    if gone == count_max then break end
  end
  forget()
  return { 0, gone }
end

-- node: what it had taken before it was started anew comes back
function operation.release()
  if counter('counter') == 0 then return { 0 } end
  list_name(base) -- scripts of before had no such list
  for priority = 0, 1 do
    repeat
      local pending = call('XPENDING', key(text(priority)), GROUP, '-', '+', 100, ARGV[3])
      for _, each in ipairs(pending) do
        local id = string.sub(each[1], 3)
        if call('ZREM', list_of('l', id), pad(id)) == 1 then list('r', id, 0) end
        give(id, NOBODY, each[4])
      end
    until #pending == 0
  end
  wake()
  return { 0 }
end

return with_ended(operation[ARGV[1]]())
