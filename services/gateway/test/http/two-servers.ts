import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { LaneAnswer } from '../../src/http/lane/answer-text.js';
import type { LaneKeeper } from '../../src/http/lane/lane.js';
import { Lanes } from '../../src/http/lane/lanes.js';
import { gatewayLimits } from '../../src/limits.js';

/** A server that says back what it understood, with or without a fast lane in front of it. */
export interface Echo {
  readonly server: Server;
  readonly lanes: Lanes | undefined;
  readonly port: number;
  /** Requests that node:http, and that the lane, answered. */
  readonly asked: { node: number; lane: number };
  /** What the last connection said beyond what the lane answered, where nobody else was there to answer. */
  takeUnread(): string;
  close(): Promise<void>;
}

const keepsOpen = {
  keepAliveTimeout: gatewayLimits.keepAliveMs,
  connectionsCheckingInterval: 50,
  maxHeaderSize: gatewayLimits.headerBytesMax,
};

/** `answer` takes the place of the lane's own echo. */
export async function openEcho(
  kind: 'lane' | 'node' | 'lane alone',
  answer?: LaneKeeper['answer'],
): Promise<Echo> {
  const asked = { node: 0, lane: 0 };
  const server = createServer(keepsOpen, (request, response) => {
    asked.node += 1;
    answerByNode(request, response);
  });
  const byLane: LaneKeeper['answer'] = (head, body, signal) => {
    asked.lane += 1;
    if (answer) return answer(head, body, signal);
    const { model, version, header } = head;
    const ofVersion = version === '' ? '' : `/versions/${version}`;
    return echoed({ method: 'POST', url: `/v2/models/${model}${ofVersion}/infer`, body, header });
  };
  const unread: Buffer[] = [];
  if (kind === 'lane alone') {
    server.removeAllListeners('connection');
    server.on('connection', (socket) => {
      asked.node += 1;
      socket.on('data', (part) => unread.push(part));
      socket.on('end', () => socket.end());
    });
  }
  const lanes = kind === 'node' ? undefined : new Lanes(server, byLane);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    server,
    lanes,
    port: (server.address() as AddressInfo).port,
    asked,
    takeUnread: () => Buffer.concat(unread.splice(0)).toString('latin1'),
    close: async () => {
      lanes?.closeAll();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function answerByNode(request: IncomingMessage, response: ServerResponse): void {
  response.on('error', () => {});
  const parts: Buffer[] = [];
  request.on('data', (part: Buffer) => parts.push(part));
  // A body that is cut short has nobody to answer.
  request.on('error', () => {});
  request.on('end', () => {
    const { method = '', url = '', headers } = request;
    const header = (name: string) => headers[name]?.toString();
    const { status, body, headers: told } = echoed({ method, url, body: Buffer.concat(parts), header });
    // At once: a broken request behind this one ends the connection.
    response.writeHead(status, { ...told, 'content-length': String(Buffer.byteLength(body)) });
    response.end(body);
  });
}

interface Understood {
  readonly method: string;
  readonly url: string;
  readonly body: Buffer;
  readonly header: (name: string) => string | undefined;
}

const told = ['host', 'authorization', 'content-length', 'content-type', 'x-more', 'accept-encoding'];

function echoed({ method, url, body, header }: Understood): LaneAnswer {
  const headers = Object.fromEntries(told.map((name) => [name, header(name)]));
  const text = JSON.stringify({ method, url, headers, body: body.toString('latin1') });
  // An answer of no ASCII has more bytes than characters.
  return { status: 200, headers: { 'content-type': 'application/json' }, body: text };
}

export function open(port: number): Socket {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  socket.on('error', () => {});
  return socket;
}

/** Everything that a server says to these bytes, which come to it in these pieces and then end; but for the time. */
export async function conversation(port: number, pieces: readonly Buffer[]): Promise<string> {
  const socket = open(port);
  const said: Buffer[] = [];
  socket.on('data', (part) => said.push(part));
  const closed = once(socket, 'close');
  await once(socket, 'connect');
  for (const piece of pieces) {
    if (socket.destroyed) break;
    socket.write(piece);
    // So that the pieces are read one by one.
    for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve));
  }
  return new Promise((resolve) => {
    void closed.then(() =>
      resolve(
        Buffer.concat(said)
          .toString('latin1')
          .replaceAll(/^Date: .*$/gm, 'Date'),
      ),
    );
    if (!socket.destroyed) socket.end();
  });
}
