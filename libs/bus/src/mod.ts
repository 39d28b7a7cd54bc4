export { type Bus, type BusOptions, connectBus } from './bus.js';
export { type DeadLetterRow, type DeadLetterStatus, type Decision, deadLetters } from './dead-letters.js';
export { decodeEvent } from './decode-event.js';
export { type Cause, type Emitter, type EmitterOptions, emitterFor, type PutArtifact } from './emitter.js';
export { ensureStreams } from './ensure-streams.js';
export { eventHeaders } from './event-headers.js';
export { type FollowOptions, follow } from './follow.js';
export {
  type BatchCall,
  type BatchHandlerOptions,
  batchHandler,
  type EventHandlerOptions,
  type Handler,
  handler,
  type Pace,
} from './handlers.js';
export type { Log } from './log.js';
export type { RawMessage, ReceivedEvent } from './messages.js';
export { type ConsumerProgressInit, unpublishedCount } from './progress.js';
export { type Publication, publishRaw } from './publish.js';
export type { GetArtifact } from './raw-message.js';
export { type StreamDefinition, type StreamName, streams } from './streams.js';
export { type BusWork, type BusWorkOptions, startBusWork } from './work.js';

/** Outbox, inbox and dead letters, for `migrate(database, busMigrations, 'bus')`. */
export const busMigrations = new URL('../migrations/', import.meta.url);
