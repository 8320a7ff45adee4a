SELECT CAST(toString(_d0), 'Nullable(String)'), CAST(if(isFinite(toFloat64(_m0)), toString(toFloat64(_m0)), NULL), 'Nullable(String)')
FROM (SELECT CAST(_g0, 'Nullable(String)') AS _d0, _e0 AS _m0
FROM (SELECT _g0, sumIf(_v0_0, _v0_1 > 0) / sumIf(_v0_1, isNotNull(_v0_0)) AS _e0
FROM (SELECT `_list__spot_id__name` AS _g0, `spot_id` AS _k0_0, argMax(`in_park`, tuple(`observed_at`, `_version`)) AS _v0_0, any(`_list__spot_id__instant_capacity`) AS _v0_1
FROM (SELECT `spot_id`, `in_park`, `observed_at`, `_version`
FROM `zida`.`tourism_flow` FINAL
WHERE _version < ?
UNION ALL SELECT `spot_id`, `in_park`, `observed_at`, `_version`
FROM (SELECT `spot_id`, tupleElement(_last, 1) AS `in_park`, `observed_at`, _last_version AS _version
FROM (SELECT `spot_id`, `observed_at`, `interval_minutes`, max(_version) AS _last_version, argMax(tuple(`in_park`, `_deleted`), _version) AS _last
FROM `zida`.`tourism_flow_history`
WHERE _version < ? AND (`spot_id`, `observed_at`, `interval_minutes`) IN (SELECT `spot_id`, `observed_at`, `interval_minutes`
FROM `zida`.`tourism_flow`
WHERE _version >= ?) GROUP BY `spot_id`, `observed_at`, `interval_minutes`)
WHERE tupleElement(_last, 2) = 0)) AS _r ANY LEFT JOIN (SELECT `spot_id` AS `_list__spot_id`, toNullable(`name`) AS `_list__spot_id__name`, toNullable(`instant_capacity`) AS `_list__spot_id__instant_capacity`
FROM (SELECT `spot_id`, `name`, `instant_capacity`
FROM `zida`.`scenic_spot` FINAL
WHERE _version < ?
UNION ALL SELECT `spot_id`, `name`, `instant_capacity`
FROM (SELECT `spot_id`, tupleElement(_last, 1) AS `name`, tupleElement(_last, 2) AS `instant_capacity`
FROM (SELECT `spot_id`, max(_version) AS _last_version, argMax(tuple(`name`, `instant_capacity`, `_deleted`), _version) AS _last
FROM `zida`.`scenic_spot_history`
WHERE _version < ? AND (`spot_id`) IN (SELECT `spot_id`
FROM `zida`.`scenic_spot`
WHERE _version >= ?) GROUP BY `spot_id`)
WHERE tupleElement(_last, 3) = 0))) AS `_j_spot_id` ON `spot_id` = `_list__spot_id` GROUP BY _g0, _k0_0) GROUP BY _g0 HAVING count() > 0)) ORDER BY _d0 NULLS LAST LIMIT ?
SETTINGS enable_extended_results_for_datetime_functions = 1, enable_shared_storage_snapshot_in_query = 1, use_skip_indexes_if_final = 1, use_skip_indexes_if_final_exact_mode = 1, join_use_nulls = 0
