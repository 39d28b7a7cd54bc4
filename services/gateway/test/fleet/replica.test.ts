import { create } from '@bufbuild/protobuf';
import { oip } from '@perennial/contracts';
import { waitFor } from '@perennial/testkit';
import { afterEach, expect, test } from 'vitest';
import { Replica, type Sent } from '../../src/fleet/replica.js';
import { callsTo, cuttable, startReplica, stopAll } from './replicas.js';

afterEach(stopAll);

const replicas: Replica[] = [];
afterEach(() => {
  for (const replica of replicas.splice(0)) replica.close();
});

interface Heard {
  readonly lost: unknown[];
  connections: number;
}

async function open(address: string): Promise<{ replica: Replica; heard: Heard }> {
  const heard: Heard = { lost: [], connections: 0 };
  const replica = new Replica(callsTo(address), {
    onConnected: () => {
      heard.connections += 1;
    },
    onLost: (error) => heard.lost.push(error),
    onAnswer: () => {},
  });
  replicas.push(replica);
  await waitFor('the stream', () => replica.isConnected);
  return { replica, heard };
}

const send = (replica: Replica, modelName: string, withinMs = 10_000): Sent =>
  replica.send(
    { digest: 'd', request: create(oip.ModelInferRequestSchema, { modelName }) },
    1,
    performance.now() + withinMs,
  );

test('requests share one stream and each gets its own answer', async () => {
  const { replica } = await open((await startReplica()).address);
  const names = Array.from({ length: 200 }, (_, at) => `model-${at}`);
  const sent = names.map((name) => send(replica, name));
  expect([replica.inFlight, replica.rowsInFlight]).toEqual([200, 200]);
  const answers = await Promise.all(sent.map(({ answer }) => answer));
  expect(answers.map(({ outcome }) => outcome.case === 'response' && outcome.value.modelName)).toEqual(names);
  expect([replica.inFlight, replica.rowsInFlight]).toEqual([0, 0]);
});

test('what a replica went down with is given back at once, and the stream comes again', async () => {
  const server = await startReplica(() => 'ignore');
  const { address, cut } = await cuttable(server.address);
  const { replica, heard } = await open(address);
  const { answer } = send(replica, 'heat');
  await waitFor('the replica to hear it', () => server.heard.length === 1);
  cut();
  await expect(answer).rejects.toMatchObject({ how: 'crashed' });
  await waitFor('the second stream', () => heard.connections === 2 && replica.isConnected);
});

test('a replica that keeps its connection and says nothing any more is taken for lost', async () => {
  const server = await startReplica(() => 'ignore');
  const { address, pause } = await cuttable(server.address);
  const { replica, heard } = await open(address);
  const { answer } = send(replica, 'heat', 60_000);
  await waitFor('the replica to hear it', () => server.heard.length === 1);
  const resume = pause();
  await expect(answer).rejects.toMatchObject({ how: 'silent' });
  expect(replica.isConnected).toBe(false);
  resume();
  await waitFor('the second stream', () => heard.connections === 2);
});

test('a replica that computes for long, and lives, is left in peace', async () => {
  const server = await startReplica((_, heard) => (heard.length === 1 ? { afterMs: 2_500 } : 'answer'));
  const { replica, heard } = await open(server.address);
  const { answer } = send(replica, 'slow', 60_000);
  expect((await answer).outcome.case).toBe('response');
  expect(heard.lost).toEqual([]);
});

test('a request ends at its deadline when nobody answers', async () => {
  const { replica } = await open((await startReplica(() => 'ignore')).address);
  await expect(send(replica, 'heat', 100).answer).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  expect(replica.inFlight).toBe(0);
});

test('a request that is cancelled holds no place, and the replica is told', async () => {
  const server = await startReplica(() => 'ignore');
  const { replica } = await open(server.address);
  const { cancel } = send(replica, 'heat');
  cancel();
  cancel();
  expect(replica.inFlight).toBe(0);
  await waitFor('the replica to hear of it', () => server.cancelled.length === 1);
  expect(server.cancelled).toEqual([server.heard[0]?.sequence]);
});
