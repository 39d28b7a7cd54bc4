import type { Perennial } from '@perennial/client';

export interface QualityRow {
  month: string;
  answer: string;
  rows?: number;
  value?: number;
}

/** Mean absolute error by month: version 1 kept frozen beside what was served. */
export function closingTable(quality: QualityRow[]): string {
  const months = [...new Set(quality.map((row) => row.month))].sort();
  const lines = months.map((month) => {
    const served = maeOf(quality, month, 'served');
    const frozen = maeOf(quality, month, 'version:1');
    return `${month}  ${cell(frozen)}  ${cell(served)}  ${bar(frozen, '░')}\n${' '.repeat(7)}  ${' '.repeat(6)}  ${' '.repeat(6)}  ${bar(served, '█')}`;
  });
  return ['month    frozen  served  MAE in °C (░ version 1 kept frozen, █ what was served)', ...lines].join(
    '\n',
  );
}

/** The error of the month that `date` ends, in a sentence. */
export async function monthText(platform: Perennial, system: string, date: string): Promise<string> {
  const { rows = [] } = await platform.call<{ rows?: QualityRow[] }>('GET', `/v1/systems/${system}/quality`);
  const month = date.slice(0, 7);
  const text = (answer: string) => `${maeOf(rows, month, answer)?.toFixed(2) ?? '–'} °C`;
  return `the month's mean absolute error: ${text('served')} as served, ${text('version:1')} had version 1 stayed`;
}

/** Mean over the months `from` to `to` (inclusive) of the monthly MAE. */
export function meanMae(quality: QualityRow[], answer: string, from: string, to: string): number {
  const values = quality
    .filter((row) => row.answer === answer && row.month >= from && row.month <= to)
    .map((row) => row.value ?? 0);
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function maeOf(quality: QualityRow[], month: string, answer: string): number | undefined {
  return quality.find((row) => row.month === month && row.answer === answer)?.value;
}

function cell(value: number | undefined): string {
  return (value === undefined ? '–' : value.toFixed(2)).padStart(6);
}

function bar(value: number | undefined, mark: string): string {
  return mark.repeat(Math.round((value ?? 0) * 4));
}
