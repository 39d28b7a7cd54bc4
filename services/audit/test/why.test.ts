import { events } from '@perennial/contracts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { getLineage } from '../src/rpc/lineage.js';
import { listEvents } from '../src/rpc/list-events.js';
import { why } from '../src/rpc/why.js';
import { type LogForTests, openLog, told } from './house.js';
import { manifestOf, story, verifiedDigest } from './story.js';

let log: LogForTests;
beforeAll(async () => {
  log = await openLog();
  for (const rollout of ['rollout-1', 'rollout-2']) {
    await log.context.artifacts.put(new TextEncoder().encode(manifestOf(rollout)));
  }
  await log.record(story());
});
afterAll(() => log.close());

const chain = async (subject: string) => (await why(log.context, { subject })).steps;
const ids = async (subject: string) => (await chain(subject)).map(({ eventId }) => eventId);

describe('why', () => {
  test('tells the whole chain of a champion, latest first, though services named no causes', async () => {
    const steps = await chain('model weather@champion');
    expect(steps.map(({ eventId }) => eventId)).toEqual([
      'promoted-2',
      'to-canary-2',
      'to-shadow-2',
      'tested-2',
      'to-testing-2',
      'registered-2',
      'evaluated-2',
      'completed-2',
      'started-2',
      'materialized-2',
      'requested-2',
      'review',
      'report',
      'applied',
    ]);
    expect(steps[0]).toMatchObject({ depth: 0, service: 'registry' });
    const depthOf = new Map(steps.map(({ eventId, depth }) => [eventId, depth]));
    expect(depthOf.get('review')).toBe((depthOf.get('requested-2') ?? 0) + 1);
  });

  test('says each step in one plain sentence with its numbers', async () => {
    const texts = Object.fromEntries(
      (await chain('model weather@champion')).map((step) => [step.eventId, step.text]),
    );
    expect(texts).toMatchObject({
      'promoted-2':
        'version 2 became champion of weather in place of version 1, moved by registry: the canary held',
      'to-canary-2': 'the rollout of version 2 of weather went from shadow to canary: 2 predictions seen',
      'tested-2':
        'version 2 of weather passed its test in the inference service with 5 golden requests, 2.125 ms at the 99th percentile and 1 MiB of memory',
      'evaluated-2':
        "on 14 held-out rows the candidate's mae was 2.1, the champion's 3 (30 % better) and last value's 2.9",
      'completed-2':
        'training of weather ended after 1.25 s with a model of 81 KiB, using at most 210 MiB of memory',
      'materialized-2':
        'of the verified rows of weather known by 2012-03-30, 76 were taken for training and the last 14 were held out',
      'requested-2': 'a new model of weather was asked for after a review; version 1 was champion',
      review:
        'the review of version 1 of weather found that the world changed: no rows are held; temp_min moved by 1.42 sd',
      report:
        'over 14 predictions from 2012-05-01 to 2012-05-14 version 1 of weather had drift in temp_min (ks 0.61, p 0.0004, effect 1.42) and decay: mae 4.6 on 14 labelled rows against 2.1 when it was evaluated',
      applied: 'ann applied version 1 of system weather',
    });
  });

  test('a first model goes back to the rows that were enough for it', async () => {
    const first = await ids('model weather@1');
    expect(first[0]).toBe('promoted-1');
    expect(first.slice(-4)).toEqual(['requested-1', 'verified', 'recorded', 'applied']);
    expect(await ids('model weather@previous')).toEqual(first);
  });

  test.each([
    ['model weather', 'promoted-2'],
    ['rollout rollout-1', 'to-promoted-1'],
    ['dataset dataset-1', 'materialized-1'],
    ['segment seg-1', 'verified'],
    ['event evaluated-1', 'evaluated-1'],
    ['system weather', 'deployed-2'],
    ['deployment weather', 'deployed-2'],
    ['review review-1', 'review'],
    ['drift-report report-1', 'report'],
    ['training-run run-2', 'completed-2'],
    ['evaluation evaluation-2', 'evaluated-2'],
  ])('%s stands at %s', async (subject, eventId) => {
    expect((await ids(subject))[0]).toBe(eventId);
  });

  test.each([
    ['model weather@7', 'weather has no "7"; it has version 2, 1, and the aliases champion and previous'],
    ['model rain@champion', 'there is no system "rain"; the last ones recorded are weather'],
    ['rollout x', 'nothing is recorded about rollout "x"; the last ones recorded are rollout-2, rollout-1'],
    ['quarantine x', 'nothing is recorded about quarantine "x"; no quarantine is recorded yet'],
    ['event x', 'event "x" is not recorded'],
  ])('the unknown %s is refused by saying what there is', async (subject, says) => {
    await expect(chain(subject)).rejects.toMatchObject({
      code: 'SUBJECT_NOT_FOUND',
      message: expect.stringContaining(says),
    });
  });

  test.each(['', 'champion', 'model', 'model a b', 'rollout a@1', 'model a@', 'model a@1@2', 'weather x'])(
    '"%s" is no subject',
    async (subject) => {
      await expect(chain(subject)).rejects.toMatchObject({ code: 'SUBJECT_INVALID', field: 'subject' });
    },
  );

  test('the order in which events were recorded changes nothing', async () => {
    const shuffled = await openLog();
    // Streams are heard side by side: all of MODEL may come before all of TRAINING.
    const byStream = [...story()].sort((a, b) =>
      (a.subject.split('.')[2] ?? '').localeCompare(b.subject.split('.')[2] ?? ''),
    );
    for (const event of byStream) await shuffled.record([event]);
    const subject = { subject: 'model weather@champion' };
    expect(await why(shuffled.context, subject)).toEqual(await why(log.context, subject));
    await shuffled.close();
  });

  test('events that name each other as their cause are told once each', async () => {
    const circle = await openLog();
    const alert = (id: string, cause: string) =>
      told(events.alertRaised, id, { alertId: id, kind: 'test', text: 'round' }, { id, cause });
    await circle.record([alert('one', 'two'), alert('two', 'one')]);
    const { steps } = await why(circle.context, { subject: 'event one' });
    expect(steps.map(({ eventId }) => eventId)).toEqual(['one', 'two']);
    await circle.close();
  });
});

