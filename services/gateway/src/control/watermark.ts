import { asPlatformError } from '@perennial/kernel';
import { reached, type SourceWatermark, watermarkOf } from '../decide/settled.js';
import { type SystemSource, systemSource } from '../decide/system-source.js';
import type { Deployments } from '../deployments.js';
import type { Peers } from '../effects/peers.js';
import type { Settlement } from '../effects/settlement.js';
import { sequenceOf } from '../effects/stream-sequences.js';
import { gatewayLimits } from '../limits.js';
import { type ControlRequest, type ControlRoute, numberOf } from './route.js';

interface Needs {
  readonly peers: Peers;
  readonly deployments: Deployments;
  readonly settlement: Settlement;
}

interface Confirming extends Needs {
  /** Where MODEL stood when the registry last confirmed that a system's newest deployment is served. */
  readonly confirmed: Map<string, string>;
}

interface Look {
  readonly watermark: SourceWatermark;
  readonly settled: boolean;
}

/** `?wait=ms&rows=&labels=`: where the data stands, answered when it has got there and nothing is in hand anywhere. */
export function watermarkRoutes(gateway: Needs): ControlRoute[] {
  const needs = { ...gateway, confirmed: new Map<string, string>() };
  return [
    {
      method: 'GET',
      path: '/v1/systems/:system/watermark',
      needs: 'inspect',
      answer: async (request) => {
        const { name, source } = await sourceOf(needs, request);
        const { watermark, settled } = await untilSettled(needs, name, source, request);
        return { source: source.name, ...watermark, settled };
      },
    },
  ];
}

async function sourceOf(
  { peers, deployments }: Needs,
  { params }: ControlRequest,
): Promise<{ name: string; source: SystemSource }> {
  const name = params['system'] ?? '';
  const known = deployments.source(name);
  if (known) return { name, source: known };
  // Just applied, or not at all: the registry knows first.
  const { specJson } = await peers.registry.getSystem({ system: name });
  return { name, source: systemSource(specJson) };
}

async function untilSettled(
  needs: Confirming,
  system: string,
  source: SystemSource,
  { query, signal }: ControlRequest,
): Promise<Look> {
  const waitMs = numberOf(query, 'wait', { fallback: 0, max: gatewayLimits.watermarkWaitMsMax });
  const want = {
    ...(query['rows'] && { rows: query['rows'] }),
    ...(query['labels'] && { labels: query['labels'] }),
  };
  const deadlineAt = performance.now() + waitMs;
  let pauseMs: number = gatewayLimits.settlePauseMsMin;
  let last: Look = { watermark: { rows: '', labels: '' }, settled: false };
  for (;;) {
    last = await look(needs, system, source, want, last);
    if (last.settled || signal.aborted || performance.now() + pauseMs > deadlineAt) return last;
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
    pauseMs = Math.min(pauseMs * 1.5, gatewayLimits.settlePauseMsMax);
  }
}

/** A service that does not answer has not settled; the next look may find it back. */
async function look(
  needs: Confirming,
  system: string,
  source: SystemSource,
  want: Partial<SourceWatermark>,
  last: Look,
): Promise<Look> {
  const { peers, settlement } = needs;
  let { watermark } = last;
  try {
    const featurize = peers.operations.get('featurize');
    if (featurize) watermark = watermarkOf(await featurize.getProgress({}), source.name);
    if (!reached(watermark, want)) return { watermark, settled: false };
    const quietAt = await settlement.quietAt();
    if (quietAt === undefined) return { watermark, settled: false };
    return { watermark, settled: await servesNewest(needs, system, quietAt) };
  } catch (thrown) {
    if (asPlatformError(thrown).fault === 'caller') throw thrown;
    return { watermark, settled: false };
  }
}

/**
 * The newest deployment may be told and not have reached this gateway yet: then what it answers is not settled. The
 * registry is asked again only after something was told about models.
 */
async function servesNewest(needs: Confirming, system: string, quietAt: string): Promise<boolean> {
  const { peers, deployments, confirmed } = needs;
  const told = sequenceOf('MODEL', quietAt);
  if (confirmed.get(system) === told) return true;
  const { deployment } = await peers.registry.getSystem({ system });
  const isNewest = deployment === undefined || deployments.epoch(system) >= deployment.epoch;
  if (isNewest) confirmed.set(system, told);
  return isNewest;
}
