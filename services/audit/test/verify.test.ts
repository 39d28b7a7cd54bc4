import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { events } from '@perennial/contracts';
import { tempDir } from '@perennial/testkit';
import { noteVerifier, verifyProof } from '@perennial/tlog';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { rememberCheckpoint } from '../src/effects/signer.js';
import { getProof } from '../src/rpc/proofs.js';
import { verify } from '../src/rpc/verify.js';
import { type LogForTests, openLog, told } from './house.js';

const alert = (number: number, text = `alert ${number}`) =>
  told(
    events.alertRaised,
    `alert-${number}`,
    { alertId: `alert-${number}`, kind: 'test', text },
    {
      id: `event-${number}`,
      at: number,
    },
  );
const alerts = (from: number, to: number) => Array.from({ length: to - from }, (_, at) => alert(from + at));
const signal = new AbortController().signal;

let log: LogForTests;
beforeEach(async () => {
  log = await openLog();
  await log.record(alerts(0, 7));
  await log.record(alerts(7, 20));
});
afterEach(() => log.close());

const found = () => verify(log.context, signal);

describe('a log nobody touched', () => {
  test('is verified, empty or not, whatever the sizes of its batches', async () => {
    expect(await found()).toMatchObject({ verified: true, entries: 20n, problems: [] });
    const empty = await openLog();
    expect(await verify(empty.context, signal)).toMatchObject({ verified: true, entries: 0n });
    await empty.close();
    for (let at = 20; at < 60; at += 1 + (at % 7)) await log.record(alerts(at, at + 1 + (at % 7)));
    expect(await found()).toMatchObject({ verified: true });
  });

  test('is not changed by events that come again, in the same batch or later, in any order', async () => {
    const before = await found();
    await log.record(alerts(3, 12).reverse());
    expect(await found()).toEqual(before);
    await log.record([alert(20), alert(20), alert(3)]);
    expect(await found()).toMatchObject({ verified: true, entries: 21n });
    expect(log.refused).toEqual([]);
  });

  test('keeps the first content when an id comes again with another', async () => {
    const before = await found();
    await log.record([alert(3, 'something else')]);
    expect(await found()).toEqual(before);
    expect(log.refused).toEqual(['event-3']);
  });

  test('has one index for each entry when many append at once', async () => {
    const batches = Array.from({ length: 12 }, (_, at) => alerts(20 + at * 5, 27 + at * 5));
    await Promise.all(batches.map(log.record));
    expect(await found()).toMatchObject({ verified: true, entries: 82n });
  });
});

describe('tampering is found and named', () => {
  const tamperings: [name: string, sql: string, problem: string][] = [
    [
      'a byte of an entry',
      `update entry set content = set_byte(content, 40, 65) where entry_index = 5`,
      'entry 5 (io.perennial.alert.raised.v1 event-5) was changed',
    ],
    ['a removed entry', 'delete from entry where entry_index = 5', 'entry 5 is missing: entry 6 follows'],
    [
      'several removed entries',
      'delete from entry where entry_index between 5 and 8',
      'entries 5 to 8 are missing',
    ],
    [
      'two entries that changed places',
      `update entry set entry_index = case entry_index when 5 then -6 else -5 end where entry_index in (5, 6);
       update entry set entry_index = -entry_index where entry_index < 0`,
      'entry 5 (io.perennial.alert.raised.v1 event-6) was changed',
    ],
    ['a cut end', 'delete from entry where entry_index >= 15', 'a checkpoint over 20 entries was signed'],
    [
      'a cut end, with all that was kept of it',
      `delete from entry where entry_index >= 15; delete from tree_node where last_leaf >= 15;
       update log_head set size = 15`,
      'the log was cut off: a checkpoint over 20 entries was signed',
    ],
    [
      'a cut end, with its checkpoint',
      `delete from entry where entry_index >= 15; delete from checkpoint where size > 15`,
      'its head counts 20 entries, but 15 are there',
    ],
    [
      'a node of the tree',
      `update tree_node set hash = set_byte(hash, 3, get_byte(hash, 3) # 1) where level = 1 and last_leaf = 5`,
      'node of level 1, number 2 was changed',
    ],
    [
      'a removed node',
      'delete from tree_node where level = 2 and last_leaf = 7',
      'level 2, number 1 is missing',
    ],
    [
      'an entry filed under another id',
      `update entry set event_id = 'other' where entry_index = 5`,
      'entry 5 (other) is filed wrongly: its column event_id',
    ],
    [
      'an entry dated back',
      `update entry set occurred_at = occurred_at - interval '1 day' where entry_index = 5`,
      'its column occurred_at differs',
    ],
    [
      'a checkpoint over another root',
      `update checkpoint set note = (select note from checkpoint where size = 7) where size = 20`,
      'the first 20 entries do not give the root that was signed over them',
    ],
    [
      'a signature',
      `update checkpoint set note = regexp_replace(note, '.{12}\\n$', 'AAAAAAAAAAA=' || chr(10)) where size = 20`,
      'was not signed by example.org/audit/default',
    ],
    ['removed checkpoints', 'delete from checkpoint', 'no signed checkpoint covers the entries from 0 to 19'],
    [
      'nodes of a later tree',
      `insert into tree_node values ('default', 20, 0, sha256('x'))`,
      '1 nodes beyond the last entry, 19',
    ],
  ];

  test.each(tamperings)('%s', async (_name, sql, problem) => {
    await log.sql(sql);
    const { verified, problems } = await found();
    expect(verified).toBe(false);
    expect(problems).toEqual([expect.stringContaining(problem)]);
  });

  test('a history written anew, with tree and head, but without the key', async () => {
    const other = await openLog();
    await other.record(alerts(0, 7));
    await other.record([...alerts(7, 19), alert(19, 'nothing happened')]);
    const tables = ['entry', 'tree_node'];
    for (const table of tables) {
      await log.sql(`delete from ${table}`);
      const { rows } = await other.sql(`select json_agg(t)::text as rows from ${table} t`);
      const literal = rows[0].rows.replaceAll("'", "''");
      await log.sql(
        `insert into ${table} select * from json_populate_recordset(null::${table}, '${literal}')`,
      );
    }
    await other.close();
    expect((await found()).problems).toEqual([
      expect.stringContaining('the first 20 entries do not give the root that was signed'),
    ]);
  });
});

