CREATE TABLE IF NOT EXISTS `zida`.`park_monthly_local` ON CLUSTER `gov`
(
    `_version` UInt64,
    `_deleted` UInt8,
    `_agency` LowCardinality(String),
    `_client` LowCardinality(String),
    `_submission` UInt32,
    `_row` UInt32,
    `_received_at` DateTime64(3, 'UTC'),
    `park_id` LowCardinality(String),
    `month` String,
    `region` LowCardinality(String),
    `output_value` Nullable(Decimal(18, 2)),
    `revenue` Nullable(Decimal(18, 2)),
    `tax` Nullable(Decimal(18, 2)),
    `industrial_investment` Nullable(Decimal(18, 2)),
    `employees` Nullable(Int64),
    `area_mu` Nullable(Decimal(12, 2)),
    `energy_tce` Nullable(Decimal(14, 3)),
    INDEX _version_range _version TYPE minmax GRANULARITY 4
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}', _version, _deleted)
PARTITION BY substring(`month`, 1, 4)
ORDER BY (`park_id`, `month`)
SETTINGS min_age_to_force_merge_seconds=3600, min_age_to_force_merge_on_partition_only=1, fsync_after_insert=1, fsync_part_directory=1, min_rows_to_fsync_after_merge=1, index_granularity=2048;

CREATE TABLE IF NOT EXISTS `zida`.`park_monthly` ON CLUSTER `gov`
(
    `_version` UInt64,
    `_deleted` UInt8,
    `_agency` LowCardinality(String),
    `_client` LowCardinality(String),
    `_submission` UInt32,
    `_row` UInt32,
    `_received_at` DateTime64(3, 'UTC'),
    `park_id` LowCardinality(String),
    `month` String,
    `region` LowCardinality(String),
    `output_value` Nullable(Decimal(18, 2)),
    `revenue` Nullable(Decimal(18, 2)),
    `tax` Nullable(Decimal(18, 2)),
    `industrial_investment` Nullable(Decimal(18, 2)),
    `employees` Nullable(Int64),
    `area_mu` Nullable(Decimal(12, 2)),
    `energy_tce` Nullable(Decimal(14, 3))
)
ENGINE = Distributed(`gov`, `zida`, `park_monthly_local`, cityHash64(`park_id`, `month`));

