-- The streams of a partition by level, most urgent first, and their one group.
local GROUP = 'millstream'
-- Owners of what was handed back. Suspects have one of their own, so that a fetch does not
-- take them: only a claimer does, when it has room for a job that runs alone.
local NOBODY, NOBODY_SUSPECT = '-', '-!'
local LEVELS = { critical, high, normal, low }
local LEVEL_NAMES = { 'critical', 'high', 'normal', 'low' }

local function is_nobody(owner)
  return owner == NOBODY or owner == NOBODY_SUSPECT
end

-- The level that a record names; a record that says none is of the third, the default.
local function level_named(name)
  for level, each in ipairs(LEVEL_NAMES) do
    if each == name then return level end
  end
  return 3
end
