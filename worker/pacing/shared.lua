-- The account's book over Redis: `book.py` in one round trip, atomic for all processes and by one clock, which is the server's.
-- It may not decide otherwise than `book.py`; a test compares them call by call.
-- KEYS: calls, looks, retries (sorted sets: call -> moment), state (hash), sharers (sorted set: process -> moment).
-- n: the numbers, written before these lines when the script is loaded, for they do not change while a process runs.
-- ARGV: what (ask | take | release | saw | show), kind, pays, call, limit (-1: none), retry, now (-1: the server's), process,
--       then for `saw`: verdict, probe, pause, late; for the others triples of calls that went out while Redis was away:
--       call, age, flags (1: a look, 2: a retry).
local what, kind, pays, call = ARGV[1], ARGV[2], ARGV[3] == '1', ARGV[4]
local limit, retry, now, process = tonumber(ARGV[5]), ARGV[6] == '1', tonumber(ARGV[7]), ARGV[8]
local rest = 8
if limit < 0 then limit = nil end
local CALLS, LOOKS, RETRIES, STATE, SHARERS = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local span = n.window + n.margin

local state = {}
local fields = redis.call('HGETALL', STATE)
for place = 1, #fields, 2 do state[fields[place]] = tonumber(fields[place + 1]) end
local function value(name) return state[name] or 0 end
local function keep(...)
  redis.call('HSET', STATE, ...)
  redis.call('PEXPIRE', STATE, n.window * 1440)
end
local function of(name) return name .. ':' .. kind end

-- The server's clock may be set back, as at a failover to a host that is behind: the book's own goes on from where it was, or it would hold
-- everything back for as long.
if now < 0 then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000) + value('shift')
  if now < value('last') - n.margin then
    state.shift = value('shift') + value('last') - now
    now = value('last')
  end
end

local function note(moment, member, is_look, is_retry)
  redis.call('ZADD', CALLS, moment, member)
  redis.call('PEXPIRE', CALLS, 2 * span)
  if is_look then
    redis.call('ZADD', LOOKS, moment, member)
    redis.call('PEXPIRE', LOOKS, 2 * span)
  end
  if is_retry then
    redis.call('ZADD', RETRIES, moment, member)
    redis.call('PEXPIRE', RETRIES, 2 * span)
  end
end

if what ~= 'saw' then
  for place = rest + 1, #ARGV, 3 do
    local flags = tonumber(ARGV[place + 2])
    note(now - tonumber(ARGV[place + 1]), ARGV[place], flags % 2 == 1, flags >= 2)
  end
end
for _, key in ipairs({CALLS, LOOKS, RETRIES}) do redis.call('ZREMRANGEBYSCORE', key, '-inf', now - span) end
-- Not before that: a Redis that is full lets a script write to its end, if the first that it writes makes nothing bigger.
if now == value('last') or now >= value('last') + n.margin then keep('last', now, 'shift', value('shift')) end
local sent, looks = redis.call('ZCARD', CALLS), redis.call('ZCARD', LOOKS)

-- Thousandths of a call by which a lowered rate grows in a window: by a part of the limit as it is now.
local function growing()
  local growth = math.max(math.floor((limit or n.unlimited) * 1000 * n.growth / 100), 1000)
  return limit and growth or math.max(growth, state.cut_growth)
end

local function allowed_now()
  if not state.cut_rate then return limit end
  local elapsed = math.min(math.max(now - state.cut_at, 0), 100 * n.window)
  local grown = math.floor((state.cut_rate + math.floor(growing() * elapsed / n.window)) / 1000)
  if limit then return math.min(grown, limit) end
  return grown
end

local function until_free(key, place)
  local found = redis.call('ZRANGE', key, place, place, 'WITHSCORES')
  return (found[2] and tonumber(found[2]) or now) + span - now
end

local function room()
  local allowed = allowed_now()
  if not allowed then return nil, 0, 1000000 end
  if sent >= allowed then
    if pays then keep('awaited_until', now + n.patience) end
    return 'budget', until_free(CALLS, sent - allowed), 0
  end
  local percent = n.looking
  if pays then percent = n.paying elseif value('awaited_until') > now then percent = n.looking_at_least end
  local share = math.max(math.floor(allowed * percent / 100), 1)
  local mine = looks
  if pays then mine = sent - looks end
  if mine >= share then
    if pays then return 'share', until_free(CALLS, 0), 0 end
    return 'share', until_free(LOOKS, looks - share), 0
  end
  return nil, 0, math.min(allowed - sent, share - mine)
