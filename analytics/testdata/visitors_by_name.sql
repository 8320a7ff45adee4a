SELECT CAST(toString(_d0), 'Nullable(String)'), CAST(toString(_d1), 'Nullable(String)'), CAST(toString(_m0), 'Nullable(String)')
FROM (SELECT CAST(_g0, 'Nullable(String)') AS _d0, CAST(_g1, 'Nullable(String)') AS _d1, _e0 AS _m0
FROM (SELECT _g0, `_list__spot_id__name` AS _g1, sum(_v0_0) AS _e0
FROM (SELECT `spot_id` AS _g0, _g0 AS _k0_0, toDate32(toTimeZone(`observed_at`, 'Asia/Shanghai')) AS _k0_1, coalesce(argMaxIf(toNullable(`entries`), `_version`, `interval_minutes` = 1440), sumIf(`entries`, `interval_minutes` < 1440)) AS _v0_0
FROM (SELECT `spot_id`, `_bucket` AS `observed_at`, `entries`, `_of` AS `_version`, `interval_minutes`
FROM `zida`.`tourism_flow_by_day_rollup` FINAL
WHERE `_bucket` >= fromUnixTimestamp64Milli(?, 'UTC') AND `_bucket` < fromUnixTimestamp64Milli(?, 'UTC')) AS _r GROUP BY _g0, _k0_1) AS _s ANY LEFT JOIN (SELECT `spot_id` AS `_list__spot_id`, toNullable(`name`) AS `_list__spot_id__name`
FROM (SELECT `spot_id`, `name`
FROM `zida`.`scenic_spot` FINAL)) AS `_j_spot_id` ON _k0_0 = `_list__spot_id` GROUP BY _g0, _g1 HAVING count() > 0)) ORDER BY _d0 NULLS LAST, _d1 NULLS LAST LIMIT ?
SETTINGS enable_extended_results_for_datetime_functions = 1, enable_shared_storage_snapshot_in_query = 1, use_skip_indexes_if_final = 1, use_skip_indexes_if_final_exact_mode = 1, join_use_nulls = 0, max_threads = 1
