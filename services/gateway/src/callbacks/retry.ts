/**
 * Pauses between tries of a callback, in ms: 5 s, 30 s, 2 min, 10 min, 30 min, 1 h, then every 2 h; a receiver that is
 * down over a night still hears.
 */
const pausesMs = [5_000, 30_000, 120_000, 600_000, 1_800_000, 3_600_000, ...Array<number>(6).fill(7_200_000)];

export const callbackTriesMax = pausesMs.length + 1;

/** How long until the next try after `tried` of them; 0 where that was the last. */
export function pauseAfter(tried: number): number {
  return pausesMs[tried - 1] ?? 0;
}

/** 2xx means heard; 410 Gone means that nobody wants to hear any more; everything else is tried again. */
export function verdictOf(status: number): 'heard' | 'gone' | 'again' {
  if (status >= 200 && status < 300) return 'heard';
  return status === 410 ? 'gone' : 'again';
}
