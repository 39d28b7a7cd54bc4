import { CaptureLevel } from '@perennial/contracts';
import type { Recording } from '../recording.js';
import { nameJson } from './plain-json.js';

/** What events of one deployment, caller and outcome have in common. */
type Common = Pick<
  Recording,
  'system' | 'deployment' | 'epoch' | 'transport' | 'status' | 'caller' | 'level' | 'isImported' | 'isCached'
>;

interface Frame extends Common {
  readonly replica: string;
  readonly text: string;
}

/** Frames of one deployment that are kept: some callers, and the outcomes that come again and again. */
const framesMax = 16;
const deploymentsMax = 1_000;
const frames = new Map<string, Frame[]>();

/** The beginning of an event's JSON, up to its prediction id: most of its text is that of an event before it. */
export function frameJson(recording: Recording): string {
  const replica = recording.ran?.replica ?? '';
  const known = framesOf(recording.deployment);
  for (const frame of known) if (frame.replica === replica && areSame(frame, recording)) return frame.text;
  const { system, deployment, epoch, transport, status, caller, level, isImported, isCached } = recording;
  const common = { system, deployment, epoch, transport, status, caller, level, isImported, isCached };
  const text = textOf(common, replica);
  if (known.length >= framesMax) known.shift();
  known.push({ ...common, replica, text });
  return text;
}

function framesOf(deployment: string): Frame[] {
  let known = frames.get(deployment);
  if (!known) {
    if (frames.size >= deploymentsMax) frames.clear();
    known = [];
    frames.set(deployment, known);
  }
  return known;
}

function areSame(one: Common, other: Common): boolean {
  return (
    one.system === other.system &&
    one.deployment === other.deployment &&
    one.epoch === other.epoch &&
    one.transport === other.transport &&
    one.status === other.status &&
    one.caller === other.caller &&
    one.level === other.level &&
    one.isImported === other.isImported &&
    one.isCached === other.isCached
  );
}

function textOf(common: Common, replica: string): string {
  const { system, deployment, epoch, transport, status, caller, level, isImported, isCached } = common;
  let text =
    `{"system":${nameJson(system)},"deployment":${nameJson(deployment)},"transport":${nameJson(transport)},` +
    `"status":${nameJson(status)},"capture":"CAPTURE_LEVEL_${CaptureLevel[level]}"`;
  if (epoch > 0n) text += `,"epoch":"${epoch}"`;
  if (caller !== '') text += `,"caller":${nameJson(caller)}`;
  if (isImported) text += ',"imported":true';
  if (isCached) text += ',"cached":true';
  if (replica !== '') text += `,"replica":${nameJson(replica)}`;
  text += ',"predictionId":"';
  // One string, not a tree of its parts: it is read for every event.
  return Buffer.from(text).toString();
}
