"""What must be one act on the server, in Lua: each script sees and changes everything it needs, or nothing.

Keys, all behind `{PREFIX}:` so that they share one hash slot:
`run:ID` hash of a run · `records:ID` list of its records, each behind the token of the request that wrote it ·
`runs`, `status:STATUS` run ids by time of creation · `owner:NAME` proof of an owner's life, with its lease as expiry ·
`schema` version of this layout.

A script may be sent again after its answer was lost: the token tells its own work from somebody else's. The first write
of every script is one that a full server refuses, so that it is refused as a whole; the rest of it then runs through.
"""

from __future__ import annotations

import hashlib
from typing import Final, NamedTuple

SCHEMA: Final = 2
TOKEN: Final = 16  # bytes before every stored record
TOO_NEW: Final = "KNOWSSCHEMA"


class Script(NamedTuple):
    """A script and the digest under which the server knows it."""

    source: str
    digest: str


_BEFORE: Final = f"""
local at = ARGV[1]
local schema = redis.call('GET', at .. 'schema')
if schema and (tonumber(schema) or math.huge) > {SCHEMA} then
  return redis.error_reply('{TOO_NEW} ' .. schema)
end
local function now()
  local time = redis.call('TIME')
  return string.format('%d%06d', time[1], time[2])
end
local function push(list, first, count)
  -- What Lua hands over at once is limited to some thousand values.
  for from = first, first + count - 1, 1000 do
    redis.call('RPUSH', list, unpack(ARGV, from, math.min(from + 999, first + count - 1)))
  end
end
"""


def _script(body: str) -> Script:
    source = _BEFORE + body
    return Script(source, hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest())


# run -> row, records. Not a transaction: a full server takes none, and reading must go on.
LOAD: Final = _script("""
return {redis.call('HGETALL', at .. 'run:' .. ARGV[2]), redis.call('LRANGE', at .. 'records:' .. ARGV[2], 0, -1)}
""")

# run, epoch, owner, life, lease, token, template, version, status, created, updated, count, records... -> 1 | 0: taken
CREATE: Final = _script(
    """
local run = at .. 'run:' .. ARGV[2]
if redis.call('EXISTS', run) == 1 then
  return redis.call('HGET', run, 'token') == ARGV[7] and 1 or 0
end
push(at .. 'records:' .. ARGV[2], 14, tonumber(ARGV[13]))
redis.call('HSET', run, 'epoch', ARGV[3], 'owner', ARGV[4], 'token', ARGV[7], 'template', ARGV[8],
  'version', ARGV[9], 'status', ARGV[10], 'created', ARGV[11], 'updated', ARGV[12])
redis.call('ZADD', at .. 'runs', ARGV[11], ARGV[2])
redis.call('ZADD', at .. 'status:' .. ARGV[10], ARGV[11], ARGV[2])
redis.call('SET', at .. 'owner:' .. ARGV[4], ARGV[5], 'PX', ARGV[6])
redis.call('SET', at .. 'schema', '%d')
return 1
""".replace("%d", str(SCHEMA))
)

# owner, then per entry: run, epoch, sequence, token, status, over, version, compensated, count, records...
# -> per entry 1: stored, 0: refused for its sequence, -1: refused for its owner
APPEND: Final = _script(f"""
local function append(id, epoch, sequence, token, status, over, version, compensated, first, count)
  local run, list = at .. 'run:' .. id, at .. 'records:' .. id
  local row = redis.call('HMGET', run, 'epoch', 'owner', 'status', 'created', 'token')
  local length = redis.call('LLEN', list)
  if count > 0 and 0 <= sequence and sequence < length
    and string.sub(redis.call('LINDEX', list, sequence), 1, {TOKEN}) == token then return 1 end
  if count == 0 and row[5] == token then return 1 end
  if row[1] ~= epoch or row[2] ~= ARGV[2] then return -1 end
  if length ~= sequence then return 0 end
  if count > 0 then push(list, first, count) else redis.call('HSET', run, 'token', token) end
  if version ~= '' then redis.call('HSET', run, 'version', version) end
  if compensated == '1' then
    redis.call('HSET', run, 'compensated', '1')
    redis.call('SET', at .. 'schema', '{SCHEMA}')
  elseif compensated == '0' then
    redis.call('HDEL', run, 'compensated')
  end
  if status ~= '' then
    redis.call('HSET', run, 'status', status, 'updated', now())
    if row[3] ~= status then
      redis.call('ZREM', at .. 'status:' .. row[3], id)
      redis.call('ZADD', at .. 'status:' .. status, row[4], id)
    end
    if over == '1' then redis.call('HDEL', run, 'owner', 'cancel') end
  end
  return 1
end
local answers, i = {{}}, 3
while ARGV[i] do
  local count = tonumber(ARGV[i + 8])
  answers[#answers + 1] = append(ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2]), ARGV[i + 3],
    ARGV[i + 4], ARGV[i + 5], ARGV[i + 6], ARGV[i + 7], i + 9, count)
  i = i + 9 + count
end
return answers
""")

# run, owner, life, lease, token, dead owner or '' -> {0} unknown | {1, epoch} | {2, now, row}
CLAIM: Final = _script("""
local run = at .. 'run:' .. ARGV[2]
local row = redis.call('HMGET', run, 'epoch', 'owner', 'token')
if not row[1] then return {0} end
local owner = row[2]
if owner then
  if owner == ARGV[3] and row[3] == ARGV[6] then return {1, row[1]} end
  if owner ~= ARGV[7] and redis.call('EXISTS', at .. 'owner:' .. owner) == 1 then
    return {2, now(), redis.call('HGETALL', run)}
  end
end
local epoch = string.format('%d', row[1] + 1)
redis.call('HSET', run, 'epoch', epoch, 'owner', ARGV[3], 'token', ARGV[6], 'updated', now())
redis.call('SET', at .. 'owner:' .. ARGV[3], ARGV[4], 'PX', ARGV[5])
return {1, epoch}
""")

# owner, life, lease
RENEW: Final = _script("""
if redis.call('PEXPIRE', at .. 'owner:' .. ARGV[2], ARGV[4]) == 0 then
  redis.call('SET', at .. 'owner:' .. ARGV[2], ARGV[3], 'PX', ARGV[4])
end
return 1
""")

# run, epoch, owner
RELEASE: Final = _script("""
local run = at .. 'run:' .. ARGV[2]
local row = redis.call('HMGET', run, 'epoch', 'owner')
if row[1] == ARGV[3] and row[2] == ARGV[4] then redis.call('HDEL', run, 'owner') end
return 1
""")

# run, dead owner or '' -> 1 | 0: nobody owns it | -1: unknown
CANCEL: Final = _script("""
local run = at .. 'run:' .. ARGV[2]
local row = redis.call('HMGET', run, 'epoch', 'owner')
if not row[1] then return -1 end
if not row[2] or row[2] == ARGV[3] or redis.call('EXISTS', at .. 'owner:' .. row[2]) == 0 then return 0 end
redis.call('HSET', run, 'cancel', '1')
return 1
""")

# run, epoch, owner -> 1 | 0: not the caller's | -1: no such run
DELETE: Final = _script("""
local run = at .. 'run:' .. ARGV[2]
local row = redis.call('HMGET', run, 'epoch', 'owner', 'status')
if not row[1] then return -1 end
if row[1] ~= ARGV[3] or row[2] ~= ARGV[4] then return 0 end
redis.call('DEL', run, at .. 'records:' .. ARGV[2])
redis.call('ZREM', at .. 'runs', ARGV[2])
redis.call('ZREM', at .. 'status:' .. row[3], ARGV[2])
return 1
""")
