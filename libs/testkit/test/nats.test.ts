import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { expect, test } from 'vitest';
import { startNats } from '../src/mod.js';

test('what JetStream has acknowledged is there after kill -9 and restart, under the same address', async () => {
  const nats = await startNats();
  try {
    const before = await connect({ servers: nats.url });
    await (await jetstreamManager(before)).streams.add({ name: 'ROWS', subjects: ['rows.>'] });
    await jetstream(before).publish('rows.default.weather.desk', '{"temp_min":4}');
    await nats.kill();
    await before.close();
    const firstPid = nats.pid;
    await nats.restart();
    expect(nats.pid).not.toBe(firstPid);
    const after = await connect({ servers: nats.url });
    const info = await (await jetstreamManager(after)).streams.info('ROWS');
    expect(info.state.messages).toBe(1);
    expect(after.info?.max_payload).toBe(8 * 1024 * 1024);
    await after.close();
  } finally {
    await nats.stop();
  }
});
