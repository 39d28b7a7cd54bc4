const cellLengthMax = 120;

/** Rows as aligned columns; numbers to the right. Cells are shortened to 120 characters: an id stays whole. */
export function table(rows: Record<string, unknown>[], columns: string[]): string {
  const cells = rows.map((row) => columns.map((column) => cell(row[column])));
  const widths = columns.map((column, at) =>
    Math.max(column.length, ...cells.map((line) => line[at]?.length ?? 0)),
  );
  const isNumber = columns.map((column) => rows.every((row) => typeof row[column] === 'number'));
  const line = (texts: string[]) =>
    texts
      .map((item, at) => (isNumber[at] ? item.padStart(widths[at] ?? 0) : item.padEnd(widths[at] ?? 0)))
      .join('  ')
      .trimEnd();
  return [line(columns), line(widths.map((width) => '─'.repeat(width))), ...cells.map(line)].join('\n');
}

function cell(value: unknown): string {
  if (value === undefined || value === null) return '';
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value);
  return text.length > cellLengthMax ? `${text.slice(0, cellLengthMax - 1)}…` : text;
}
