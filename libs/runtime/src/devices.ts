import { existsSync } from 'node:fs';
import { unavailable } from '@perennial/kernel';

/** Execution providers by which models can be run; `auto`: CUDA where the host has it, or the CPU. */
export type Device = 'auto' | 'cpu' | 'cuda' | 'webgpu';

export interface DeviceOptions {
  /** The CPU by default. */
  readonly device?: Device;
  /** A model that can only be run by the CPU is refused. */
  readonly requireDevice?: boolean;
}

type Provider = Exclude<Device, 'auto'>;

/** Why a provider cannot be had here at all, without asking the engine, which takes its time over it. */
function absence(provider: Provider): string | undefined {
  if (provider !== 'cuda' || process.platform !== 'linux') return undefined;
  return existsSync('/dev/nvidiactl') ? undefined : 'this host has no NVIDIA device';
}

/** What this process would try, the first that may work first; the CPU is always among them unless it is refused. */
export function devicesOf({ device = 'cpu', requireDevice = false }: DeviceOptions): string[] {
  const usable = wantedOf(device).filter((provider) => absence(provider) === undefined);
  return requireDevice ? usable : [...usable, 'cpu'];
}

function wantedOf(device: Device): Provider[] {
  if (device === 'auto') return ['cuda'];
  return device === 'cpu' ? [] : [device];
}

/**
 * Opens something with the first provider that works, and says which one and why not an earlier one:
 * "cuda", "cpu", or "cpu (cuda: this host has no NVIDIA device)".
 *
 * @throws PlatformError MODEL_DEVICE_UNAVAILABLE; what `open` throws on the CPU
 */
export async function withDevice<T>(
  { device, requireDevice }: Required<DeviceOptions>,
  open: (provider: Provider) => Promise<T>,
): Promise<{ opened: T; device: string }> {
  const reasons: string[] = [];
  for (const provider of wantedOf(device)) {
    const absent = absence(provider);
    if (absent) {
      reasons.push(`${provider}: ${absent}`);
      continue;
    }
    try {
      return { opened: await open(provider), device: provider };
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      reasons.push(`${provider}: ${text.replaceAll(/\s+/g, ' ').slice(0, 200)}`);
    }
  }
  const why = reasons.join('; ');
  if (requireDevice)
    throw unavailable(
      'MODEL_DEVICE_UNAVAILABLE',
      `this replica is of a pool that runs no model on the CPU, and no other device can be had (${why || `PERENNIAL_DEVICE is ${device}`})`,
    );
  return { opened: await open('cpu'), device: why ? `cpu (${why})` : 'cpu' };
}

/** Of a device as withDevice says it, which may go on with why it is no other. */
export function isCpu(device: string): boolean {
  return device === 'cpu' || device.startsWith('cpu ');
}
