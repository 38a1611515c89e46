-- The streams of a partition by level, most urgent first, and their one group.
local GROUP = 'millstream'
local NOBODY = '-'
local LEVELS = { critical, high, normal, low }
local LEVEL_NAMES = { 'critical', 'high', 'normal', 'low' }
