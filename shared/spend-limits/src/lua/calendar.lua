-- Days, months, and how long things are kept.

-- So many seconds counters live after their last new day, and the list of holds after it was last looked at.
local KEPT = 3888000

local DAY, MINUTE = 86400000, 60000

local function day_of(ms) return (ms - ms % DAY) / DAY end

-- The calendar month of a day number, as yyyymm (proleptic Gregorian, from days since 1970-01-01).
local function month_of(day)
  local z = day + 719468
  local of_era = z % 146097
  local leap_days = (of_era - of_era % 1460) / 1460 - (of_era - of_era % 36524) / 36524
    + (of_era - of_era % 146096) / 146096
  local year = (of_era - leap_days - (of_era - leap_days) % 365) / 365
  local of_year = of_era - (365 * year + (year - year % 4) / 4 - (year - year % 100) / 100)
  local shifted = (5 * of_year + 2 - (5 * of_year + 2) % 153) / 153
  local month = shifted < 10 and shifted + 3 or shifted - 9
  return string.format('%d%02d', year + (z - of_era) / 146097 * 400 + (month <= 2 and 1 or 0), month)
end
