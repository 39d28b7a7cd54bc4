import { create } from '@bufbuild/protobuf';
import { timestampDate, timestampFromDate } from '@bufbuild/protobuf/wkt';
import { type GetLiveRequest, GetLiveResponseSchema } from '@perennial/contracts';
import { formatEventTime, notFound, type PlatformError } from '@perennial/kernel';
import { storeOf } from '../apply-fact.js';
import { DeploymentRows, type Epoch, type Moment } from '../deployment-rows.js';
import { ServedModels } from '../served-models.js';
import type { RpcContext } from './context.js';
import { unknownModel } from './served-models.js';

/**
 * What a deployment served at a moment: of the process, of the stream, or of the data.
 *
 * @throws PlatformError MODEL_NOT_FOUND, LIVE_NOT_FOUND
 */
export async function getLive({ db, decider }: RpcContext, { name, moment }: GetLiveRequest) {
  const rows = new DeploymentRows(db, decider.tenant);
  const asked = momentOf(moment);
  const live = await rows.liveAt(name, asked);
  if (!live) {
    const first = await rows.first(name);
    const isKnown =
      first ??
      (await new ServedModels(db, decider.tenant).load(name)) ??
      (await storeOf(decider, db).peek(name));
    if (!isKnown) throw unknownModel(name);
    throw notLive(name, asked, first);
  }
  const next = await rows.after(name, live.deployment.epoch);
  return create(GetLiveResponseSchema, { name, live: shown(live), ...(next && { next: shown(next) }) });
}

function momentOf(moment: GetLiveRequest['moment']): Moment | undefined {
  switch (moment.case) {
    case 'at':
      return { by: 'since', at: timestampDate(moment.value) };
    case 'dataTime':
      return { by: 'data_time', at: timestampDate(moment.value) };
    case 'sequence':
      return { by: 'sequence', at: Number(moment.value) };
    default:
      return undefined;
  }
}

function shown({ deployment, since, dataTime, event }: Epoch) {
  return {
    deployment,
    since: timestampFromDate(since),
    ...(dataTime && { dataTime: timestampFromDate(dataTime) }),
    ...(event && { eventId: event.id, sequence: BigInt(event.sequence) }),
  };
}

const text = (date: Date): string => formatEventTime(date.getTime());

/** Says when the first epoch began by the clock that was asked for, and which other clock may have been meant. */
function notLive(name: string, asked: Moment | undefined, first: Epoch | undefined): PlatformError {
  if (!first || asked === undefined) {
    return notFound('LIVE_NOT_FOUND', `${name} has not served anything yet`, { field: 'name' });
  }
  if (asked.by === 'sequence') {
    const began = first.event ? `sequence ${first.event.sequence}` : 'an event that has not come back yet';
    const message = `sequence: nothing of ${name} was live at sequence ${asked.at}; it began with ${began}`;
    return notFound('LIVE_NOT_FOUND', message, { field: 'sequence' });
  }
  if (asked.by === 'data_time') {
    const began = first.dataTime
      ? `its first deployment came when the verified rows had reached ${text(first.dataTime)}`
      : 'its first deployment has no data time; ask with "at", the time of the clock on the wall';
    const message = `data-time: nothing of ${name} was live when the data stood at ${text(asked.at)}; ${began}`;
    return notFound('LIVE_NOT_FOUND', message, { field: 'data-time' });
  }
  const hint = first.dataTime
    ? `; the time of the data is asked for with "data-time": the rows had reached ${text(first.dataTime)} then`
    : '';
  const message = `at: nothing of ${name} was live at ${text(asked.at)}; its first deployment began at ${text(first.since)}${hint}`;
  return notFound('LIVE_NOT_FOUND', message, { field: 'at' });
}
