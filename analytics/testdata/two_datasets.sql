SELECT CAST(toString(_t), 'Nullable(String)'), CAST(toString(_d0), 'Nullable(String)'), CAST(toString(_d1), 'Nullable(String)'), CAST(toString(_m0), 'Nullable(String)'), CAST(toString(_m1), 'Nullable(String)'), CAST(toString(_m2), 'Nullable(String)'), CAST(if(isFinite(toFloat64(if(toFloat64(_m2) = 0, NULL, round(toFloat64(_m0) / toFloat64(_m2) - 1, 6)))), toString(toFloat64(if(toFloat64(_m2) = 0, NULL, round(toFloat64(_m0) / toFloat64(_m2) - 1, 6)))), NULL), 'Nullable(String)'), CAST(toString(_m3), 'Nullable(String)'), CAST(if(isFinite(toFloat64(if(toFloat64(_m3) = 0, NULL, round(toFloat64(_m1) / toFloat64(_m3) - 1, 6)))), toString(toFloat64(if(toFloat64(_m3) = 0, NULL, round(toFloat64(_m1) / toFloat64(_m3) - 1, 6)))), NULL), 'Nullable(String)')
FROM (SELECT _t, _d0, _d1, any(_p0) AS _m0, any(_p1) AS _m1, any(_p2) AS _m2, any(_p3) AS _m3
FROM (SELECT _gt AS _t, CAST(_g0, 'Nullable(String)') AS _d0, CAST(_g1, 'Nullable(String)') AS _d1, _e0 AS _p0, _e1 AS _p1, _e2 AS _p2, _e3 AS _p3
FROM (SELECT _gt, _g0, _g1, sum(_v0_0) AS _e0, NULL AS _e1, NULL AS _e2, NULL AS _e3
FROM (SELECT toDate32(toStartOfMonth(toTimeZone(`observed_at`, 'Asia/Shanghai'))) AS _gt, `region` AS _g0, multiIf(startsWith(`region`, '50'), '大足', startsWith(`region`, '51'), '资阳', '') AS _g1, `spot_id` AS _k0_0, toDate32(toTimeZone(`observed_at`, 'Asia/Shanghai')) AS _k0_1, coalesce(argMaxIf(toNullable(`entries`), `_version`, `interval_minutes` = 1440), sumIf(`entries`, `interval_minutes` < 1440)) AS _v0_0
FROM (SELECT `observed_at`, `region`, `spot_id`, `entries`, `_version`, `interval_minutes`
FROM `zida`.`tourism_flow` FINAL
WHERE `observed_at` >= fromUnixTimestamp64Milli(?, 'UTC') AND `observed_at` < fromUnixTimestamp64Milli(?, 'UTC') AND toInt64(toDayOfWeek(toTimeZone(`observed_at`, 'Asia/Shanghai'))) >= ?) AS _r
WHERE `region` IN (?, ?) GROUP BY _gt, _g0, _g1, _k0_0, _k0_1) GROUP BY _gt, _g0, _g1 HAVING count() > 0)
UNION ALL SELECT _gt AS _t, CAST(_g0, 'Nullable(String)') AS _d0, CAST(_g1, 'Nullable(String)') AS _d1, _e0 AS _p0, _e1 AS _p1, _e2 AS _p2, _e3 AS _p3
FROM (SELECT toDate32(toStartOfMonth(`day`)) AS _gt, `region` AS _g0, multiIf(startsWith(`region`, '50'), '大足', startsWith(`region`, '51'), '资阳', '') AS _g1, NULL AS _e0, sum(`count`) AS _e1, NULL AS _e2, NULL AS _e3
FROM (SELECT `day`, `region`, `count`
FROM `zida`.`ticket_recognition` FINAL
WHERE `day` >= toDate32(?) AND `day` < toDate32(?) AND toInt64(toDayOfWeek(`day`)) >= ?) AS _r
WHERE `region` IN (?, ?) GROUP BY _gt, _g0, _g1 HAVING count() > 0)
UNION ALL SELECT _gt AS _t, CAST(_g0, 'Nullable(String)') AS _d0, CAST(_g1, 'Nullable(String)') AS _d1, _e0 AS _p0, _e1 AS _p1, _e2 AS _p2, _e3 AS _p3
FROM (SELECT _gt, _g0, _g1, NULL AS _e0, NULL AS _e1, sum(_v0_0) AS _e2, NULL AS _e3
FROM (SELECT toDate32(toStartOfMonth(addMonths(toTimeZone(`observed_at`, 'Asia/Shanghai'), 12))) AS _gt, `region` AS _g0, multiIf(startsWith(`region`, '50'), '大足', startsWith(`region`, '51'), '资阳', '') AS _g1, `spot_id` AS _k0_0, toDate32(toTimeZone(`observed_at`, 'Asia/Shanghai')) AS _k0_1, coalesce(argMaxIf(toNullable(`entries`), `_version`, `interval_minutes` = 1440), sumIf(`entries`, `interval_minutes` < 1440)) AS _v0_0
FROM (SELECT `observed_at`, `region`, `spot_id`, `entries`, `_version`, `interval_minutes`
FROM `zida`.`tourism_flow` FINAL
WHERE `observed_at` >= fromUnixTimestamp64Milli(?, 'UTC') AND `observed_at` < fromUnixTimestamp64Milli(?, 'UTC') AND toInt64(toDayOfWeek(addMonths(toTimeZone(`observed_at`, 'Asia/Shanghai'), 12))) >= ?) AS _r
WHERE `region` IN (?, ?) GROUP BY _gt, _g0, _g1, _k0_0, _k0_1) GROUP BY _gt, _g0, _g1 HAVING count() > 0)
UNION ALL SELECT _gt AS _t, CAST(_g0, 'Nullable(String)') AS _d0, CAST(_g1, 'Nullable(String)') AS _d1, _e0 AS _p0, _e1 AS _p1, _e2 AS _p2, _e3 AS _p3
FROM (SELECT toDate32(toStartOfMonth(addMonths(`day`, 12))) AS _gt, `region` AS _g0, multiIf(startsWith(`region`, '50'), '大足', startsWith(`region`, '51'), '资阳', '') AS _g1, NULL AS _e0, NULL AS _e1, NULL AS _e2, sum(`count`) AS _e3
FROM (SELECT `day`, `region`, `count`
FROM `zida`.`ticket_recognition` FINAL
WHERE `day` >= toDate32(?) AND `day` < toDate32(?) AND toInt64(toDayOfWeek(addMonths(`day`, 12))) >= ?) AS _r
WHERE `region` IN (?, ?) GROUP BY _gt, _g0, _g1 HAVING count() > 0)) GROUP BY _t, _d0, _d1) ORDER BY _m3 DESC NULLS LAST, _t NULLS LAST, _d0 NULLS LAST, _d1 NULLS LAST LIMIT ?
SETTINGS enable_extended_results_for_datetime_functions = 1, enable_shared_storage_snapshot_in_query = 1, use_skip_indexes_if_final = 1, use_skip_indexes_if_final_exact_mode = 1, join_use_nulls = 0
