import type { Row } from './summary.js';

const width = 760;
const rowHeight = 20;
const left = 250;
const right = 90;
const top = 56;
const colours = { bare: '#8a8f98', edge: '#2a9d5c', pool: '#3467c2' } as const;

/** CPU per request of one row over each protocol at 64 connections (or the most there were): bars, least work first. */
export function plotOf(rows: readonly Row[]): string {
  const most = Math.max(...rows.map(({ connections }) => connections));
  const connections = rows.some((row) => row.connections === 64) ? 64 : most;
  const shown = rows.filter((row) => row.connections === connections && row.rows === 1);
  const longest = Math.max(...shown.map(({ cpuUs }) => cpuUs));
  const scale = (width - left - right) / longest;
  const height = top + shown.length * rowHeight + 16;
  const bars = shown.map((row, at) => {
    const y = top + at * rowHeight;
    const name = `${row.protocol}: ${row.server === 'pool' ? 'two processes' : row.server}${row.model ? `, ${row.model}` : ''}`;
    const length = row.cpuUs * scale;
    return [
      `<text x="${left - 8}" y="${y + 13}" text-anchor="end">${name}</text>`,
      `<rect x="${left}" y="${y + 3}" width="${length.toFixed(1)}" height="${rowHeight - 6}" fill="${colours[row.server]}"/>`,
      `<text x="${(left + length + 6).toFixed(1)}" y="${y + 13}">${row.cpuUs.toFixed(1)} us</text>`,
    ].join('\n');
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12" fill="#333">
<title>CPU of the server processes per request, 1 row, ${connections} connections</title>
<rect width="${width}" height="${height}" fill="#fff"/>
<text x="16" y="24" font-size="15">CPU of the server processes per request, 1 row, ${connections} connections</text>
<text x="16" y="42">median over rounds; bare: node:http or grpc-js that parses and answers the same, without a model</text>
${bars.join('\n')}
</svg>
`;
}
