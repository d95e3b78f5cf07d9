-- Tables, closures, metatables, coroutines, errors, strings, numbers.
local function fib(n) return n < 2 and n or fib(n - 1) + fib(n - 2) end
print('fib', fib(24))

local primes, sieve = {}, {}
for n = 2, 20000 do
  if not sieve[n] then
    primes[#primes + 1] = n
    for m = n * n, 20000, n do sieve[m] = true end
  end
end
print('primes', #primes, primes[#primes])

local vector = {}
vector.__index = vector
vector.__add = function(a, b) return setmetatable({a[1] + b[1], a[2] + b[2]}, vector) end
vector.__eq = function(a, b) return a[1] == b[1] and a[2] == b[2] end
vector.__tostring = function(a) return '(' .. a[1] .. ', ' .. a[2] .. ')' end
local sum = setmetatable({1, 2}, vector) + setmetatable({3, 4}, vector)
print('vector', tostring(sum), sum == setmetatable({4, 6}, vector))

local function walk(tree)
  if tree then
    walk(tree.left)
    coroutine.yield(tree.key)
    walk(tree.right)
  end
end
local root
local function insert(tree, key)
  if not tree then return {key = key} end
  local side = key < tree.key and 'left' or 'right'
  tree[side] = insert(tree[side], key)
  return tree
end
local seed = 7
for _ = 1, 200 do
  seed = (seed * 1103515245 + 12345) % 2147483648
  root = insert(root, seed % 1000)
end
local keys = {}
for key in coroutine.wrap(function() walk(root) end) do keys[#keys + 1] = key end
for i = 2, #keys do assert(keys[i - 1] <= keys[i]) end
print('tree', #keys, keys[1], keys[#keys])

print('caught', pcall(error, {code = 7}) == false, select(2, pcall(function() local x = nil; return x.y end)) ~= nil)
print('message', (select(2, pcall(error, 'on purpose', 0))))
print('string', ('hello world'):gsub('o', '0'), ('%5.2f|%-8s|%x'):format(math.pi, 'left', 255))
for word, number in ('a=1, b=22, c=333'):gmatch('(%w+)=(%d+)') do io.write(word, ':', number, ' ') end
print()
print('numbers', 7 // 2, -7 // 2, 7 % -3, 2 ^ 53, 1 << 40, math.maxinteger + 1 == math.mininteger, 0.1 + 0.2)
print('utf8', utf8.len('grüße'), #'grüße', utf8.char(8364))
print('pack', string.pack('<i4d', 7, 1.5):byte(1, -1))
local stack <const> = 10000
local function deep(n) return n == 0 and 0 or 1 + deep(n - 1) end
print('deep', deep(stack))
print('overflow', pcall(function() local function f() return 1 + f() end return f() end) == false)
