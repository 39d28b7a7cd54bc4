/** Bounds of who comes in, with their reasons. */
export const accessLimits = {
  /** Headers whose caller is known already, some 300 bytes each; tokens of an identity provider change every hour. */
  knownCallersMax: 20_000,
  /** Key sets are asked for again after this; providers turn keys over within days. */
  oidcKeysFreshMs: 10 * 60_000,
  /** Known keys count for so long while the provider is away: its outage must not be ours, and a lost key not for ever. */
  oidcKeysStaleMsMax: 24 * 60 * 60_000,
  /** Between two askings, whatever tokens come and whether the last one failed. */
  oidcRefreshMsMin: 10_000,
  /** A key set is some KiB from a server nearby; requests wait for the first one. */
  oidcFetchTimeoutMs: 3_000,
  oidcDocumentBytesMax: 1024 * 1024,
  /** How far the clocks of provider and gateway may be apart. */
  oidcClockToleranceMs: 60_000,
  /** How often it is looked whether those who hold a stream open are known still; a change is heard of at once. */
  knownAgainMs: 1_000,
  /** A change of a key answers when this gateway enforces it, or after this. */
  enforceWaitMs: 2_000,
  /** How long a new key lives where nobody says it. */
  keyLifetimeDaysDefault: 90,
  /** How long the secret before a rotation stays valid where nobody says it: a day to bring the new one everywhere. */
  graceSecondsDefault: 24 * 60 * 60,
} as const;
