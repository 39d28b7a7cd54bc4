/**
 * Another system that publishes data events: nothing but a NATS client with its own credential. It reads one JSON
 * object a line, publishes it, and says which id the bus has acknowledged. Usage: node player.js CREDS SUBJECT-TAIL
 */
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { jetstream } from '@nats-io/jetstream';
import { connect, credsAuthenticator } from '@nats-io/transport-node';

interface Line {
  arrival: 'rows' | 'labels';
  id: string;
  body: unknown;
}

const [credentialsFile = '', tail = ''] = process.argv.slice(2);
const connection = await connect({
  servers: process.env['NATS_URL'] ?? '127.0.0.1:4222',
  authenticator: credsAuthenticator(readFileSync(credentialsFile)),
  maxReconnectAttempts: -1,
});
const bus = jetstream(connection);

for await (const text of createInterface({ input: process.stdin })) {
  const line = JSON.parse(text) as Line;
  await publishUntilAcknowledged(line);
  process.stdout.write(`${JSON.stringify({ acknowledged: line.id })}\n`);
}
await connection.drain();

/** The bus drops what it has by message id, so saying it again is safe. */
async function publishUntilAcknowledged({ arrival, id, body }: Line): Promise<void> {
  const attemptsMax = 60;
  for (let attempt = 1; ; attempt++) {
    try {
      await bus.publish(`${arrival}.${tail}`, JSON.stringify(body), { msgID: id, timeout: 2_000 });
      return;
    } catch (error) {
      if (attempt === attemptsMax) throw error;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
}
