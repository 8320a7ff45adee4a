SELECT CAST(toString(_m0), 'Nullable(String)')
FROM (SELECT _e0 AS _m0
FROM (SELECT max(_v1_0) AS _e0
FROM (SELECT _k0_1 AS _k1_0, sum(_v0_0) AS _v1_0
FROM (SELECT `spot_id` AS _k0_0, toStartOfFiveMinutes(toTimeZone(`observed_at`, 'Asia/Shanghai')) AS _k0_1, max(`in_park`) AS _v0_0
FROM (SELECT `spot_id`, `observed_at`, `in_park`
FROM `zida`.`tourism_flow` FINAL) AS _r GROUP BY _k0_0, _k0_1) GROUP BY _k1_0) HAVING count() > 0)) LIMIT ?
SETTINGS enable_extended_results_for_datetime_functions = 1, enable_shared_storage_snapshot_in_query = 1, use_skip_indexes_if_final = 1, use_skip_indexes_if_final_exact_mode = 1, join_use_nulls = 0
