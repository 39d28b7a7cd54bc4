import type { ServiceOptions } from '@perennial/service';
import { settings } from './config.js';
import { type Doors, openDoors } from './doors.js';
import { openGateway } from './gateway.js';
import { gatewayLimits } from './limits.js';

/** The gateway as the frame runs it. */
export const gatewayService: ServiceOptions<typeof settings> = {
  name: 'gateway',
  settings,
  build: async (frame) => {
    const gateway = await openGateway(frame);
    const { access, deployments, fleet, spool } = gateway;
    let doors: Doors | undefined;
    return {
      ready: () => doors !== undefined && deployments.isCaughtUp && access.ring.isCaughtUp,
      progress: () => ({
        work: [
          { kind: 'predictions', count: spool.size },
          { kind: 'switches', count: deployments.switching },
          { kind: 'requests', count: doors?.requestsInHand ?? 0 },
        ],
      }),
      start: async () => {
        doors = await openDoors(gateway, frame);
      },
      stop: async () => {
        await doors?.close();
        const isEmpty = await spool.drain(gatewayLimits.spoolDrainMs);
        if (!isEmpty) frame.log.error('prediction events are lost: the bus took none', { count: spool.size });
        await fleet.close();
      },
    };
  },
};
