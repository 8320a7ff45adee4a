SELECT CAST(toString(_t), 'Nullable(String)'), CAST(toString(_d0), 'Nullable(String)'), CAST(toString(_m0), 'Nullable(String)')
FROM (SELECT _gt AS _t, CAST(_g0, 'Nullable(String)') AS _d0, _e0 AS _m0
FROM (SELECT _gt, _g0, sum(_v0_0) AS _e0
FROM (SELECT toDate32(toTimeZone(`observed_at`, 'Asia/Shanghai')) AS _gt, `region` AS _g0, `spot_id` AS _k0_0, _gt AS _k0_1, coalesce(argMaxIf(toNullable(`entries`), `_version`, `interval_minutes` = 1440), sumIf(`entries`, `interval_minutes` < 1440)) AS _v0_0
FROM (SELECT `observed_at`, `region`, `spot_id`, `entries`, `_version`, `interval_minutes`
FROM `zida`.`tourism_flow` FINAL
WHERE `observed_at` >= fromUnixTimestamp64Milli(?, 'UTC') AND `observed_at` < fromUnixTimestamp64Milli(?, 'UTC')) AS _r GROUP BY _gt, _g0, _k0_0) GROUP BY _gt, _g0 HAVING count() > 0)) ORDER BY _t NULLS LAST, _d0 NULLS LAST LIMIT ?
SETTINGS enable_extended_results_for_datetime_functions = 1, enable_shared_storage_snapshot_in_query = 1, use_skip_indexes_if_final = 1, use_skip_indexes_if_final_exact_mode = 1, join_use_nulls = 0
