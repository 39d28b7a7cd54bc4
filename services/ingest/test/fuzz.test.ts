import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { openTables, quoteText } from '@perennial/tables';
import { tempDir, withstands } from '@perennial/testkit';
import {
  Dictionary,
  Int32,
  Table,
  TimestampMillisecond,
  tableToIPC,
  Utf8,
  vectorFromArray,
} from 'apache-arrow';
import { expect, test } from 'vitest';
import { readBody, readEvents } from '../src/decide/read-body.js';
import { decompressed, type Encoding } from '../src/effects/decompress.js';
import { readArrow } from '../src/publish/read-arrow.js';
import { type FileItems, readCsv, readJson, readJsonLines } from '../src/publish/read-rows.js';

const reading = {
  timeColumn: 'date',
  zone: 'Europe/Berlin',
  arrivedAt: 0,
  idOf: (ordinal: number) => `r${ordinal}`,
};
const dir = tempDir('fuzz');
const path = join(dir, 'body');

/** Reads all of a file; the first refusal is thrown, as a sender would be told it. */
async function readAll(bytes: Uint8Array, read: () => FileItems): Promise<void> {
  writeFileSync(path, bytes);
  for await (const items of read()) {
    for (const item of items) if ('error' in item) throw item.error;
  }
}

const row = '{"date":"2024-01-01T10:00:00","a":[1,{"b":"\\u00e9"}],"c":-1.5e3,"d":null,"e":"é😀"}';
const event = `{"specversion":"1.0","id":"1","source":"/s","type":"t","time":"2024-01-01T00:00:00Z","data":${row}}`;

test('broken rows and events are read or refused with a reason, as messages and as files', async () => {
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();
  const seeds = [row, `[${row},${row}]`, `${row}\n${row}\n`];
  const body = await withstands(
    seeds,
    (bytes) => {
      const [refused] = readBody(text(bytes), reading, reading.idOf).refused;
      if (refused) throw refused.error;
    },
    { count: 1_500 },
  );
  const events = await withstands(
    [event, `[${event}]`],
    (bytes) => {
      const [refused] = readEvents(text(bytes), reading).refused;
      if (refused) throw refused.error;
    },
    { count: 1_500 },
  );
  const lines = await withstands(seeds, (bytes) => readAll(bytes, () => readJsonLines(path, reading)), {
    count: 300,
  });
  const json = await withstands(
    seeds,
    (bytes) => readAll(bytes, () => readJson(path, bytes.length, reading)),
    {
      count: 300,
    },
  );
  const csv = 'date,a,b\n2024-01-01,1,"x, ""y"""\n2024-01-02 10:00,,z\r\n';
  const table = await withstands([csv], (bytes) => readAll(bytes, () => readCsv(path, reading)), {
    count: 300,
  });
  for (const seen of [body, events, lines, json, table]) {
    expect(seen.read).toBeGreaterThan(0);
    expect(seen.refused).toBeGreaterThan(10);
  }
});

test('broken Arrow streams are read or refused with a reason, whatever lengths they claim', async () => {
  const arrow = tableToIPC(
    new Table({
      date: vectorFromArray([0, 1e12, null], new TimestampMillisecond()),
      word: vectorFromArray(['a', 'b', 'a'], new Dictionary(new Utf8(), new Int32())),
      n: vectorFromArray([1.5, null, 2]),
      big: vectorFromArray([1n, 2n, 3n]),
    }),
    'stream',
  );
  const seen = await withstands([arrow], (bytes) => readAll(bytes, () => readArrow(path, reading)), {
    count: 24,
  });
  expect(seen.refused).toBeGreaterThan(5);
});

test('broken packings are unpacked or refused with a reason', async () => {
  const tables = await openTables({});
  const file = join(dir, 'rows.csv.zst');
  await tables.run(
    `copy (select i, i * 7 as n from range(2000) r(i)) to ${quoteText(file)} (format csv, compression zstd)`,
  );
  await tables.close();
  const packed: [Encoding, Uint8Array][] = [
    ['gzip', gzipSync(row.repeat(50))],
    ['zstd', readFileSync(file)],
  ];
  for (const [encoding, bytes] of packed) {
    const pieces = async function* (broken: Uint8Array) {
      for (let at = 0; at < broken.length; at += 100) yield broken.subarray(at, at + 100);
    };
    const seen = await withstands(
      [bytes],
      async (broken) => {
        let size = 0;
        for await (const piece of decompressed(pieces(broken), encoding)) size += piece.length;
        return size;
      },
      { count: 300 },
    );
    expect(seen.refused).toBeGreaterThan(50);
  }
});
