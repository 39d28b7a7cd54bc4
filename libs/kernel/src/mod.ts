export { assert, unreachable } from './assert.js';
export { canonicalJson } from './canonical-json.js';
export { type Clock, fixedClock, systemClock } from './clock.js';
export { CsvReader, type CsvRecord, csvLine, csvSeparator, isCsvBoolean, isCsvNumber } from './csv.js';
export { type Digest, digestOf, isDigest, sha256 } from './digest.js';
export {
  asPlatformError,
  type ErrorOptions,
  type Fault,
  invalid,
  notFound,
  PlatformError,
  type Retry,
  unavailable,
} from './errors.js';
export { type EventTime, formatEventTime, parseDuration, parseEventTime } from './event-time.js';
export { type FoundFile, filesOfGlob } from './files-of-glob.js';
export { type Glob, isGlob, parseGlob } from './glob.js';
export { uuidv5, uuidv7, uuidv7Millis } from './ids.js';
export { limits } from './limits.js';
export {
  readModelKeys,
  readSigningKey,
  type SignedModel,
  signModel,
  verifyModelSignature,
} from './model-signature.js';
export { waitFor } from './wait-for.js';
export { dayInZone, fromZone, isTimeZone } from './zone.js';
