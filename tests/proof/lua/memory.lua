-- The collector under pressure: weak tables, finalizers, many strings.
local kept = setmetatable({}, {__mode = 'v'})
local closed = 0
for i = 1, 20000 do
  kept[i] = setmetatable({('x'):rep(i % 100)}, {__gc = function() closed = closed + 1 end})
end
collectgarbage()
collectgarbage()
local alive = 0
for _ in pairs(kept) do alive = alive + 1 end
print('finalized', closed, 'alive', alive)

collectgarbage('generational')
local longest = ''
for i = 1, 300000 do
  local text = 'key ' .. i
  if #text > #longest then longest = text end
end
print('longest', longest)
collectgarbage('incremental')
local parts = {}
for i = 1, 100000 do parts[i] = tostring(i) end
local all = table.concat(parts)
print('concat', #all, all:sub(-10))
local lists = {}
for i = 1, 100 do
  lists[i] = table.move(parts, 1, 10000, 1, {})
end
print('moved', #lists, #lists[100])
table.sort(parts)
print('sorted', parts[1], parts[50000], parts[100000])
lists, parts = nil, nil
collectgarbage()
print('small again', collectgarbage('count') < 20000)
