-- What each producer sent, on which way, within each hour of arrival.
CREATE TABLE delivery (
  tenant text NOT NULL,
  source text NOT NULL,
  producer text NOT NULL,
  kind text NOT NULL,
  -- http, grpc, files or bus
  way text NOT NULL,
  hour timestamptz NOT NULL,
  messages bigint NOT NULL,
  rows bigint NOT NULL,
  duplicates bigint NOT NULL,
  refused bigint NOT NULL,
  late bigint NOT NULL,
  bytes bigint NOT NULL,
  PRIMARY KEY (tenant, source, producer, kind, way, hour)
);
CREATE INDEX delivery_by_hour ON delivery (tenant, hour);

ALTER TABLE producer ADD COLUMN first_received_at timestamptz;
UPDATE producer SET first_received_at = sent.first FROM (
  SELECT tenant, source, producer, min(recorded_at) AS first FROM segment GROUP BY 1, 2, 3) AS sent
  WHERE sent.tenant = producer.tenant AND sent.source = producer.source AND sent.producer = producer.producer;
-- What had come before hours were counted, in the hour of its segment.
INSERT INTO delivery
  SELECT tenant, source, producer, kind,
    CASE WHEN stream_sequence_last > 0 THEN 'bus' ELSE 'files' END, date_trunc('hour', recorded_at, 'UTC'),
    count(*), sum(rows), 0, 0, 0, 0
  FROM segment GROUP BY 1, 2, 3, 4, 5, 6;
