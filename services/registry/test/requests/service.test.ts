import {
  CallbackState,
  PredictionRequestService,
  SubmissionKind,
  SubmissionState,
} from '@perennial/contracts';
import { type Database, migrate, openDatabase } from '@perennial/db';
import { createClient, type GrpcServer, serveGrpc } from '@perennial/service';
import { type DatabaseForTests, postgresForTests } from '@perennial/testkit';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { predictionRequestService } from '../../src/requests/service.js';
import type { RequestsDb } from '../../src/requests/tables.js';

let forTests: DatabaseForTests;
let database: Database;
let server: GrpcServer;
let client: ReturnType<typeof createClient<typeof PredictionRequestService>>;
let now = 0;
let round = 0;

beforeAll(async () => {
  forTests = await (await postgresForTests()).createDatabase();
  database = await openDatabase({ url: forTests.url, schema: 'registry', maxConnections: 4 });
  await migrate(database, new URL('../../migrations/', import.meta.url));
});

/** Each test has a tenant, a server and a clock of its own. */
beforeEach(async () => {
  client?.close();
  await server?.drain();
  now = Date.UTC(2024, 0, 1);
  const context = { db: database.db as RequestsDb, tenant: `tenant-${++round}`, clock: { now: () => now } };
  server = await serveGrpc({
    listen: '127.0.0.1:0',
    drainTimeoutMs: 0,
    services: [predictionRequestService(context)],
  });
  client = createClient(PredictionRequestService, server.address);
});

afterAll(async () => {
  client?.close();
  await server?.drain();
  await database?.close();
  await forTests?.drop();
});

const asked = {
  kind: SubmissionKind.REQUEST,
  system: 'heat',
  caller: 'desk',
  bodyDigest: 'sha256:body',
  format: 'json',
  rowsTotal: 3,
};
const leaseMs = 1_000;

async function created(more: object = {}): Promise<string> {
  const { submission } = await client.createSubmission({ ...asked, ...more });
  return submission?.submissionId ?? '';
}
const stateOf = async (submissionId: string) => (await client.getSubmission({ submissionId })).submission;

test('one worker at a time holds a submission, and the oldest is taken first', async () => {
  const first = await created();
  now += 1;
  const second = await created();
  const claims = [await client.claimSubmission({ leaseMs }), await client.claimSubmission({ leaseMs })];
  expect(claims.map(({ submission }) => submission?.submissionId)).toEqual([first, second]);
  expect((await client.claimSubmission({ leaseMs })).submission).toBeUndefined();
  expect((await stateOf(first))?.state).toBe(SubmissionState.RUNNING);
});

test('many workers that ask at once take different ones', async () => {
  const ids = await Promise.all(Array.from({ length: 8 }, () => created()));
  const claims = await Promise.all(Array.from({ length: 12 }, () => client.claimSubmission({ leaseMs })));
  const taken = claims.flatMap(({ submission }) => (submission ? [submission.submissionId] : []));
  expect(taken.sort()).toEqual(ids.sort());
});

test('a submission whose worker was killed is taken up again, and the late result is none', async () => {
  const submissionId = await created();
  const killed = await client.claimSubmission({ leaseMs });
  now += leaseMs + 1;
  const next = await client.claimSubmission({ leaseMs });
  expect(next.submission?.submissionId).toBe(submissionId);
  const end = (epoch: number, resultDigest: string) =>
    client.completeSubmission({ submissionId, epoch, resultDigest, rowsDone: 3 });
  expect((await end(killed.epoch, 'sha256:late')).held).toBe(false);
  expect((await end(next.epoch, 'sha256:result')).held).toBe(true);
  expect((await end(next.epoch, 'sha256:again')).held).toBe(false);
  expect(await stateOf(submissionId)).toMatchObject({
    state: SubmissionState.COMPLETED,
    resultDigest: 'sha256:result',
    rowsDone: 3,
  });
});

test('a lease that is renewed is kept; one that is given back waits for its time', async () => {
  const submissionId = await created();
  const { epoch } = await client.claimSubmission({ leaseMs });
  now += 800;
  expect((await client.renewSubmission({ submissionId, epoch, leaseMs })).held).toBe(true);
  now += 800;
  expect((await client.claimSubmission({ leaseMs })).submission).toBeUndefined();
  expect((await client.postponeSubmission({ submissionId, epoch, delayMs: 5_000 })).held).toBe(true);
  expect((await client.claimSubmission({ leaseMs })).submission).toBeUndefined();
  now += 5_000;
  const again = await client.claimSubmission({ leaseMs });
  expect(again.submission?.attempt).toBe(1);
});