describe('lineage', () => {
  test('shows what a model was made of, down to the rows as they came', async () => {
    const { nodes, edges } = await getLineage(log.context, { subject: 'model weather@champion' });
    expect(nodes.map(({ kind, name }) => `${kind} ${name}`)).toEqual([
      'model weather@2',
      'training-run run-2',
      'evaluation evaluation-2',
      'dataset dataset-2',
      'system weather@1',
      'segment rain seg-1',
      'segment sha256:unknown',
      'segment rain seg-1 as recorded',
    ]);
    expect(
      edges.map(({ from, relation, to }) => `${from.split(':')[0]} ${relation} ${to.split(':')[0]}`),
    ).toEqual([
      'model trained-by training-run',
      'model judged-by evaluation',
      'model made-of dataset',
      'dataset made-of system',
      'dataset made-of segment',
      'dataset made-of segment',
      'segment verified-from segment',
    ]);
    const known = new Set(nodes.map(({ id }) => id));
    expect(edges.every(({ from, to }) => known.has(from) && known.has(to))).toBe(true);
  });

  test('names the segment of the own source where another has the very same rows', async () => {
    const twins = await openLog();
    await twins.context.artifacts.put(new TextEncoder().encode(manifestOf('rollout-2')));
    const twin = { segmentId: 'seg-2', source: 'fog', digest: verifiedDigest, rows: 90 };
    await twins.record([...story(), told(events.segmentVerified, 'seg-2', twin, { id: 'twin', at: 99 })]);
    const { nodes } = await getLineage(twins.context, { subject: 'model weather@champion' });
    const names = nodes.filter(({ kind }) => kind === 'segment').map(({ name }) => name);
    expect(names).toContain('rain seg-1');
    expect(names.join()).not.toContain('fog');
    await twins.close();
  });

  test('shows what was made of a segment', async () => {
    const { nodes } = await getLineage(log.context, { subject: 'segment seg-1' });
    expect(nodes.find(({ name }) => name === 'rain seg-1')?.digest).toBe(verifiedDigest);
    expect(nodes.filter(({ kind }) => kind === 'model').map(({ name }) => name)).toEqual([
      'weather@1',
      'weather@2',
    ]);
  });

  test('of a whole system has its models and datasets', async () => {
    const { nodes } = await getLineage(log.context, { subject: 'system weather' });
    expect(nodes.filter(({ kind }) => kind === 'dataset')).toHaveLength(2);
  });

  test('of what has none is refused', async () => {
    const asked = getLineage(log.context, { subject: 'review review-1' });
    await expect(asked).rejects.toMatchObject({ code: 'LINEAGE_SUBJECT' });
  });
});

describe('listing', () => {
  const list = (filters: {
    afterIndex?: bigint;
    limit?: number;
    typePrefix?: string;
    subjectContains?: string;
  }) =>
    listEvents(log.context, {
      $typeName: 'perennial.v1.ListEventsRequest',
      afterIndex: 0n,
      limit: 0,
      typePrefix: '',
      subjectContains: '',
      ...filters,
    });

  test('gives every event once, in order, page by page', async () => {
    const found: string[] = [];
    for (;;) {
      const { events: page, size } = await list({ afterIndex: BigInt(found.length), limit: 7 });
      expect(size).toBe(BigInt(story().length));
      if (page.length === 0) break;
      expect(page[0]?.index).toBe(BigInt(found.length));
      found.push(...page.map(({ eventId }) => eventId));
    }
    expect(found).toEqual(story().map(({ id }) => id));
  });

  test('filters by type, with or without its root, and by subject, taking % and _ as they are', async () => {
    const types = async (typePrefix: string) =>
      (await list({ typePrefix })).events.map(({ eventId }) => eventId);
    expect(await types('model.promoted')).toEqual(['promoted-1', 'promoted-2']);
    expect(await types('io.perennial.review')).toEqual(['review']);
    expect(await types('%')).toEqual([]);
    const { events: about } = await list({ subjectContains: 'rollout-2', typePrefix: 'rollout.requested' });
    expect(about.map(({ bodyJson }) => JSON.parse(bodyJson).trigger)).toEqual(['ROLLOUT_TRIGGER_REVIEW']);
  });
});
