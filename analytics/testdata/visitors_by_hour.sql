SELECT CAST(toString(toInt64(toUnixTimestamp(_t)) * 1000), 'Nullable(String)'), CAST(toString(_m0), 'Nullable(String)'), CAST(toString(_m1), 'Nullable(String)')
FROM (SELECT _t, any(_p0) AS _m0, any(_p1) AS _m1
FROM (SELECT _gt AS _t, _e0 AS _p0, _e1 AS _p1
FROM (SELECT toStartOfHour(toTimeZone(`observed_at`, 'Asia/Shanghai')) AS _gt, sum(`entries`) AS _e0, NULL AS _e1
FROM (SELECT `observed_at`, `interval_minutes`, `entries`
FROM `zida`.`tourism_flow` FINAL
WHERE `observed_at` >= fromUnixTimestamp64Milli(?, 'UTC') AND `observed_at` < fromUnixTimestamp64Milli(?, 'UTC')) AS _r
WHERE `interval_minutes` <= 60 AND isNotNull(`entries`) GROUP BY _gt HAVING count() > 0)
UNION ALL SELECT _gt AS _t, _e0 AS _p0, _e1 AS _p1
FROM (SELECT _gt, NULL AS _e0, sum(_v0_0) AS _e1
FROM (SELECT toStartOfHour(toTimeZone(`observed_at`, 'Asia/Shanghai')) AS _gt, `spot_id` AS _k0_0, argMax(`in_park`, tuple(`observed_at`, `_version`)) AS _v0_0, any(`_list__spot_id__instant_capacity`) AS _v0_1
FROM (SELECT `observed_at`, `spot_id`, `in_park`, `_version`
FROM `zida`.`tourism_flow` FINAL
WHERE `observed_at` >= fromUnixTimestamp64Milli(?, 'UTC') AND `observed_at` < fromUnixTimestamp64Milli(?, 'UTC')) AS _r ANY LEFT JOIN (SELECT `spot_id` AS `_list__spot_id`, toNullable(`instant_capacity`) AS `_list__spot_id__instant_capacity`
FROM (SELECT `spot_id`, `instant_capacity`
FROM `zida`.`scenic_spot` FINAL)) AS `_j_spot_id` ON `spot_id` = `_list__spot_id` GROUP BY _gt, _k0_0) GROUP BY _gt HAVING count() > 0)) GROUP BY _t) ORDER BY _t NULLS LAST LIMIT ?
SETTINGS enable_extended_results_for_datetime_functions = 1, enable_shared_storage_snapshot_in_query = 1, use_skip_indexes_if_final = 1, use_skip_indexes_if_final_exact_mode = 1, join_use_nulls = 0