describe('a proof', () => {
  test('shows an outsider that an event is in the log, and nothing else', async () => {
    const verifiers = [noteVerifier(log.context.signer.verifierKey)];
    for (const id of ['event-0', 'event-13', 'event-19']) {
      const { proof, entryJson } = await getProof(log.context, { eventId: id });
      const origin = 'example.org/audit/default';
      const bytes = new TextEncoder().encode(entryJson);
      expect(verifyProof(bytes, proof, { origin, verifiers })).toMatchObject({ size: 20 });
      expect(JSON.parse(entryJson)).toMatchObject({ id, type: 'io.perennial.alert.raised.v1' });
      const other = new TextEncoder().encode(entryJson.replace('alert', 'alarm'));
      expect(() => verifyProof(other, proof, { origin, verifiers })).toThrow('does not show');
    }
  });

  test('of an unknown event is refused', async () => {
    await expect(getProof(log.context, { eventId: 'x' })).rejects.toMatchObject({ code: 'EVENT_NOT_FOUND' });
  });
});

describe('the signing key', () => {
  test('is the same after a restart, wherever it is kept', async () => {
    expect((await log.openSigner()).verifierKey).toBe(log.context.signer.verifierKey);
    const keyFile = path.join(tempDir('key'), 'log.key');
    const filed = await openLog({ keyFile });
    expect((await filed.openSigner()).verifierKey).toBe(filed.context.signer.verifierKey);
    expect(statSync(keyFile).mode & 0o777).toBe(0o600);
    const { rows } = await filed.sql('select * from signing_key');
    expect(rows).toEqual([]);
    await filed.close();
  });

  test('in a file remembers what it signed, and does not sign on after an older backup was restored', async () => {
    const keyFile = path.join(tempDir('key'), 'log.key');
    const filed = await openLog({ keyFile });
    await filed.record(alerts(0, 7));
    await filed.record(alerts(7, 20));
    const last = await filed.context.store.lastCheckpoint();
    if (last) await rememberCheckpoint(keyFile, last);
    expect(readFileSync(`${keyFile}.checkpoint`, 'utf8')).toBe(last?.note);
    await filed.openSigner();
    // All that a restored backup of the database would have.
    await filed.sql(`delete from entry where entry_index >= 7; delete from tree_node where last_leaf >= 7;
      delete from checkpoint where size > 7; update log_head set size = 7`);
    await expect(filed.openSigner()).rejects.toMatchObject({ code: 'LOG_BEHIND_SIGNER' });
    expect(await verify(filed.context, signal)).toMatchObject({
      verified: false,
      problems: [expect.stringContaining('7 entries, but 20 were signed')],
    });
    await filed.close();
  });

  test('that is another than the log began with is refused', async () => {
    await log.sql(`update log_head set verifier_key = 'x+00000000+x'`);
    await expect(log.openSigner()).rejects.toMatchObject({ code: 'SIGNING_KEY_DIFFERS' });
  });
});