CREATE TABLE IF NOT EXISTS `zida`.`park_monthly_history_local` ON CLUSTER `gov`
(
    `_version` UInt64,
    `_deleted` UInt8,
    `_agency` LowCardinality(String),
    `_client` LowCardinality(String),
    `_submission` UInt32,
    `_row` UInt32,
    `_received_at` DateTime64(3, 'UTC'),
    `park_id` LowCardinality(String),
    `month` String,
    `region` LowCardinality(String),
    `output_value` Nullable(Decimal(18, 2)),
    `revenue` Nullable(Decimal(18, 2)),
    `tax` Nullable(Decimal(18, 2)),
    `industrial_investment` Nullable(Decimal(18, 2)),
    `employees` Nullable(Int64),
    `area_mu` Nullable(Decimal(12, 2)),
    `energy_tce` Nullable(Decimal(14, 3)),
    INDEX _version_range _version TYPE minmax GRANULARITY 1
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
PARTITION BY substring(`month`, 1, 4)
ORDER BY (`park_id`, `month`, `_version`)
SETTINGS min_age_to_force_merge_seconds=3600, min_age_to_force_merge_on_partition_only=1, fsync_after_insert=1, fsync_part_directory=1, min_rows_to_fsync_after_merge=1;

CREATE TABLE IF NOT EXISTS `zida`.`park_monthly_history` ON CLUSTER `gov`
(
    `_version` UInt64,
    `_deleted` UInt8,
    `_agency` LowCardinality(String),
    `_client` LowCardinality(String),
    `_submission` UInt32,
    `_row` UInt32,
    `_received_at` DateTime64(3, 'UTC'),
    `park_id` LowCardinality(String),
    `month` String,
    `region` LowCardinality(String),
    `output_value` Nullable(Decimal(18, 2)),
    `revenue` Nullable(Decimal(18, 2)),
    `tax` Nullable(Decimal(18, 2)),
    `industrial_investment` Nullable(Decimal(18, 2)),
    `employees` Nullable(Int64),
    `area_mu` Nullable(Decimal(12, 2)),
    `energy_tce` Nullable(Decimal(14, 3))
)
ENGINE = Distributed(`gov`, `zida`, `park_monthly_history_local`, cityHash64(`park_id`, `month`));

CREATE TABLE IF NOT EXISTS `zida`.`scenic_spot_local` ON CLUSTER `gov`
(
    `_version` UInt64,
    `_deleted` UInt8,
    `_agency` LowCardinality(String),
    `_client` LowCardinality(String),
    `_submission` UInt32,
    `_row` UInt32,
    `_received_at` DateTime64(3, 'UTC'),
    `spot_id` String,
    `name` String,
    `name_en` Nullable(String),
    `region` LowCardinality(String),
    `level` LowCardinality(Nullable(String)),
    `instant_capacity` Nullable(Int64),
    `daily_capacity` Nullable(Int64),
    `ticket_price` Nullable(Decimal(18, 2)),
    `ticket_reporting` LowCardinality(Nullable(String)),
    `lon` Nullable(Decimal(9, 6)),
    `lat` Nullable(Decimal(9, 6)),
    INDEX _version_range _version TYPE minmax GRANULARITY 4
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}', _version, _deleted)
ORDER BY (`spot_id`)
SETTINGS min_age_to_force_merge_seconds=3600, min_age_to_force_merge_on_partition_only=1, fsync_after_insert=1, fsync_part_directory=1, min_rows_to_fsync_after_merge=1, index_granularity=2048;

CREATE TABLE IF NOT EXISTS `zida`.`scenic_spot` ON CLUSTER `gov`
(
    `_version` UInt64,
    `_deleted` UInt8,
    `_agency` LowCardinality(String),
    `_client` LowCardinality(String),
    `_submission` UInt32,
    `_row` UInt32,
    `_received_at` DateTime64(3, 'UTC'),
    `spot_id` String,
    `name` String,
    `name_en` Nullable(String),
    `region` LowCardinality(String),
    `level` LowCardinality(Nullable(String)),
    `instant_capacity` Nullable(Int64),
    `daily_capacity` Nullable(Int64),
    `ticket_price` Nullable(Decimal(18, 2)),
    `ticket_reporting` LowCardinality(Nullable(String)),
    `lon` Nullable(Decimal(9, 6)),
    `lat` Nullable(Decimal(9, 6))
)
ENGINE = Distributed(`gov`, `zida`, `scenic_spot_local`, cityHash64(`spot_id`));

CREATE TABLE IF NOT EXISTS `zida`.`scenic_spot_history_local` ON CLUSTER `gov`
(
    `_version` UInt64,
    `_deleted` UInt8,
    `_agency` LowCardinality(String),
    `_client` LowCardinality(String),
    `_submission` UInt32,
    `_row` UInt32,
    `_received_at` DateTime64(3, 'UTC'),
    `spot_id` String,
    `name` String,
    `name_en` Nullable(String),
    `region` LowCardinality(String),
    `level` LowCardinality(Nullable(String)),
    `instant_capacity` Nullable(Int64),
    `daily_capacity` Nullable(Int64),
    `ticket_price` Nullable(Decimal(18, 2)),
    `ticket_reporting` LowCardinality(Nullable(String)),
    `lon` Nullable(Decimal(9, 6)),
    `lat` Nullable(Decimal(9, 6)),
    INDEX _version_range _version TYPE minmax GRANULARITY 1
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
ORDER BY (`spot_id`, `_version`)
SETTINGS min_age_to_force_merge_seconds=3600, min_age_to_force_merge_on_partition_only=1, fsync_after_insert=1, fsync_part_directory=1, min_rows_to_fsync_after_merge=1;

CREATE TABLE IF NOT EXISTS `zida`.`scenic_spot_history` ON CLUSTER `gov`
(
    `_version` UInt64,
    `_deleted` UInt8,
    `_agency` LowCardinality(String),
    `_client` LowCardinality(String),
    `_submission` UInt32,
    `_row` UInt32,
    `_received_at` DateTime64(3, 'UTC'),
    `spot_id` String,
    `name` String,
    `name_en` Nullable(String),
    `region` LowCardinality(String),
    `level` LowCardinality(Nullable(String)),
    `instant_capacity` Nullable(Int64),
    `daily_capacity` Nullable(Int64),
    `ticket_price` Nullable(Decimal(18, 2)),
    `ticket_reporting` LowCardinality(Nullable(String)),
    `lon` Nullable(Decimal(9, 6)),
    `lat` Nullable(Decimal(9, 6))
)
ENGINE = Distributed(`gov`, `zida`, `scenic_spot_history_local`, cityHash64(`spot_id`));

CREATE TABLE IF NOT EXISTS `zida`.`tourism_flow_local` ON CLUSTER `gov`
(
    `_version` UInt64,
    `_deleted` UInt8,
    `_agency` LowCardinality(String),
    `_client` LowCardinality(String),
    `_submission` UInt32,
    `_row` UInt32,
    `_received_at` DateTime64(3, 'UTC'),
    `spot_id` LowCardinality(String),
    `observed_at` DateTime64(3, 'UTC'),
    `interval_minutes` Int64,
    `region` LowCardinality(String),
    `entries` Nullable(Int64),
    `exits` Nullable(Int64),
    `in_park` Nullable(Int64),
    `source` LowCardinality(Nullable(String)),
    INDEX _version_range _version TYPE minmax GRANULARITY 4
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}', _version, _deleted)
PARTITION BY toYYYYMM(`observed_at`, 'Asia/Shanghai')
ORDER BY (`spot_id`, `observed_at`, `interval_minutes`)
SETTINGS min_age_to_force_merge_seconds=3600, min_age_to_force_merge_on_partition_only=1, fsync_after_insert=1, fsync_part_directory=1, min_rows_to_fsync_after_merge=1, index_granularity=2048;

CREATE TABLE IF NOT EXISTS `zida`.`tourism_flow` ON CLUSTER `gov`
(
    `_version` UInt64,
    `_deleted` UInt8,
    `_agency` LowCardinality(String),
    `_client` LowCardinality(String),
    `_submission` UInt32,
    `_row` UInt32,
    `_received_at` DateTime64(3, 'UTC'),
    `spot_id` LowCardinality(String),
    `observed_at` DateTime64(3, 'UTC'),
    `interval_minutes` Int64,
    `region` LowCardinality(String),
    `entries` Nullable(Int64),
    `exits` Nullable(Int64),
    `in_park` Nullable(Int64),
    `source` LowCardinality(Nullable(String))
)
ENGINE = Distributed(`gov`, `zida`, `tourism_flow_local`, cityHash64(`spot_id`, `observed_at`, `interval_minutes`));

CREATE TABLE IF NOT EXISTS `zida`.`tourism_flow_history_local` ON CLUSTER `gov`
(
    `_version` UInt64,
    `_deleted` UInt8,
    `_agency` LowCardinality(String),
    `_client` LowCardinality(String),
    `_submission` UInt32,
    `_row` UInt32,
    `_received_at` DateTime64(3, 'UTC'),
    `spot_id` LowCardinality(String),
    `observed_at` DateTime64(3, 'UTC'),
    `interval_minutes` Int64,
    `region` LowCardinality(String),
    `entries` Nullable(Int64),
    `exits` Nullable(Int64),
    `in_park` Nullable(Int64),
    `source` LowCardinality(Nullable(String)),
    INDEX _version_range _version TYPE minmax GRANULARITY 1
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
PARTITION BY toYYYYMM(`observed_at`, 'Asia/Shanghai')
ORDER BY (`spot_id`, `observed_at`, `interval_minutes`, `_version`)
SETTINGS min_age_to_force_merge_seconds=3600, min_age_to_force_merge_on_partition_only=1, fsync_after_insert=1, fsync_part_directory=1, min_rows_to_fsync_after_merge=1;

CREATE TABLE IF NOT EXISTS `zida`.`tourism_flow_history` ON CLUSTER `gov`
(
    `_version` UInt64,
    `_deleted` UInt8,
    `_agency` LowCardinality(String),
    `_client` LowCardinality(String),
    `_submission` UInt32,
    `_row` UInt32,
    `_received_at` DateTime64(3, 'UTC'),
    `spot_id` LowCardinality(String),
    `observed_at` DateTime64(3, 'UTC'),
    `interval_minutes` Int64,
    `region` LowCardinality(String),
    `entries` Nullable(Int64),
    `exits` Nullable(Int64),
    `in_park` Nullable(Int64),
    `source` LowCardinality(Nullable(String))
)
ENGINE = Distributed(`gov`, `zida`, `tourism_flow_history_local`, cityHash64(`spot_id`, `observed_at`, `interval_minutes`));

CREATE TABLE IF NOT EXISTS `zida`.`submissions_local` ON CLUSTER `gov`
(
    `seq` UInt64,
    `idx` UInt32,
    `dataset` LowCardinality(String),
    `contract_version` LowCardinality(String),
    `agency` LowCardinality(String),
    `client` LowCardinality(String),
    `kind` LowCardinality(String),
    `mode` LowCardinality(String),
    `received` UInt32,
    `accepted` UInt32,
    `rejected` UInt32,
    `superseded` UInt32,
    `sha256` String,
    `reason` String,
    `bytes` UInt64,
    `received_at` DateTime64(3, 'UTC'),
    `mends` String
)
ENGINE = ReplicatedReplacingMergeTree('/clickhouse/tables/{shard}/{database}/{table}', '{replica}')
ORDER BY (`seq`, `idx`)
SETTINGS min_age_to_force_merge_seconds=3600, min_age_to_force_merge_on_partition_only=1, fsync_after_insert=1, fsync_part_directory=1, min_rows_to_fsync_after_merge=1;

CREATE TABLE IF NOT EXISTS `zida`.`submissions` ON CLUSTER `gov`
(
    `seq` UInt64,
    `idx` UInt32,
    `dataset` LowCardinality(String),
    `contract_version` LowCardinality(String),
    `agency` LowCardinality(String),
    `client` LowCardinality(String),
    `kind` LowCardinality(String),
    `mode` LowCardinality(String),
    `received` UInt32,
    `accepted` UInt32,
    `rejected` UInt32,
    `superseded` UInt32,
    `sha256` String,
    `reason` String,
    `bytes` UInt64,
    `received_at` DateTime64(3, 'UTC'),
    `mends` String
)
ENGINE = Distributed(`gov`, `zida`, `submissions_local`, cityHash64(`seq`));

ALTER TABLE `zida`.`tourism_flow_local` ON CLUSTER `gov` ADD COLUMN IF NOT EXISTS `weather` Nullable(String);

ALTER TABLE `zida`.`tourism_flow` ON CLUSTER `gov` ADD COLUMN IF NOT EXISTS `weather` Nullable(String);

ALTER TABLE `zida`.`tourism_flow_local` ON CLUSTER `gov` MODIFY COLUMN `entries` Nullable(Int64);

ALTER TABLE `zida`.`tourism_flow` ON CLUSTER `gov` MODIFY COLUMN `entries` Nullable(Int64);
