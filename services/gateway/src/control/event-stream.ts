import type { ServerResponse } from 'node:http';
import { AuditEventSchema } from '@perennial/contracts';
import type { EventFeed } from '../effects/event-feed.js';
import type { Peers } from '../effects/peers.js';
import { gatewayLimits } from '../limits.js';
import { listEvents } from './evidence.js';
import { type ControlRequest, jsonOf } from './route.js';

/**
 * `GET /v1/events` as server-sent events: the last recorded ones, or with `?follow=true` the new ones until the client
 * goes away. A follower that reads too slowly is cut off; it finds what it missed in the audit log.
 */
export async function streamEvents(
  { feed, audit }: { feed: EventFeed; audit: Peers['audit'] },
  request: Pick<ControlRequest, 'query' | 'signal'>,
  response: ServerResponse,
): Promise<void> {
  if (request.query['follow'] !== 'true') {
    const { events } = await listEvents(audit, request);
    begin(response);
    for (const event of events) {
      const { event_type: type, occurred_at: time, ...rest } = jsonOf(AuditEventSchema, event);
      write(response, String(rest['event_id']), { ...rest, type, time });
    }
    response.end();
    return;
  }
  let isCut = false;
  const stop = await feed.listen((event) => {
    if (isCut) return;
    if (response.writableLength > gatewayLimits.followerBytesMax) {
      isCut = true;
      response.destroy();
      return;
    }
    write(response, event.id, event);
  });
  begin(response);
  const heartbeat = setInterval(() => response.write(': alive\n\n'), gatewayLimits.followerHeartbeatMs);
  await new Promise<void>((resolve) => {
    response.once('close', resolve);
    request.signal.addEventListener('abort', () => resolve(), { once: true });
    if (request.signal.aborted || response.destroyed) resolve();
  });
  clearInterval(heartbeat);
  stop();
  response.end();
}

function begin(response: ServerResponse): void {
  if (response.headersSent) return;
  response.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
  });
  response.flushHeaders();
}

function write(response: ServerResponse, id: string, event: object): void {
  begin(response);
  response.write(`id: ${id}\ndata: ${JSON.stringify(event)}\n\n`);
}