end

local function ask()
  local opened = value(of('opened'))
  local why = value(of('full')) == 1 and 'full' or 'breaker'
  if value('paused_until') > now then return 'paused', value('paused_until') - now, 0 end
  if value(of('open_until')) > now then return why, value(of('open_until')) - now, 0 end
  if opened > 0 and value(of('probe_until')) > now then return why, value(of('probe_until')) - now, 0 end
  local reason, wait, left = room()
  if not reason and retry then
    local most = math.max(math.floor(sent * n.retries / 100), n.retries_at_least)
    if redis.call('ZCARD', RETRIES) >= most then reason, wait, left = 'retries', until_free(RETRIES, 0), 0 end
  end
  if not reason and opened > 0 then left = 1 end
  return reason, wait, left
end

local function judge(verdict, probe)
  local opened = value(of('opened'))
  if opened > 0 and not probe then return '' end
  if verdict == 'ok' then
    redis.call('HDEL', STATE, of('failures'), of('opened'), of('open_until'), of('probe_until'), of('full'))
    return opened > 0 and 'closed' or ''
  end
  local failures = value(of('failures')) + 1
  keep(of('failures'), failures)
  if verdict == 'failed' and not probe and failures < n.failures then return '' end
  local longest = verdict == 'full' and n.longest_full or n.longest_break
  local open_until = now + math.min(n.first_break * 2 ^ math.min(opened, 10), longest)
  keep(of('open_until'), open_until, of('opened'), opened + 1, of('failures'), 0, of('probe_until'), 0, of('full'), verdict == 'full' and 1 or 0)
  return 'opened'
end

local function saw()
  local verdict, probe, pause, late = ARGV[rest + 1], ARGV[rest + 2] == '1', tonumber(ARGV[rest + 3]), ARGV[rest + 4] == '1'
  if late then
    for _, key in ipairs({CALLS, LOOKS, RETRIES}) do redis.call('ZADD', key, 'XX', now, call) end
  end
  if pause > 0 then keep('paused_until', math.max(value('paused_until'), now + math.min(pause, n.longest_pause))) end
  if verdict ~= 'limited' then return judge(verdict, probe) end
  local cut = ''
  if not state.cut_rate or now - state.cut_at >= n.window then
    local allowed = allowed_now()
    local base = allowed and math.min(sent, allowed) or sent
    local whole = limit or math.max(n.unlimited, base)
    local floor = math.max(math.floor(whole * 1000 * n.cut_floor / 100), 1000)
    keep('cut_rate', math.max(base * 500, floor), 'cut_growth', math.max(math.floor(whole * 1000 * n.growth / 100), 1000), 'cut_at', now)
    cut = 'cut'
  end
  local changed = judge('ok', probe)
  return changed ~= '' and changed or cut
end

local function release()
  local moment = redis.call('ZSCORE', CALLS, call)
  for _, key in ipairs({CALLS, LOOKS, RETRIES}) do redis.call('ZREM', key, call) end
  if moment and value(of('probe_until')) == tonumber(moment) + n.probe then keep(of('probe_until'), 0) end
  return ''
end

if what == 'saw' then return saw() end
if what == 'release' then return release() end

local reason, wait, left = ask()
local probe = 0
local known = 1
if what == 'take' then
  if not redis.call('ZSCORE', SHARERS, process) then known = 0 end
  redis.call('ZREMRANGEBYSCORE', SHARERS, '-inf', now - span)
  redis.call('ZADD', SHARERS, now, process)
  redis.call('PEXPIRE', SHARERS, 2 * span)
end
if not reason and value(of('opened')) > 0 then
  probe = 1
  if what == 'take' then keep(of('probe_until'), now + n.probe) end
end
if what == 'take' and not reason then note(now, call, not pays, retry) end
if what ~= 'show' then
  return {reason or '', wait, left, probe, reason and 0 or value(of('failures')), redis.call('ZCARD', SHARERS), known}
end
local shown = {allowed_now() or -1, sent, math.max(value('paused_until') - now, 0)}
for _, one in ipairs({'submit', 'converse', 'look', 'other'}) do
  if value('opened:' .. one) > 0 then
    table.insert(shown, one)
    table.insert(shown, value('full:' .. one) == 1 and 'full' or 'breaker')
    table.insert(shown, math.max(value('open_until:' .. one) - now, 0))
  end
end
return shown
