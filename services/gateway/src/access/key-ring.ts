import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { ApiKeyUpdated } from '@perennial/contracts';
import type { Clock } from '@perennial/kernel';
import { type Caller, isRole } from '../decide/access.js';
import { KeyMeter } from './meter.js';

interface Opener {
  readonly keyId: string;
  readonly caller: Caller;
  /** Milliseconds since the epoch. */
  readonly until: number;
}

/** The API keys of the platform as the registry tells them. Holds digests only. */
export class KeyRing {
  readonly #tenant: string;
  readonly #clock: Clock;
  readonly #onChange: () => void;
  readonly #epochs = new Map<string, bigint>();
  readonly #bySha256 = new Map<string, Opener>();
  readonly #hashes = new Map<string, readonly string[]>();
  readonly #meters = new Map<string, KeyMeter>();
  readonly #waiting = new Set<() => void>();
  #isCaughtUp = false;

  /** `onChange`: whatever was concluded from the ring may be wrong now. */
  constructor(tenant: string, clock: Clock, onChange: () => void) {
    this.#tenant = tenant;
    this.#clock = clock;
    this.#onChange = onChange;
  }

  /** False until the last word about every key was heard. */
  get isCaughtUp(): boolean {
    return this.#isCaughtUp;
  }

  caughtUp(): void {
    this.#isCaughtUp = true;
  }

  /** The whole state of one key; an older one than is known changes nothing. */
  updated(key: ApiKeyUpdated): void {
    const { keyId, epoch } = key;
    if ((this.#epochs.get(keyId) ?? 0n) >= epoch) return;
    this.#epochs.set(keyId, epoch);
    for (const sha256 of this.#hashes.get(keyId) ?? []) this.#bySha256.delete(sha256);
    this.#hashes.set(
      keyId,
      key.secrets.map(({ sha256 }) => sha256),
    );
    const caller = this.#callerFrom(key);
    const endsAt = key.expiresAt ? timestampMs(key.expiresAt) : 0;
    for (const { sha256, validUntil } of caller && !key.revoked ? key.secrets : []) {
      const until = validUntil ? Math.min(endsAt, timestampMs(validUntil)) : endsAt;
      if (caller) this.#bySha256.set(sha256, { keyId, caller, until });
    }
    this.#onChange();
    for (const look of [...this.#waiting]) look();
  }

  /** Whom the secret with this digest (hexadecimal) lets in, and until when. */
  find(sha256: string, now: number): { readonly caller: Caller; readonly until: number } | undefined {
    const opener = this.#bySha256.get(sha256);
    return opener && opener.until > now ? opener : undefined;
  }

  /** True as soon as this gateway enforces the epoch of a key; false where that takes longer than `withinMs`. */
  async enforces(keyId: string, epoch: bigint, withinMs: number): Promise<boolean> {
    const isThere = () => (this.#epochs.get(keyId) ?? 0n) >= epoch;
    if (isThere()) return true;
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve(isThere());
      };
      const look = () => isThere() && end();
      const timer = setTimeout(end, withinMs);
      this.#waiting.add(look);
    });
  }

  /** A role of a later release opens nothing here. */
  #callerFrom(key: ApiKeyUpdated): Caller | undefined {
    const { name, role, scope } = key;
    if (!isRole(role)) return undefined;
    const meter = this.#meterOf(key);
    return {
      name,
      tenant: this.#tenant,
      role,
      ...(scope && { scope: { systems: new Set(scope.systems), sources: new Set(scope.sources) } }),
      ...(meter && { meter }),
    };
  }

  /** The same one for all secrets and states of a key: a rotation gives nothing back. */
  #meterOf({ keyId, name, limits }: ApiKeyUpdated): KeyMeter | undefined {
    const { requestsPerSecond = 0, burst = 0, rowsPerDay = 0n, requestsAtOnce = 0 } = limits ?? {};
    if (requestsPerSecond === 0 && rowsPerDay === 0n && requestsAtOnce === 0) return undefined;
    const allowance = {
      requestsPerSecond,
      burst: burst || Math.max(1, Math.ceil(requestsPerSecond)),
      rowsPerDay: Number(rowsPerDay),
      requestsAtOnce,
    };
    const known = this.#meters.get(keyId);
    if (known) known.allowance = allowance;
    const meter = known ?? new KeyMeter(name, allowance, this.#clock);
    this.#meters.set(keyId, meter);
    return meter;
  }
}