test('the same key of the same caller is one submission; for something else it is refused', async () => {
  const key = { idempotencyKey: 'monday' };
  const [one, other] = await Promise.all([
    client.createSubmission({ ...asked, ...key }),
    client.createSubmission({ ...asked, ...key }),
  ]);
  expect(one.submission?.submissionId).toBe(other.submission?.submissionId);
  expect([one.created, other.created].sort()).toEqual([false, true]);
  expect(await created({ ...key, caller: 'another' })).not.toBe(one.submission?.submissionId);
  await expect(created({ ...key, bodyDigest: 'sha256:other' })).rejects.toMatchObject({
    code: 'IDEMPOTENCY_CONFLICT',
  });
});

test('what is cancelled has no result any more, and what has ended is not cancelled', async () => {
  const submissionId = await created();
  const { epoch } = await client.claimSubmission({ leaseMs });
  expect((await client.cancelSubmission({ submissionId })).submission?.state).toBe(SubmissionState.CANCELLED);
  expect((await client.renewSubmission({ submissionId, epoch, leaseMs })).held).toBe(false);
  expect((await client.completeSubmission({ submissionId, epoch, resultDigest: 'sha256:r' })).held).toBe(
    false,
  );
  const done = await created();
  const claimed = await client.claimSubmission({ leaseMs });
  await client.completeSubmission({ submissionId: done, epoch: claimed.epoch, errorJson: '{}' });
  expect((await client.cancelSubmission({ submissionId: done })).submission?.state).toBe(
    SubmissionState.FAILED,
  );
});

test('parts come one after the other, each once, and from the holder of the lease alone', async () => {
  const submissionId = await created({ kind: SubmissionKind.BATCH });
  expect(
    (await client.claimSubmission({ leaseMs, kind: SubmissionKind.REQUEST })).submission,
  ).toBeUndefined();
  const { epoch } = await client.claimSubmission({ leaseMs, kind: SubmissionKind.BATCH });
  const part = (ordinal: number, digest: string, by = epoch) =>
    client.recordSubmissionPart({ submissionId, epoch: by, ordinal, digest, rowsDone: ordinal + 1, leaseMs });
  expect((await part(1, 'sha256:b')).held).toBe(false);
  expect((await part(0, 'sha256:a')).held).toBe(true);
  expect((await part(0, 'sha256:a')).held).toBe(true);
  now += leaseMs + 1;
  const next = await client.claimSubmission({ leaseMs });
  expect(next.submission?.partsDone).toBe(1);
  expect((await part(1, 'sha256:late')).held).toBe(false);
  expect((await part(1, 'sha256:b', next.epoch)).held).toBe(true);
  expect((await client.listSubmissionParts({ submissionId })).digests).toEqual(['sha256:a', 'sha256:b']);
  expect((await stateOf(submissionId))?.rowsDone).toBe(2);
});

test('a callback is due once its submission has ended, is tried again when it failed, and ends', async () => {
  const submissionId = await created({ callbackUrl: 'https://desk.example/hook', callbackSecret: 'whsec_x' });
  expect((await client.claimCallback({ leaseMs })).submission).toBeUndefined();
  const { epoch } = await client.claimSubmission({ leaseMs });
  await client.completeSubmission({ submissionId, epoch, resultDigest: 'sha256:r' });
  const first = await client.claimCallback({ leaseMs });
  expect([first.submission?.submissionId, first.secret]).toEqual([submissionId, 'whsec_x']);
  expect((await client.claimCallback({ leaseMs })).submission).toBeUndefined();
  const failed = { submissionId, epoch: first.epoch, error: 'status 500', retryMs: 2_000 };
  expect((await client.settleCallback(failed)).held).toBe(true);
  now += 2_000;
  const second = await client.claimCallback({ leaseMs });
  expect(second.submission?.callbackAttempt).toBe(1);
  expect((await client.settleCallback({ ...failed, delivered: true })).held).toBe(false);
  const delivered = { submissionId, epoch: second.epoch, delivered: true };
  expect((await client.settleCallback(delivered)).held).toBe(true);
  expect((await client.settleCallback(delivered)).held).toBe(false);
  expect((await stateOf(submissionId))?.callbackState).toBe(CallbackState.DELIVERED);
  now += 3_600_000;
  expect((await client.claimCallback({ leaseMs })).submission).toBeUndefined();
});

test('nobody is called back about what was cancelled', async () => {
  const submissionId = await created({ callbackUrl: 'https://desk.example/hook' });
  await client.cancelSubmission({ submissionId });
  expect((await client.claimCallback({ leaseMs })).submission).toBeUndefined();
});

test('a caller has a bound of open submissions, and what ended long ago is forgotten', async () => {
  const old = await created();
  await client.cancelSubmission({ submissionId: old });
  now += 8 * 86_400_000;
  await Promise.all(Array.from({ length: 1_000 }, () => created()));
  await expect(created()).rejects.toMatchObject({ code: 'SUBMISSIONS_EXHAUSTED' });
  expect(await created({ caller: 'another' })).not.toBe('');
  await expect(stateOf(old)).rejects.toMatchObject({ code: 'SUBMISSION_NOT_FOUND' });
});
